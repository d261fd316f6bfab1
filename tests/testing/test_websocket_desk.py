from __future__ import annotations

import json

import pytest
import trio

from kxt_trio import KXTConnectionError
from kxt_trio.testing import FakeKIS


async def test_pingpong_comes_when_nothing_else_was_sent(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        await trio.sleep(7)
        fake_kis.place("005930", quantity=1, price=1)
        await client.notice()
        started = trio.current_time()
        text = await client.receive()
        assert trio.current_time() - started == pytest.approx(10)
        assert text == '{"header":{"tr_id":"PINGPONG","datetime":"20261120090017"}}'
        assert len(text) == 59


async def test_a_pong_with_the_same_bytes_is_an_answer(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        for _ in range(30):
            text = await client.receive()
            await client.link.pong(text.encode())
        await trio.sleep(1)
        assert len(fake_kis.pongs) == 30
        assert fake_kis.pongs[-1] == text.encode()
        assert fake_kis.is_subscribed


async def test_so_is_an_echo(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        text = await client.receive()
        await client.link.send(text)
        await trio.sleep(1)
        assert fake_kis.pongs == [text.encode()]
        assert len(fake_kis.requests) == 1


async def test_another_echo_is_refused(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        await client.receive()
        reply = await client.ask('{"header":{"tr_id":"PINGPONG"}}')
        assert reply["body"]["msg_cd"] == "OPSP8993"


async def test_answering_the_last_answers_those_before(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        for _ in range(20):
            for _ in range(5):
                text = await client.receive()
            await client.link.pong(text.encode())
        assert fake_kis.is_subscribed


async def test_a_pingpong_of_the_tests_own_is_one_like_the_others(
    autojump_clock, fake_kis, dial
):
    text = '{"header": {"tr_id": "PINGPONG", "datetime": "20261120090000"}}'
    async with dial(fake_kis, subscribed=True) as client:
        for _ in range(2):
            fake_kis.send_text(text)
        for _ in range(2):
            assert await client.receive() == text
            await client.link.pong(text.encode())
        await trio.sleep(1)
        assert fake_kis.is_subscribed
        await client.link.pong(text.encode())  # one more than was asked for
        await client.ended()
    assert fake_kis.pongs == [text.encode()] * 3


async def test_also_in_that_it_must_be_answered(autojump_clock, dial):
    async with FakeKIS(pingpong_interval=1000, pingpong_patience=5) as kis:
        async with dial(kis, subscribed=True) as client:
            kis.send_text('{"header":{"tr_id":"PINGPONG"}}')
            started = trio.current_time()
            await client.ended()
            assert trio.current_time() - started == pytest.approx(5)


async def test_replies_take_their_time_and_come_in_order(autojump_clock, dial):
    async with FakeKIS(reply_lag=3) as kis, dial(kis) as client:
        await client.link.send(client.request)
        await trio.sleep(1)
        kis.reply_lag = 0
        await client.link.send(client.release_request)
        started = trio.current_time()
        codes = [json.loads(await client.receive())["body"]["msg_cd"] for _ in range(2)]
        assert codes == ["OPSP0000", "OPSP0001"]
        assert trio.current_time() - started == pytest.approx(2)


async def test_a_request_has_its_effect_with_its_reply(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        fake_kis.reply_lag = 5
        await client.link.send(client.release_request)
        await trio.sleep(4)
        assert fake_kis.is_subscribed
        fake_kis.place("005930", quantity=1, price=1)
        await trio.sleep(2)
        assert not fake_kis.is_subscribed
        assert len(await client.notice()) == 26


async def test_a_reply_is_lost_with_its_connection(autojump_clock, dial):
    async with FakeKIS(reply_lag=5) as kis:
        async with dial(kis) as client:
            await client.link.send(client.request)
            await trio.sleep(1)
            kis.silence()
            await trio.sleep(9)
            assert not kis.is_subscribed


async def test_an_unanswered_pingpong_ends_the_connection(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        started = trio.current_time()
        assert await client.ended() == "the connection ended without a close frame"
        assert trio.current_time() - started == pytest.approx(110)
        await trio.sleep(1)
        assert fake_kis.sessions == 0


async def test_also_on_a_busy_connection(autojump_clock, dial):
    async with FakeKIS(pingpong_interval=5, pingpong_patience=20) as kis:
        async with dial(kis, subscribed=True) as client:
            await trio.sleep(5.5)
            started = trio.current_time()
            with pytest.raises(KXTConnectionError):
                while True:
                    kis.place("005930", quantity=1, price=1)
                    await client.receive()
                    await trio.sleep(1)
            assert 19 < trio.current_time() - started < 22


async def test_an_unsolicited_pong_ends_the_connection(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        await client.link.pong(b"")
        await client.ended()
        assert fake_kis.pongs == [b""]
        assert not fake_kis.is_subscribed


async def test_requests_are_recorded_as_json(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        await client.ask(client.release_request)
        assert (await client.ask("not JSON"))["body"]["msg_cd"] == "OPSP9999"
        assert (await client.ask("[" * 100_000))["body"]["msg_cd"] == "OPSP9999"
        subscribe, release, *others = fake_kis.requests
        assert subscribe == json.loads(client.request)
        assert release["header"]["tr_type"] == "2"
        assert others == [None, None]


async def test_replies_and_notices_keep_their_order(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        numbers = [fake_kis.place("005930", quantity=1, price=1) for _ in range(20)]
        assert [(await client.notice())[2] for _ in numbers] == numbers


async def test_a_goodbye_is_answered(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        await client.link.aclose(1001)
        await trio.sleep(1)
        assert fake_kis.closes == [1001]
        assert (fake_kis.sessions, fake_kis.is_subscribed) == (0, False)
