"""``demo``: what a stranger runs first."""

from __future__ import annotations

import json
import re
import signal
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from trio.testing import MockClock

import kxt_trio.cli.demo as demo_module
from kxt_trio import (
    KST,
    ExecutionReport,
    FillEvent,
    FillOrigin,
    Gap,
    InstrumentRef,
    ProviderOrderRef,
    Reconciliation,
    Side,
    StreamState,
    StreamStatistics,
    from_json,
)
from kxt_trio.cli.arguments import DemoOptions
from kxt_trio.cli.demo import demo
from kxt_trio.cli.exits import ExitCode
from kxt_trio.cli.plan import PlacedOrder, Plan
from kxt_trio.cli.tally import Outcome, Tally

EQUAL = "broker totals = delivered totals"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@pytest.fixture
def fast():
    """pytest-trio takes it for the clock."""
    return MockClock(rate=20)


async def test_piped_it_is_plain_lines_and_the_totals_are_equal(fast, capfd):
    assert await demo(DemoOptions(orders=3, speed=1, json=False)) is ExitCode.OK
    shown = capfd.readouterr()
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in shown.out
    assert shown.err == ""
    heads = next(line for line in lines if line.startswith("order "))
    assert heads.split() == ["order", "symbol", "side", "shares", "won", "shares", "won"]
    (total,) = [line for line in lines if line.startswith("total")]
    assert total.split()[1:] == ["190", "17,770,000"] * 2
    assert "6 fills as they happened, 3 recovered from the broker's totals." in shown.out
    assert any(re.match(r"Gap reported by the stream: \S+ to \d", line) for line in lines)
    assert lines[-1] == EQUAL


async def test_what_nobody_heard_comes_back(fast, capfd):
    await demo(DemoOptions(orders=3, speed=1, json=False))
    out = capfd.readouterr().out
    unheard = re.findall(r" unheard +(\S+ +\S+ +\d+ x \d+)", out)
    recovered = re.findall(r" recovered +(\S+ +\S+ +\d+ x \d+)", out)
    assert len(recovered) == 3
    assert sorted(recovered) == sorted(unheard)
    assert out.index(" unheard ") < out.index("subscribed again") < out.index(" recovered ")


async def test_two_equal_fills_in_a_row_are_both_shown(fast, capfd):
    await demo(DemoOptions(orders=1, speed=1, json=False))
    out = capfd.readouterr().out
    assert re.search(r"buy +25 x 005930 .* 35 of 100\n.*buy +25 x 005930 .* 60 of 100\n", out)
    assert "they are two fills and stay two" in out


@pytest.mark.parametrize("orders", [1, 2, 7])
async def test_json_lines_and_the_summary_tell_the_same(orders, fast, capfd):
    assert await demo(DemoOptions(orders=orders, speed=1, json=True)) is ExitCode.OK
    shown = capfd.readouterr()
    *lines, summary = shown.out.splitlines()
    fills = [from_json(line) for line in lines]
    count = json.loads(summary)
    assert count["type"] == "DemoSummary"
    assert len(count["orders"]) == orders
    total = count["total"]
    assert Decimal(total["delivered"]) == sum(fill.report.quantity for fill in fills)
    assert Decimal(total["delivered_amount"]) == sum(fill.amount for fill in fills)
    assert (total["filled"], total["filled_amount"]) == (
        total["delivered"],
        total["delivered_amount"],
    )
    origins = [fill.origin for fill in fills]
    assert origins.count(FillOrigin.LIVE) == count["live"]
    assert origins.count(FillOrigin.RECOVERED) == count["recovered"] > 0
    assert len(count["gaps"]) == 1
    assert count["adds_up"] is True
    assert shown.err == ""


async def test_the_process_exits_with_0(cli):
    ended = await cli.run("demo", "--speed", "20")
    assert (ended.code, ended.err) == (0, "")


async def test_on_a_terminal_there_is_a_live_line_below(cli):
    async with cli.on_terminal("demo", "--speed", "10") as terminal:
        for state in ("reconciling", "reconnecting", "reconciling", "live"):
            await terminal.wait_for(f"● {state}")
        ended = await terminal.end()
    assert ended.code == 0
    assert "The link is down." in ended.out
    assert EQUAL in ended.out
    assert "\x1b[3" in ended.out  # colour


async def test_no_color_is_respected(cli):
    cli.settings["NO_COLOR"] = "1"
    async with cli.on_terminal("demo", "--speed", "20") as terminal:
        ended = await terminal.end()
    assert ended.code == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][;m]", ended.out)


async def test_without_rich_a_terminal_gets_plain_lines(cli):
    cli.prelude = "import sys; sys.modules['rich'] = None"
    async with cli.on_terminal("demo", "--speed", "20") as terminal:
        ended = await terminal.end()
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert EQUAL in ended.out


@pytest.mark.parametrize("moment", ["0000000001", "lost: this demo cut it"])
async def test_ctrl_c_at_any_time(moment, cli):
    async with cli.on_terminal("demo", "--speed", "4") as terminal:
        await terminal.wait_for(moment)
        terminal.process.send_signal(signal.SIGINT)
        ended = await terminal.end()
    assert ended.code == 130
    assert "Traceback" not in ended.out
    assert ended.out.rindex(SHOW_CURSOR) > ended.out.rindex(HIDE_CURSOR)


async def test_a_reader_who_leaves_ends_it_quietly(cli):
    async with cli.started("demo", "--speed", "5") as process:
        await process.stdout.receive_some(1)
        await process.stdout.aclose()
        assert await process.wait() == 0
        assert await process.stderr.receive_some() == b""


START = datetime(2026, 11, 20, 9, 0, tzinfo=KST)
PLAN = Plan("005930", Side.BUY, 100, (10,), (5,), ())
TRUTH = {"1": (Decimal(15), Decimal(1500))}


def count(*fills, order_id="1"):
    """The outcome when these were delivered, of an order that was filled 15 for 1500."""
    tally = Tally()
    for quantity, price in fills:
        report = ExecutionReport(
            None, ProviderOrderRef("kis", order_id), START, Decimal(price), Decimal(quantity)
        )
        tally.add(FillEvent(report, InstrumentRef("005930")))
    statistics = StreamStatistics(
        state=StreamState.LIVE,
        buffered=0,
        received=len(fills),
        delivered=len(fills),
        reconnects=1,
        gaps=(Gap(START + timedelta(seconds=1), START + timedelta(seconds=3)),),
        unreadable=0,
        last_unreadable=None,
        last_frame_age=0,
    )
    return Outcome.of([PlacedOrder("1", PLAN)], TRUTH, tally, statistics)


def test_what_adds_up():
    outcome = count((10, 100), (5, 100))
    assert outcome.adds_up
    assert list(outcome.sentences())[-1] == EQUAL


def test_a_recovered_fill_counts_with_its_exact_amount():
    tally = Tally()
    report = ExecutionReport(
        None, ProviderOrderRef("kis", "1"), START, Decimal(100) / 3, Decimal(3)
    )
    fill = FillEvent(
        report,
        InstrumentRef("005930"),
        origin=FillOrigin.RECOVERED,
        exact_amount=Decimal(100),
    )
    tally.add(fill)
    assert tally.sums == {"1": (3, 100)}
    assert (tally.live, tally.recovered) == (0, 1)


@pytest.mark.parametrize(
    "outcome",
    [
        count(),
        count((14, 100)),
        count((10, 100), (10, 100)),
        count((15, 101)),
        count((15, 100), order_id="2"),
    ],
    ids=["nothing", "a share is missing", "too much", "the amount is wrong", "another order"],
)
def test_what_does_not_add_up_is_said(outcome):
    assert not outcome.adds_up
    *_, last = outcome.sentences()
    assert last.startswith("broker totals and delivered totals DIFFER: order 1")


async def test_a_broker_that_never_tells_is_exit_code_1(fast, monkeypatch, capfd):
    """Nothing is recovered where the totals cannot be asked for."""
    monkeypatch.setattr(demo_module, "_RECONCILIATION", Reconciliation(stream_lag=500))
    assert await demo(DemoOptions(orders=1, speed=1, json=False)) is ExitCode.FAILURE
    last = capfd.readouterr().out.splitlines()[-1]
    assert last == "broker totals and delivered totals DIFFER: order 0000000001"
