"""What a flood of fills does to the other tasks of a trio program that uses kxt_trio.

``measure`` is ``flood``, or ``idle`` for trio's own figures on the same machine: the same
tasks, with nothing to receive.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from client_kxt_trio import make_client
from meter import finish, prepare

from kxt_trio import FillStream

_NAP = 0.001
_BETWEEN_CANCELS = 0.02
_IDLE_SECONDS = 1.0


class Probe:
    """Wakes up, and cancels, while something else goes on; milliseconds late."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.cancel_ms: list[float] = []
        self._cancelled_at = 0
        self._scope = trio.CancelScope()

    async def wake(self) -> None:
        while True:
            due = time.perf_counter() + _NAP
            await trio.sleep(_NAP)
            self.late_ms.append((time.perf_counter() - due) * 1e3)

    async def cancel(self) -> None:
        while True:
            await trio.sleep(_BETWEEN_CANCELS)
            self._cancelled_at = time.perf_counter_ns()
            self._scope.cancel()

    async def run(self, work: Callable[[], Awaitable[bool]]) -> None:
        """Do ``work`` again and again, cancelled now and then, until it returns true."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.wake)
            nursery.start_soon(self.cancel)
            done = False
            while not done:
                with trio.CancelScope() as self._scope:
                    done = await work()
                if self._scope.cancelled_caught:
                    late = time.perf_counter_ns() - self._cancelled_at
                    self.cancel_ms.append(late / 1e6)
            nursery.cancel_scope.cancel()

    def report(self) -> dict[str, Any]:
        return {"late_ms": self.late_ms, "cancel_ms": self.cancel_ms}


async def idle(_: dict[str, Any]) -> dict[str, Any]:
    probe = Probe()
    with trio.move_on_after(_IDLE_SECONDS):
        await probe.run(_nothing)
    return probe.report()


async def _nothing() -> bool:
    await trio.sleep_forever()


async def flood(spec: dict[str, Any]) -> dict[str, Any]:
    probe = Probe()
    started_at = time.monotonic_ns()
    async with make_client(spec) as client:
        fills = client.stream_fill_updates()
        await fills.receive()  # the one that comes first, by itself
        first = await fills.receive()
        got = 2
        if spec["frozen"]:  # as the documentation advises
            gc.collect()
            gc.freeze()

        async def take() -> bool:
            nonlocal got
            while got <= spec["fills"]:
                await fills.receive()
                got += 1
            return True

        await probe.run(take)
    assert first.report.quantity
    return {"started_at": started_at, "count": got, **probe.report()}


async def leave(spec: dict[str, Any]) -> dict[str, Any]:
    """Cancel a whole client when a third of a flood has come."""
    with trio.CancelScope() as scope:
        async with make_client(spec) as client:
            await _take(client.stream_fill_updates(), spec["fills"] // 3)
            cancelled_at = time.perf_counter_ns()
            scope.cancel()
            await trio.sleep_forever()
    return {"leave_ms": (time.perf_counter_ns() - cancelled_at) / 1e6}


async def _take(fills: FillStream, count: int) -> None:
    for _ in range(count):
        await fills.receive()


def main() -> None:
    spec = prepare()
    measure = {"idle": idle, "flood": flood, "leave": leave}[spec["measure"]]
    finish(trio.run(measure, spec))


if __name__ == "__main__":
    main()
