"""Every promised figure, measured: ``nox -s reconcile_soak``.

``python -m tests.reconcile.figures --seeds 1000 --kills 25 --faults 50 --fills 500`` from the
project's root gives a quick look.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import attrs
import trio
from trio.testing import MockClock

from kxt_trio import KISClient, KXTConnectionError, open_fill_stream
from kxt_trio.testing import FakeKIS, serve_fake_kis
from kxt_trio.transport.network import Network

from . import soak
from .crash import crash
from .ledger_steps import live
from .mutants import MUTANTS
from .test_mutants import PROBES

__all__ = ["Figure", "connects_in_a_minute", "live_path", "main", "table"]

_CHUNK = 10
_BUSY, _SPARSE = 0.002, 0.02  # seconds from one timed fill to the next


@attrs.frozen
class Figure:
    """A line of the table."""

    check: str
    to_reach: str
    reached: str
    met: bool


def quantile(times: Sequence[float], share: float) -> float:
    """The time that this share of them does not exceed."""
    ordered = sorted(times)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def table(figures: Sequence[Figure]) -> str:
    """The figures, one a line; those that were missed are marked."""
    lines = [("check", "figure to reach", "reached", "")]
    lines += [
        (one.check, one.to_reach, one.reached, "" if one.met else "MISSED") for one in figures
    ]
    widths = [max(len(line[n]) for line in lines) for n in range(3)]
    rule = "-" * (sum(widths) + 6)
    text = [
        " | ".join([*map(str.ljust, line[:3], widths)]).rstrip() + f"  {line[3]}".rstrip()
        for line in lines
    ]
    return "\n".join([text[0], rule, *text[1:]])


# -- the ledger alone --------------------------------------------------------------


def ledger(seeds: int) -> Iterator[Figure]:
    """Seeded runs of the ledger against the truth."""
    found = soak.run(seeds)
    print(soak.table(found), flush=True)
    sound = found["A1-A5 hold"]
    yield Figure(
        "double counts, A1-A5 holding",
        "0",
        f"{sound.double_counted} in {sound.runs:,} runs",
        not sound.double_counted,
    )
    yield Figure(
        "mis-priced recoveries, A1-A5 holding",
        "0",
        f"{sound.mispriced} in {sound.runs:,} runs",
        not sound.mispriced,
    )
    runs = sum(one.runs for one in found.values())
    inexact = sum(one.inexact for one in found.values())
    yield Figure(
        "final totals exact, A2 and A5 broken included",
        "100 %",
        f"{(runs - inexact) / max(runs, 1):.3%} of {runs:,}",
        not inexact,
    )
    unverified = sum(one.unverified for one in found.values())
    yield Figure(
        "runs that end verified",
        "100 %",
        f"{(runs - unverified) / max(runs, 1):.3%} of {runs:,}",
        not unverified,
    )
    slow = [one for mode, one in found.items() if soak.MODES[mode].slow_stream > 1]
    runs = sum(one.runs for one in slow)
    doubled = sum(one.double_counted for one in slow)
    silent = sum(one.double_counted_in_silence for one in found.values())
    yield Figure(
        "double counts with D broken 3-5x",
        "<= 0.1 %, none silent",
        f"{doubled / max(runs, 1):.3%} of {runs:,}, {silent} silent",
        doubled <= runs * 0.001 and not silent,
    )
    p50 = sound.quantile(sound.recovery_times, 0.5)
    p95 = sound.quantile(sound.recovery_times, 0.95)
    yield Figure(
        "recovery after the link is live, D = L = 5 s",
        "p50 <= 6 s, p95 <= 20 s",
        f"p50 {p50:.2f} s, p95 {p95:.2f} s, n = {len(sound.recovery_times):,}",
        p50 <= 6 and p95 <= 20,
    )


def mutants() -> Figure:
    """The rules, each bent, against the test that must notice."""
    killed = 0
    for mutant in MUTANTS:
        try:
            PROBES[mutant](live(mutant))
        except (AssertionError, ValueError):
            killed += 1
    return Figure(
        "mutants of the ledger",
        "all killed",
        f"{killed} of {len(MUTANTS)}",
        killed == len(MUTANTS),
    )


# -- the whole library -------------------------------------------------------------


def kills(count: int) -> Figure:
    """The program, killed with -9 while it listens."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = trio.run(partial(crash, Path(folder), count))
    for line in outcome.wrong:
        print(line)
    return Figure(
        "kill -9 at random points, lost or doubled",
        "0",
        f"{len(outcome.wrong)} in {count} kills, {outcome.fills:,} fills,"
        f" {outcome.recovered:,} recovered, {outcome.again:,} delivered again",
        not outcome.wrong,
    )


def play_faults(seeds: range) -> dict[str, str]:
    """Play these schedules; say what went wrong."""
    folder = (__package__ or "").rpartition(".")[0]
    module = importlib.import_module(f"{folder}.faults.playing".lstrip("."))
    return {str(name): repr(exc) for name, exc in module.run(seeds).items()}


def faults(seeds: int) -> Figure:
    """Random faults through the whole library, with and without reconciliation."""
    chunks = [range(n, min(n + _CHUNK, seeds)) for n in range(0, seeds, _CHUNK)]
    wrong: dict[str, str] = {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(play_faults, chunks):
            wrong.update(found)
    for name, problem in wrong.items():
        print(f"{name}: {problem}")
    return Figure(
        "random faults through the whole library",
        "0 promises broken",
        f"{len(wrong)} in {seeds:,} schedules, each played twice",
        not wrong,
    )


async def connects_in_a_minute(minutes: float = 10) -> int:
    """The most connects in any 60 s against a peer that accepts and closes.

    Whoever uses the client does not learn from its failures and tries again at once.
    """
    async with FakeKIS() as kis:
        kis.accept_and_close(times=1_000_000)
        with trio.move_on_after(60 * minutes):
            async with KISClient(**kis.credentials, network=kis.network) as client:
                while True:
                    async with client.stream_fill_updates() as fills:
                        try:
                            await fills.receive()
                        except KXTConnectionError:
                            continue
        times = kis.connects
        return max(sum(at <= other < at + 60 for other in times) for at in times)


def connects() -> Figure:
    most = trio.run(connects_in_a_minute, clock=MockClock(autojump_threshold=0))
    return Figure(
        "connects in 60 s, peer that accepts and closes", "<= 6", str(most), most <= 6
    )


async def live_path(folder: Path, count: int, between: float) -> list[float]:
    """Seconds from the socket to the consumer, of fills that come ``between`` apart.

    From the moment when the bytes were read, through a FULL commit, to the moment when
    ``receive`` has returned; on loopback, by the real clock.
    """
    taken: list[float] = []
    tokens = FakeKIS().network.token_cache  # in memory; it is not what is measured
    async with trio.open_nursery() as nursery:
        kis: FakeKIS = await nursery.start(serve_fake_kis)
        async with open_fill_stream(
            **kis.credentials,
            endpoints=kis.endpoints,
            journal=folder / "fills.db",
            network=Network(token_cache=tokens),
        ) as fills:

            async def trade() -> None:
                order_id = kis.place("005930", quantity=count, price=69950)
                await trio.sleep(0.5)
                for _ in range(count):
                    kis.fill(order_id, quantity=1)
                    await trio.sleep(between)

            nursery.start_soon(trade)
            async for _ in fills:
                taken.append(trio.current_time() - fills._status.link.last_received_at)
                if len(taken) == count:
                    break
        nursery.cancel_scope.cancel()
    return taken


def bare_commit(folder: Path, count: int = 200) -> float:
    """Median seconds of a FULL commit on this disk now, with nothing around it."""
    taken = []
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE t (text)")
        for _ in range(count):
            time.sleep(_BUSY)
            began_at = time.perf_counter()
            connection.execute("INSERT INTO t VALUES (?)", ("x" * 600,))
            taken.append(time.perf_counter() - began_at)
    return quantile(taken, 0.5)


def latency(folder: Path, count: int) -> Figure:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        bare = bare_commit(Path(own)) * 1000
    found = []
    for between in (_BUSY, _SPARSE):  # a processor that has slept is slower
        with tempfile.TemporaryDirectory(dir=folder) as own:
            taken = trio.run(live_path, Path(own), count, between)
        found.append([quantile(taken, share) * 1000 for share in (0.5, 0.99)])
    (p50, p99), sparse = found
    return Figure(
        f"live path with journal FULL, socket to consumer, {1 / _BUSY:.0f} fills/s",
        "p50 <= 1 ms, p99 <= 5 ms",
        f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, n = {count:,}; a bare commit {bare:.2f} ms;"
        f" at {1 / _SPARSE:.0f} fills/s {sparse[0]:.2f} and {sparse[1]:.2f}",
        p50 <= 1 and p99 <= 5,
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="nox -s reconcile_soak --", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100_000, help="runs of the ledger")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--faults", type=int, default=1_000, help="schedules of faults")
    parser.add_argument("--fills", type=int, default=2_000, help="that are timed")
    parser.add_argument(
        "--folder", type=Path, default=Path(), help="where the timed journal is: on a disk"
    )
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    figures = [latency(options.folder, options.fills), connects(), mutants()]
    figures += [kills(options.kills), *ledger(options.seeds), faults(options.faults)]
    print()
    print(table(figures))
    print(f"{time.perf_counter() - started:.0f} s")
    return int(not all(one.met for one in figures))


if __name__ == "__main__":
    sys.exit(main())
