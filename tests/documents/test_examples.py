"""Every example of docs/ runs, and does what the page says."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import anyio
import pytest
import trio
from trio.testing import MockClock

import kxt_trio
from kxt_trio import (
    KST,
    Correction,
    ExecutionReport,
    FillEvent,
    InstrumentRef,
    ProviderOrderRef,
    Side,
    StreamState,
    open_fill_stream,
    open_order_event_stream,
)
from kxt_trio.testing import FakeKIS

from .pages import EXAMPLES, PAGES


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"docs_example_{name}", EXAMPLES / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


#: Run by a pytest of their own, as a user would.
STRATEGY = {"conftest.py", "pytest.ini", "strategy.py", "test_strategy.py"}


def test_every_example_is_shown_and_run():
    names = {path.name for path in EXAMPLES.iterdir() if path.is_file()}
    shown = {
        name for text in PAGES.values() for name in re.findall(r":: examples/([\w.]+)", text)
    }
    assert names == shown
    loaded = re.findall(r'load\("(\w+)"\)', Path(__file__).read_text(encoding="utf-8"))
    assert names == {"fills.py", *STRATEGY, *(f"{name}.py" for name in loaded)}


@contextmanager
def simulated() -> Iterator[dict[str, str]]:
    """``kxt-trio simulate`` in another process, and the environment it prints."""
    command = [sys.executable, "-m", "kxt_trio.cli", "simulate", "--rate", "20", "--seed", "1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as broker:
        try:
            assert broker.stdout is not None
            environment = dict(os.environ)
            while "KIS_WEBSOCKET_URL" not in environment:
                line = broker.stdout.readline()
                assert line, "simulate ended early"
                if line.startswith("export "):
                    name, _, value = line.removeprefix("export ").strip().partition("=")
                    environment[name] = value.strip("'")
            yield environment
        finally:
            broker.terminate()


def test_the_ten_lines_run_against_simulate_with_the_lines_it_prints():
    script = [sys.executable, "-u", str(EXAMPLES / "fills.py")]
    with (
        simulated() as environment,
        subprocess.Popen(script, stdout=subprocess.PIPE, text=True, env=environment) as program,
    ):
        try:
            assert program.stdout is not None
            lines = [program.stdout.readline() for _ in range(3)]
        finally:
            program.kill()
    assert all(re.fullmatch(r"\d{6} \d+ \d+\n", line) for line in lines), lines


def test_the_strategys_own_tests_pass_as_the_page_shows_them():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES)],
        capture_output=True,
        text=True,
        check=False,
        cwd=EXAMPLES,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_broker_in_memory(capsys):
    trio.run(load("in_memory").main, clock=MockClock(autojump_threshold=0))
    assert capsys.readouterr().out == "4 at 69940\n"


def test_the_broker_on_loopback(capsys):
    trio.run(load("on_loopback").main)
    assert re.fullmatch(r"10 over ws://127\.0\.0\.1:\d+/tryitout\n", capsys.readouterr().out)


async def test_two_streams_on_one_client(autojump_clock, capsys):
    positions: Counter[str] = Counter()
    listen = load("two_streams").listen
    async with FakeKIS() as kis, trio.open_nursery() as nursery:
        nursery.start_soon(lambda: listen(positions, **kis.credentials, network=kis.network))
        await kis.wait_subscribed()
        kis.fill(kis.place("005930", quantity=10, price=100), quantity=7)
        kis.fill(kis.place("005930", quantity=3, price=100, side="sell"))
        await trio.sleep(1)
        assert len(kis.connects) == 1
        nursery.cancel_scope.cancel()
    assert positions == {"005930": 4}
    assert Counter(line.split()[1] for line in capsys.readouterr().out.splitlines()) == {
        "OrderAcceptedEvent": 2,
        "FillNotificationEvent": 2,
    }


async def test_every_kind_of_order_event_is_described(autojump_clock):
    describe = load("order_events").describe
    async with (
        FakeKIS() as kis,
        open_order_event_stream(**kis.credentials, network=kis.network) as events,
    ):
        first = kis.place("005930", quantity=10, price=100)
        kis.fill(first, quantity=4)
        second = kis.amend(first, price=101)
        third = kis.cancel(second, quantity=5)
        fourth = kis.reject("005930", quantity=1, price=100)
        said = [describe(await events.receive()) for _ in range(5)]
    said.append(describe(a_correction()))
    assert said == [
        f"{first} accepted (new): 10",
        f"{first} filled: 4 at 100",
        f"{second} replaces {first}",
        f"{third} took 5 off the book: requested",
        f"{fourth} refused (new)",
        "0000000123 corrected by -2 shares, -200 won",
    ]


def a_correction() -> Correction:
    return Correction(
        order_ref=ProviderOrderRef(provider="kis", order_id="0000000123"),
        instrument=InstrumentRef("005930"),
        quantity=Decimal(-2),
        amount=Decimal(-200),
        noticed_at=datetime(2026, 11, 20, 10, tzinfo=KST),
    )


@pytest.mark.parametrize(
    ("trouble", "turn"),
    [
        (lambda kis: kis.reject_approval(), "settings"),
        (lambda kis: kis.refuse("OPSP0017"), "settings"),
        (lambda kis: kis.occupy_session(), "stop the other program"),
        (lambda kis: kis.refuse_connections(times=1000), "network"),
    ],
)
async def test_failures_name_whose_turn_it_is(trouble, turn, autojump_clock):
    listen = load("failures").listen
    async with FakeKIS() as kis:
        trouble(kis)
        assert (await listen(print, **kis.credentials, network=kis.network)).startswith(turn)


async def test_a_journal_that_cannot_be_used_is_the_disks_turn(autojump_clock, tmp_path):
    listen = load("failures").listen
    (tmp_path / "fills.journal").write_text("something else")
    async with FakeKIS() as kis:
        connection = {**kis.credentials, "journal": tmp_path / "fills.journal"}
        said = await listen(print, **connection, network=kis.network)
    assert said.startswith("disk")


@pytest.mark.parametrize(
    ("changes", "turn"), [({"account_no": "12"}, "developer"), ({"hts_id": ""}, "developer")]
)
async def test_bad_arguments_are_the_developers_turn(changes, turn, autojump_clock):
    listen = load("failures").listen
    async with FakeKIS() as kis:
        connection = {**kis.credentials, "network": kis.network, **changes}
        assert (await listen(print, **connection)).startswith(turn)


async def test_each_gap_is_told_once(autojump_clock):
    watch_gaps = load("gaps").watch_gaps
    told: list[kxt_trio.Gap] = []
    async with (
        FakeKIS() as kis,
        open_fill_stream(**kis.credentials, network=kis.network) as fills,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(watch_gaps, fills, told.append)
        for _ in range(2):
            kis.drop()
            await trio.sleep(100)
        assert told == list(fills.statistics().gaps)
        assert len(told) == 2
        nursery.cancel_scope.cancel()


async def test_waiting_until_the_broker_has_confirmed(autojump_clock):
    wait_until_known = load("verified").wait_until_known
    async with (
        FakeKIS() as kis,
        open_fill_stream(**kis.credentials, network=kis.network) as fills,
    ):
        await fills.wait_verified()
        kis.drop()
        kis.fill(kis.place("005930", quantity=10, price=100))
        while fills.state is StreamState.LIVE:
            await trio.sleep(0.1)
        assert await wait_until_known(fills) == "1 recovered, 0 unverified"


async def killed_in_between(keep, kis: FakeKIS, tmp_path: Path, *, rounds: int = 4) -> None:
    """Run a recipe again and again, each time ended before it could acknowledge."""
    order_id = kis.place("005930", quantity=100, price=69_900)
    for _ in range(rounds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                lambda: keep(
                    tmp_path / "result",
                    tmp_path / "fills.journal",
                    **kis.credentials,
                    network=kis.network,
                )
            )
            await kis.wait_subscribed()
            await trio.sleep(30)
            for quantity in (3, 3, 5):
                kis.fill(order_id, quantity=quantity)
                await trio.sleep(1)
            nursery.cancel_scope.cancel()
        kis.fill(order_id, quantity=7)  # while nothing runs


RECIPES = ["exactly_once_transaction", "exactly_once_insert", "exactly_once_interval"]


@pytest.mark.parametrize("name", RECIPES)
async def test_a_recipe_counts_every_fill_once(name, autojump_clock, tmp_path):
    recipe = {
        "exactly_once_transaction": load("exactly_once_transaction"),
        "exactly_once_insert": load("exactly_once_insert"),
        "exactly_once_interval": load("exactly_once_interval"),
    }[name]
    given: list[str | None] = []

    class Listened:
        """Notes what the recipe is given."""

        def __init__(self, stream):
            self.stream = stream

        async def __aenter__(self):
            self.fills = await self.stream.__aenter__()
            return self.noting()

        async def __aexit__(self, *exc):
            return await self.stream.__aexit__(*exc)  # noqa: ASYNC102  # bounded by itself

        async def noting(self):
            async for fill in self.fills:
                is_new = fill.fill_id not in given
                given.append(fill.fill_id)
                yield fill
                if is_new and fill.report.quantity == 5:  # killed before it can acknowledge
                    await trio.sleep_forever()

    recipe.open_fill_stream = lambda **settings: Listened(open_fill_stream(**settings))
    keep = getattr(recipe, "keep_positions", None) or recipe.keep_fills
    async with FakeKIS() as kis:
        await killed_in_between(keep, kis, tmp_path)
        (filled,) = kis.totals().values()
    assert len(given) > len(set(given)), "nothing was delivered twice, so nothing is shown"
    # The last seven shares were filled after the last run.
    assert counted(name, tmp_path / "result") == filled[0] - 7


def counted(name: str, result: Path) -> int:
    if name == "exactly_once_interval":
        return json.loads(result.read_text())["positions"]["005930"]
    table = "SELECT shares FROM position"
    if name == "exactly_once_insert":
        table = "SELECT sum(shares) FROM fill"
    with closing(sqlite3.connect(result)) as database:
        ((shares,),) = database.execute(table).fetchall()
    return shares


@pytest.mark.parametrize(
    ("spans", "position", "missing"),
    [
        (["0-4", "4-6"], 6, 0),
        (["0-4", "0-4", "4-6", "4-6"], 6, 0),
        (["0-4", "6-9"], 7, 2),
        (["3-5", "5-9"], 6, 0),  # three shares belong to the baseline
        (["0-4", "2-3.r1", "0-4", "2-3.r1"], 5, 0),
        (["0-1", "1-3", "0-5"], 5, 0),  # from a new journal, in one piece
    ],
)
def test_the_interval_tells_repeats_and_holes(spans, position, missing, tmp_path):
    book = load("exactly_once_interval").Book(tmp_path / "book")
    holes: list[int] = []
    for span in spans:
        start, _, end = span.partition(".")[0].partition("-")
        fill = FillEvent(
            report=ExecutionReport(
                execution_id=None,
                order_ref=ProviderOrderRef(provider="kis", order_id="0000000123"),
                occurred_at=datetime(2026, 11, 20, 10, tzinfo=KST),
                price=Decimal(100),
                quantity=Decimal(int(end) - int(start)),
            ),
            instrument=InstrumentRef("005930"),
            side=Side.BUY,
            fill_id=f"real.0123456789ab.20261120.0000000123.{span}",
        )
        book.take(fill, lambda _, shares: holes.append(shares))
    assert book.positions == {"005930": position}
    assert sum(holes) == missing


def test_the_anyio_service_prints_fills(capsys):
    serve = load("anyio_service").serve

    async def main() -> None:
        async with FakeKIS() as kis, anyio.create_task_group() as group:
            group.start_soon(lambda: serve(**kis.credentials, network=kis.network))
            await kis.wait_subscribed()
            kis.fill(kis.place("005930", quantity=10, price=69950))
            await anyio.sleep(1)
            group.cancel_scope.cancel()

    clock = MockClock(autojump_threshold=0)
    anyio.run(main, backend="trio", backend_options={"clock": clock})
    assert capsys.readouterr().out == "005930 10 69950\n"
