"""Services written for anyio, on its trio backend."""

from __future__ import annotations

import anyio
import pytest
from trio.testing import MockClock

from kxt_trio import KXTUnsupportedError, open_fill_stream
from kxt_trio.testing import FakeKIS


def run(main):
    return anyio.run(
        main, backend="trio", backend_options={"clock": MockClock(autojump_threshold=0)}
    )


def test_fills_flow_through_an_anyio_task_group():
    async def main() -> list[int]:
        send, receive = anyio.create_memory_object_stream(10)

        async def listen(kis: FakeKIS) -> None:
            async with open_fill_stream(**kis.credentials, network=kis.network) as fills:
                async for fill in fills:
                    await send.send(int(fill.report.quantity))

        async with FakeKIS() as kis, anyio.create_task_group() as group, send, receive:
            group.start_soon(listen, kis)
            await kis.wait_subscribed()
            for quantity in (1, 2, 3):
                kis.fill(kis.place("005930", quantity=quantity, price=100))
            seen = [await receive.receive() for _ in range(3)]
            group.cancel_scope.cancel()
        return seen

    assert run(main) == [1, 2, 3]


def test_an_anyio_cancel_scope_ends_the_stream_politely():
    async def main() -> list[int]:
        async with FakeKIS() as kis:
            with anyio.move_on_after(5) as scope:
                async with open_fill_stream(**kis.credentials, network=kis.network):
                    await anyio.sleep_forever()
            assert scope.cancelled_caught
            await anyio.sleep(0.1)
            return kis.closes

    assert run(main) == [1000]


def test_an_anyio_timeout_reaches_a_waiting_receive():
    async def main() -> None:
        async with FakeKIS() as kis:
            async with open_fill_stream(**kis.credentials, network=kis.network) as fills:
                with pytest.raises(TimeoutError), anyio.fail_after(1):
                    await fills.receive()
                kis.fill(kis.place("005930", quantity=1, price=100))
                await fills.receive()

    run(main)


def test_anyios_asyncio_backend_is_refused_with_the_way_out():
    async def main() -> None:
        async with open_fill_stream(app_key="k", app_secret="s", hts_id="h"):
            pytest.fail("entered")

    with pytest.raises(KXTUnsupportedError, match="backend='trio'"):
        anyio.run(main, backend="asyncio")
