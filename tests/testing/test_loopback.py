"""Real sockets on the real clock."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

import httpx  # noqa: ASYNC127  # an HTTP client that is not ours
import pytest
import trio

from kxt_trio import KXTConnectionError, StreamPolicy, open_fill_stream
from kxt_trio.testing import FakeKIS, serve_fake_kis
from kxt_trio.transport.network import open_tcp
from kxt_trio.transport.websocket import connect_link

HASTY = StreamPolicy(backoff_initial=0.01, backoff_floor=0, connects_per_minute=600)


@pytest.fixture
async def kis(nursery):
    return await nursery.start(serve_fake_kis)


async def test_one_port_speaks_rest_and_websocket(kis):
    rest, websocket = urlsplit(kis.endpoints.rest), urlsplit(kis.endpoints.websocket)
    assert (rest.hostname, rest.port) == (websocket.hostname, websocket.port)
    with trio.fail_after(10):
        async with open_fill_stream(**kis.credentials, endpoints=kis.endpoints) as fills:
            order_id = kis.place("005930", quantity=10, price=69950)
            kis.fill(order_id, quantity=4)
            assert (await fills.receive()).report.order_ref.order_id == order_id
    with trio.fail_after(1):
        while not kis.closes:  # noqa: ASYNC110  # nothing tells
            await trio.sleep(0.01)
    assert kis.closes == [1000]


async def test_a_broken_link_heals(kis):
    with trio.fail_after(10):
        async with open_fill_stream(
            **kis.credentials, endpoints=kis.endpoints, policy=HASTY
        ) as fills:
            for fault in (kis.drop, kis.close):
                fault()
                await kis.wait_subscribed()
                kis.fill(kis.place("005930", quantity=1, price=69950))
                assert (await fills.receive()).report.quantity == 1


async def test_a_drop_is_a_reset(kis, nursery):
    stream = await open_tcp("127.0.0.1", urlsplit(kis.endpoints.websocket).port, tls=False)
    async with stream:
        kis.refuse_connections()
        await stream.send_all(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
        with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()


async def test_silence_is_told_from_an_end(kis, nursery):
    link = await nursery.start(
        partial(
            connect_link,
            kis.endpoints.websocket,
            open_stream=open_tcp,
            connect_timeout=5,
            max_message_size=65536,
        )
    )
    kis.silence()
    await link.send("anybody there?")
    with trio.move_on_after(0.1) as patience:
        await link.receive()
    assert patience.cancelled_caught
    link.abort()
    with trio.fail_after(5):
        while kis.sessions:  # noqa: ASYNC110  # nothing tells
            await trio.sleep(0.01)


async def test_rest_keeps_its_connection(kis):
    async with httpx.AsyncClient(base_url=kis.endpoints.rest) as client:
        for _ in range(3):
            answer = await client.post("/oauth2/Approval", json={"appkey": "wrong"})
            assert answer.status_code == 403
            assert answer.json()["error_code"] == "EGW00103"
        answer = await client.get("/none?a=1&b=", headers={"connection": "close"})
        assert answer.status_code == 404
    assert dict(kis.rest_calls[-1].request.query) == {"a": "1", "b": ""}


async def test_rest_can_be_unreachable(kis):
    kis.rest_down(status=None)
    async with httpx.AsyncClient(base_url=kis.endpoints.rest) as client:
        with pytest.raises(httpx.NetworkError):
            await client.get("/")


@pytest.mark.parametrize("nonsense", [b"", b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
async def test_nonsense_is_survived(kis, nonsense):
    stream = await open_tcp("127.0.0.1", urlsplit(kis.endpoints.rest).port, tls=False)
    await stream.send_all(nonsense or b"GET")
    await stream.send_eof()
    with trio.fail_after(5):
        while await stream.receive_some():
            pass
    await stream.aclose()
    async with httpx.AsyncClient(base_url=kis.endpoints.rest) as client:
        assert (await client.get("/")).status_code == 404


async def test_a_broker_of_ones_own(nursery):
    async with FakeKIS(hts_id="@me") as kis:
        assert await nursery.start(partial(serve_fake_kis, kis=kis)) is kis
        async with open_fill_stream(**kis.credentials, endpoints=kis.endpoints):
            assert kis.is_subscribed
        async with open_fill_stream(**kis.credentials, network=kis.network):
            assert kis.is_subscribed  # in memory, the same broker
    with pytest.raises(KXTConnectionError):
        async with open_fill_stream(
            **kis.credentials, endpoints=kis.endpoints, policy=StreamPolicy(startup_timeout=0.1)
        ):
            pass


async def test_a_port_in_use_is_an_error(kis):
    port = urlsplit(kis.endpoints.rest).port
    with pytest.raises(OSError, match="in use"):
        await serve_fake_kis(port)
