"""A value that tasks can wait on."""

from __future__ import annotations

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from kxt_trio.watched import Watched


async def test_waiting_for_what_is_so_returns_it_and_is_a_checkpoint():
    watched = Watched(3)
    with assert_checkpoints():
        assert await watched.wait(lambda value: value > 2) == 3


async def test_waiters_wake_when_the_value_suits_them(nursery: trio.Nursery):
    watched, seen = Watched(0), []

    async def wait_for(least: int) -> None:
        await watched.wait(lambda value: value >= least)
        seen.append(least)

    for least in (1, 2, 2):
        nursery.start_soon(wait_for, least)
    await wait_all_tasks_blocked()
    watched.set(1)
    await wait_all_tasks_blocked()
    assert seen == [1]
    watched.set(2)
    await wait_all_tasks_blocked()
    assert seen == [1, 2, 2]
    assert watched.value == 2


async def test_a_value_that_passes_before_the_waiter_runs_is_not_seen(nursery: trio.Nursery):
    watched, seen = Watched("cold"), []

    async def wait_for(wanted: str) -> None:
        seen.append(await watched.wait(lambda value: value == wanted))

    nursery.start_soon(wait_for, "hot")
    await wait_all_tasks_blocked()
    watched.set("hot")
    watched.set("cold")
    await wait_all_tasks_blocked()
    assert seen == []
    watched.set("hot")


async def test_a_nudge_makes_waiters_look_again_at_the_same_value(nursery: trio.Nursery):
    watched, doors = Watched("same"), []

    async def wait_for_door() -> None:
        await watched.wait(lambda value: value == "same" and bool(doors))
        doors.append("passed")

    nursery.start_soon(wait_for_door)
    await wait_all_tasks_blocked()
    doors.append("open")
    await wait_all_tasks_blocked()
    assert doors == ["open"]
    watched.nudge()
    await wait_all_tasks_blocked()
    assert doors == ["open", "passed"]
    assert watched.value == "same"


async def test_a_cancelled_wait_is_over():
    watched = Watched(0)
    with trio.CancelScope() as scope:
        scope.cancel()
        await watched.wait(lambda value: value == 0)
        pytest.fail("even what is so already does not outrun a cancel")
    assert scope.cancelled_caught
