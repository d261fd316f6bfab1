from __future__ import annotations

import trio

from kxt_trio.settings import Environment
from kxt_trio.transport.pacing import Pacer


async def turns(pacer: Pacer, count: int) -> list[float]:
    taken: list[float] = []

    async def call() -> None:
        await pacer.turn()
        taken.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(call)
    return taken


async def test_calls_are_a_gap_apart_however_many_ask(autojump_clock):
    taken = await turns(Pacer(0.5), 4)
    assert [at - taken[0] for at in taken] == [0, 0.5, 1.0, 1.5]


async def test_who_comes_later_than_the_gap_does_not_wait(autojump_clock):
    pacer = Pacer(0.5)
    await pacer.turn()
    await trio.sleep(2)
    before = trio.current_time()
    await pacer.turn()
    assert trio.current_time() == before


async def test_the_pace_keeps_within_the_brokers_limits(autojump_clock):
    for environment, allowed in ((Environment.REAL, 18), (Environment.PAPER, 1)):
        taken = await turns(Pacer.of(environment), 40)
        for at in taken:
            assert sum(at - 1 < other <= at for other in taken) <= allowed


async def test_told_to_slow_down_everybody_waits(autojump_clock):
    pacer = Pacer(0.1)
    await pacer.turn()
    pacer.slow_down()
    before = trio.current_time()
    await pacer.turn()
    assert trio.current_time() - before > 1


async def test_a_cancelled_wait_costs_its_turn_only(autojump_clock):
    pacer = Pacer(1.0)
    started = trio.current_time()
    await pacer.turn()
    with trio.move_on_after(0.5):
        await pacer.turn()
    await pacer.turn()
    assert trio.current_time() - started == 2
