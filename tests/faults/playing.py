"""Plays schedules in virtual time: ``python -m tests.faults.playing --seeds 1000``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta

import trio
import trio.testing

from kxt_trio import (
    KST,
    KISClient,
    KXTError,
    StreamPolicy,
)
from kxt_trio.testing import FakeKIS

from .schedules import COUNTING, HEARING, Schedule, Step, draw
from .worlds import Counting, Hearing, World

GRACE = 2.0


class _WayOut(Exception):
    pass


async def _play(world: type[World], schedule: Schedule) -> World:
    hour, minute = map(int, schedule.start.split(":"))
    start = datetime(2026, 11, 20, tzinfo=KST) + timedelta(hours=hour, minutes=minute)
    policy = StreamPolicy(
        shutdown_grace=GRACE,
        connects_per_minute=schedule.connects_per_minute,
        backoff_max=schedule.backoff_max,
    )
    async with FakeKIS(environment=schedule.environment, start=start) as kis:
        outer, left_at = trio.CancelScope(), float("inf")
        try:
            with outer:
                async with KISClient(
                    **kis.credentials,
                    network=kis.network,
                    policy=policy,
                    reconcile=world.reconciliation,
                ) as client:
                    played = world(kis, client)
                    await played.play(schedule.steps)
                    await played.rest_case()
                    for fault in sorted(schedule.goodbyes):
                        getattr(kis, fault)()
                    left_at = trio.current_time()
                    if schedule.way_out == "cancel":
                        outer.cancel()
                    elif schedule.way_out == "raise":
                        raise _WayOut
        except _WayOut:
            pass
        except KXTError:  # a stream had failed, and nobody had been told
            assert left_at < float("inf")
        assert trio.current_time() - left_at <= GRACE + 0.001, "the grace was exceeded"
    return played


def play(world: type[World], schedule: Schedule) -> World:
    """Play a schedule; raises what goes wrong."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(_play, world, schedule, clock=clock)


WORLDS: dict[type[World], list[Step]] = {Hearing: HEARING, Counting: COUNTING}


def run(seeds: Iterable[int]) -> dict[str, BaseException]:
    """Play the schedules of these seeds in every world; return what went wrong."""
    faults: dict[str, BaseException] = {}
    for seed in seeds:
        for world, steps in WORLDS.items():
            try:
                play(world, draw(seed, steps))
            except Exception as exc:
                faults[f"{world.__name__} {seed}"] = exc
    return faults


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args(arguments)
    faults = run(range(options.first, options.first + options.seeds))
    for name, exc in faults.items():
        print(f"{name}: {exc!r}")
    print(f"{len(faults)} of {2 * options.seeds} runs went wrong")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
