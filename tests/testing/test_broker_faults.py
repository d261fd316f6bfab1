from __future__ import annotations

import httpx  # noqa: ASYNC127  # an HTTP client that is not ours
import pytest
import trio

from kxt_trio import KXTAPIError, KXTAuthenticationError
from kxt_trio.testing import FakeKIS


async def test_drop(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        order_id = fake_kis.place("005930", quantity=1, price=1)
        fake_kis.drop()
        assert not fake_kis.is_subscribed
        fake_kis.fill(order_id)
        assert await client.ended() == "the connection ended without a close frame"
    async with dial(fake_kis, subscribed=True):
        assert fake_kis.sessions == 1


async def test_without_a_connection_nothing_breaks(autojump_clock, fake_kis):
    fake_kis.drop()
    fake_kis.close()
    fake_kis.close_without_fin()
    fake_kis.silence()
    fake_kis.send_text("nobody hears this")
    await trio.sleep(1)
    assert fake_kis.sessions == 0


async def test_close_after_what_was_sent(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        order_id = fake_kis.place("005930", quantity=1, price=1)
        fake_kis.close(1012)
        fake_kis.fill(order_id)  # lost
        assert (await client.notice())[2] == order_id
        assert await client.ended() == "the connection was closed with code 1012"
        await trio.sleep(1)
        assert fake_kis.closes == [1012]
        assert fake_kis.sessions == 0


async def test_close_against_a_client_that_is_gone(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True):
        fake_kis.close()
    await trio.sleep(1)
    assert fake_kis.sessions == 0


async def test_close_without_fin(autojump_clock, fake_kis, dial):
    with trio.move_on_after(1000) as patience:
        async with dial(fake_kis, subscribed=True) as client:
            fake_kis.close_without_fin(1001)
            assert await client.ended() == "the connection was closed with code 1001"
            # Nothing more comes, and no end either: the library cuts the link itself.
            assert fake_kis.sessions == 1
    assert not patience.cancelled_caught
    await trio.sleep(1)
    assert fake_kis.sessions == 0


async def test_silence(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        fake_kis.silence()
        fake_kis.place("005930", quantity=1, price=1)
        assert not fake_kis.is_subscribed
        with trio.move_on_after(1000) as patience:
            await client.ask(client.release_request)
        assert patience.cancelled_caught
        async with dial(fake_kis) as second:
            assert await second.subscribe() == "OPSP8996"  # the place is still taken
    await trio.sleep(1)
    async with dial(fake_kis, subscribed=True):
        assert len(fake_kis.requests) == 3


@pytest.mark.parametrize("before", [True, False])
async def test_ignore_goodbye(autojump_clock, fake_kis, dial, before):
    if before:
        fake_kis.ignore_goodbye()
    async with dial(fake_kis, subscribed=True) as client:
        fake_kis.ignore_goodbye()
        with trio.move_on_after(5) as patience:
            await client.ask(client.release_request)
        assert patience.cancelled_caught
        with trio.move_on_after(1000) as patience:
            await client.link.aclose()
        assert patience.cancelled_caught
        assert len(fake_kis.requests) == 2
        assert fake_kis.closes == [1000]
    await trio.sleep(1)
    assert fake_kis.sessions == 0


async def test_refuse(autojump_clock, fake_kis, dial):
    fake_kis.refuse("OPSP0007", times=2)
    async with dial(fake_kis) as client:
        assert [await client.subscribe() for _ in range(3)] == [
            "OPSP0007",
            "OPSP0007",
            "OPSP0000",
        ]


async def test_accept_and_close(autojump_clock, fake_kis, dial):
    fake_kis.accept_and_close(times=2)
    for _ in range(2):
        async with dial(fake_kis, subscribed=True) as client:
            assert await client.ended() == "the connection ended without a close frame"
    async with dial(fake_kis, subscribed=True):
        await trio.sleep(1)
        assert fake_kis.is_subscribed


async def test_reject_approval(autojump_clock, fake_kis, dial):
    fake_kis.reject_approval()
    fake_kis.reject_approval(code="EGW00201", status=500)
    with pytest.raises(KXTAuthenticationError, match="EGW00103"):
        async with dial(fake_kis):
            pass
    with pytest.raises(KXTAPIError, match="HTTP 500, EGW00201"):
        async with dial(fake_kis):
            pass
    async with dial(fake_kis):
        pass


async def test_expired_approval_keys_do_not_end_a_session(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        fake_kis.expire_approval_keys()
        await client.ask(client.release_request)
        assert await client.subscribe() == "OPSP0011"
    async with dial(fake_kis, subscribed=True):
        pass


async def test_heal(autojump_clock, fake_kis, dial, http):
    fake_kis.refuse_connections(times=9)
    fake_kis.refuse("OPSP0007", times=9)
    fake_kis.accept_and_close(times=9)
    fake_kis.occupy_session()
    fake_kis.ignore_goodbye()
    fake_kis.reject_approval(times=9)
    fake_kis.rest_down(times=9)
    fake_kis.rest_down()
    fake_kis.limit_rest(0)
    fake_kis.heal()
    async with dial(fake_kis, subscribed=True) as client:
        await client.ask(client.release_request)
        await client.link.aclose()
    await trio.sleep(1)
    assert fake_kis.sessions == 0


async def test_send_text(autojump_clock, fake_kis, dial):
    async with dial(fake_kis) as client:
        await client.ask(client.release_request)
        fake_kis.send_text("anything")
        assert await client.receive() == "anything"


async def test_rest_down(autojump_clock, fake_kis, dial, http):
    fake_kis.rest_down(times=1)
    fake_kis.rest_down(times=1, status=None)
    with pytest.raises(KXTAPIError, match="HTTP 503"):
        async with dial(fake_kis):
            pass
    with pytest.raises(httpx.ConnectError):
        async with dial(fake_kis):
            pass
    fake_kis.rest_down(status=500)
    async with http(fake_kis) as client:
        assert {(await client.get("/any")).status_code for _ in range(5)} == {500}
        fake_kis.rest_up()
        assert (await client.get("/any")).status_code == 404
    assert len(fake_kis.rest_calls) == 8
    assert fake_kis.rest_calls[0].request.path == "/oauth2/Approval"


async def test_rest_takes_its_time(autojump_clock, fake_kis, http):
    fake_kis.rest_latency = 3
    started = trio.current_time()
    async with http(fake_kis) as client:
        await client.get("/any")
    assert trio.current_time() - started == pytest.approx(3)


async def test_rest_is_gone_with_the_broker(http):
    async with FakeKIS() as kis:
        pass
    async with http(kis) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/any")
