from __future__ import annotations

import pytest
import trio
from trio.testing import Sequencer

from kxt_trio import KXTConnectionError
from kxt_trio.testing import FakeKIS


async def test_one_session_per_app_key(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as first:
        async with dial(fake_kis) as second:
            assert await second.subscribe() == "OPSP8996"
            await first.ask(first.release_request)
            assert await second.subscribe() == "OPSP0000"
        await trio.sleep(1)
        assert fake_kis.sessions == 1
        assert await first.subscribe() == "OPSP0000"
    await trio.sleep(1)
    assert fake_kis.sessions == 0


async def test_a_place_is_free_as_soon_as_the_link_is_cut(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True):
        async with dial(fake_kis) as second:
            for desk in fake_kis._broker.switchboard.connections[:1]:
                desk.drop()
            assert await second.subscribe() == "OPSP0000"


async def test_another_program_can_hold_the_key(autojump_clock, fake_kis, dial):
    fake_kis.occupy_session()
    async with dial(fake_kis) as client:
        assert await client.subscribe() == "OPSP8996"
        fake_kis.free_session()
        assert await client.subscribe() == "OPSP0000"


async def test_wait_subscribed(autojump_clock, fake_kis, dial, nursery):
    assert not fake_kis.is_subscribed
    times = []

    async def watch() -> None:
        await fake_kis.wait_subscribed()
        times.append(trio.current_time())

    nursery.start_soon(watch)
    async with dial(fake_kis) as client:
        await trio.sleep(5)
        assert times == []
        await client.subscribe()
        await trio.sleep(5)
        assert len(times) == 1
        await watch()
        assert len(times) == 2


async def test_notices_without_a_subscription_are_lost(autojump_clock, fake_kis, dial):
    order_id = fake_kis.place("005930", quantity=10, price=69950)
    async with dial(fake_kis) as client:
        fake_kis.fill(order_id, quantity=4)
        await client.subscribe()
        fake_kis.fill(order_id, quantity=6)
        assert int((await client.notice())[9]) == 6


async def test_notices_lag_in_order(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        started = trio.current_time()
        fake_kis.notice_lag = 5
        first = fake_kis.place("005930", quantity=10, price=69950)
        await trio.sleep(1)
        fake_kis.notice_lag = 0
        second = fake_kis.place("005930", quantity=10, price=69950)
        for order_id in (first, second):
            assert (await client.notice())[2] == order_id
            assert trio.current_time() - started == pytest.approx(5)
        third = fake_kis.place("005930", quantity=10, price=69950)
        assert (await client.notice())[2] == third
        assert trio.current_time() - started == pytest.approx(5)


async def test_a_single_notice_can_be_late_and_holds_back_none(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        order_id = fake_kis.place("005930", quantity=9, price=1, announce=False)
        fake_kis.fill(order_id, quantity=4, lag=30)
        fake_kis.fill(order_id, quantity=3, lag=20)
        fake_kis.fill(order_id, quantity=2)
        started = trio.current_time()
        seen = []
        while len(seen) < 3:
            text = await client.receive()
            if text.startswith("1|"):
                fields = client.cipher.decrypt(text.split("|")[3]).split("^")
                seen.append((int(fields[9]), fields[11], round(trio.current_time() - started)))
        assert seen == [(2, "090000", 0), (3, "090000", 20), (4, "090000", 30)]


async def test_a_late_notice_goes_to_whoever_is_there_then(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True):
        fake_kis.notice_lag = 5
        lost = fake_kis.place("005930", quantity=1, price=1)
        await trio.sleep(2)
        late = fake_kis.place("005930", quantity=1, price=1)
    await trio.sleep(4)
    async with dial(fake_kis, subscribed=True) as client:
        assert lost != (await client.notice())[2] == late


async def test_connections_fail_in_the_order_asked_for(autojump_clock, fake_kis, dial):
    fake_kis.refuse_connections()
    fake_kis.hang_connections()
    fake_kis.garbage_handshake()
    fake_kis.eof_handshake()
    fake_kis.reject_handshake(503)
    messages = []
    for _ in range(5):
        with pytest.raises(Exception) as caught:
            async with dial(fake_kis, timeout=3):
                pass
        messages.append(str(caught.value))
    assert [message.partition(":")[0] for message in messages] == [
        "cannot connect to ops.koreainvestment.com",
        "no websocket with ops.koreainvestment.com",
        "the peer sent what is not websocket",
        "the connection ended during the handshake",
        "the broker answered the handshake with HTTP 503",
    ]
    async with dial(fake_kis, subscribed=True):
        assert len(fake_kis.connects) == 6


async def test_times_are_recorded(autojump_clock, fake_kis, dial):
    started = trio.current_time()
    for _ in range(2):
        async with dial(fake_kis):
            await trio.sleep(3)
    assert [time - started for time in fake_kis.connects] == pytest.approx([0, 3])


async def test_nonsense_in_the_handshake_is_survived(autojump_clock, fake_kis, dial):
    for nonsense in (b"", b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
        stream = await fake_kis.network.open_stream("anywhere", 1, tls=False)
        async with stream:
            if nonsense:
                await stream.send_all(nonsense)
    await trio.sleep(1)
    async with dial(fake_kis, subscribed=True):
        pass


async def test_a_client_may_be_gone_before_its_fault(autojump_clock, fake_kis, dial):
    fake_kis.garbage_handshake()
    stream = await fake_kis.network.open_stream("anywhere", 1, tls=False)
    await stream.aclose()
    await trio.sleep(1)
    async with dial(fake_kis, subscribed=True):
        pass


async def test_connections_are_refused_outside_the_block(autojump_clock, http):
    kis = FakeKIS()
    with pytest.raises(ConnectionRefusedError):
        await kis.network.open_stream("anywhere", 1, tls=False)
    async with kis:
        pass
    with pytest.raises(ConnectionRefusedError):
        await kis.network.open_stream("anywhere", 1, tls=False)
    assert kis.connects == []


async def test_leaving_cuts_who_is_still_there(autojump_clock, dial):
    kis, turns = FakeKIS(), Sequencer()

    async def stay() -> None:
        async with dial(kis, subscribed=True) as client:
            async with turns(0):
                pass
            with pytest.raises(KXTConnectionError):
                await client.receive()

    async with trio.open_nursery() as nursery:
        async with kis:
            nursery.start_soon(stay)
            async with turns(1):
                kis.notice_lag = 5
                kis.place("005930", quantity=1, price=1)
        assert kis.sessions == 0
