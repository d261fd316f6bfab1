"""A program that is killed at any moment and started again goes on exactly."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
import trio

from kxt_trio.reconcile.journal import open_journal
from kxt_trio.reconcile.journal_check import verify_journal

from . import journal_entries

KILLS = int(os.environ.get("KXT_JOURNAL_KILLS", "25"))


class Consumer:
    """Applies a fill once, by its interval: one of the documented ways to exactly once."""

    def __init__(self) -> None:
        self.total = 0
        self.repeats = 0

    def take(self, start: int, end: int) -> None:
        assert start <= self.total, f"shares {self.total} to {start} were lost"
        if start < self.total:
            assert end <= self.total, "an interval was counted in two ways"
            self.repeats += 1
        else:
            self.total = end


def run_and_kill(path: Path, chance: random.Random, consumer: Consumer) -> int:
    """Start the program, kill it some time later, deliver what it said; how often it spoke."""
    with subprocess.Popen(
        [sys.executable, journal_entries.__file__, str(path), str(chance.random())[2:9]],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as program:
        first = program.stdout.readline() if chance.random() < 0.8 else b""
        timer = threading.Timer(chance.uniform(0, 0.2 if first else 0.8), program.kill)
        timer.start()
        said = (first + program.stdout.read()).decode()
        timer.join()
    lines = [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    for word, *numbers in lines:
        if word == "deliver":
            consumer.take(int(numbers[0]), int(numbers[1]))
    return len(lines)


def test_nothing_is_lost_or_doubled_however_often_it_is_killed(tmp_path):
    path = tmp_path / "fills.db"
    chance = random.Random(20261120)
    consumer = Consumer()
    spoke = [run_and_kill(path, chance, consumer) for _ in range(KILLS)]
    assert sum(spoke) > KILLS, "it was always killed too early to say anything"

    report = verify_journal(path)
    assert report.problems == ()

    async def rest() -> None:
        async with open_journal(path) as journal:
            after = journal.cursor("strategy") or 0
            for record in await journal.read(after=after, limit=10_000):
                consumer.take(record.start, record.end)
            filled = sum(await journal.load(lambda record: record.quantity))
            assert consumer.total == filled, "delivered is what is recorded"

    trio.run(rest)
    print(f"{KILLS} kills, {report.records} records, {consumer.repeats} delivered again")


@pytest.mark.parametrize("content", [b"", None])
def test_a_program_killed_before_the_tables_were_made(tmp_path, content):
    path = tmp_path / "fills.db"
    if content is not None:
        path.write_bytes(content)
    else:  # the mode is set in a transaction of its own, before the tables
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")

    async def main() -> None:
        async with open_journal(path) as journal:
            assert await journal.append([journal_entries.fill(0)]) == (1,)

    trio.run(main)
