"""``demo``: what a stranger runs first."""

from __future__ import annotations

import json
import re
import signal
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from kxt_trio import (
    KST,
    ExecutionReport,
    FillEvent,
    Gap,
    InstrumentRef,
    ProviderOrderRef,
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

FAST = 50.0
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


async def test_piped_it_is_plain_lines_and_the_numbers_add_up(capfd):
    assert await demo(DemoOptions(orders=3, speed=FAST, json=False)) is ExitCode.OK
    shown = capfd.readouterr()
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in shown.out
    assert shown.err == ""
    heads = next(line for line in lines if line.startswith("order "))
    assert heads.split() == [
        "order", "symbol", "side", "ordered", "filled", "delivered", "missed",
    ]  # fmt: skip
    (total,) = [line for line in lines if line.startswith("total")]
    assert total.split()[1:] == ["190", "190", "145", "45"]
    assert "Delivered 145 of 190 shares, in 7 fills." in lines
    assert "Missed while the link was down: 45 shares, in 2 fills." in lines
    assert any(re.search(r"reported the gap itself: \S+ to \d", line) for line in lines)


async def test_two_equal_fills_in_a_row_are_both_shown(capfd):
    await demo(DemoOptions(orders=1, speed=FAST, json=False))
    out = capfd.readouterr().out
    assert re.search(r"buy +25 x 005930 .* 35 of 100\n.*buy +25 x 005930 .* 60 of 100\n", out)
    assert "they are two fills and stay two" in out


@pytest.mark.parametrize("orders", [1, 2, 7])
async def test_json_lines_and_the_summary_tell_the_same(orders, capfd):
    assert await demo(DemoOptions(orders=orders, speed=FAST, json=True)) is ExitCode.OK
    shown = capfd.readouterr()
    *fills, summary = shown.out.splitlines()
    delivered = sum(from_json(line).report.quantity for line in fills)
    count = json.loads(summary)
    assert count["type"] == "DemoSummary"
    assert len(count["orders"]) == orders
    assert Decimal(count["delivered"]) == delivered
    assert Decimal(count["filled"]) - delivered == Decimal(count["missed"]) > 0
    assert len(count["gaps"]) == 1
    assert count["adds_up"] is True
    assert shown.err == ""


async def test_the_process_exits_with_0(cli):
    ended = await cli.run("demo", "--speed", "50")
    assert (ended.code, ended.err) == (0, "")


async def test_on_a_terminal_there_is_a_live_line_below(cli):
    async with cli.on_terminal("demo", "--speed", "10") as terminal:
        await terminal.wait_for("● live")
        await terminal.wait_for("● reconnecting")
        ended = await terminal.end()
    assert ended.code == 0
    assert "The link is down." in ended.out
    assert "Delivered 145 of 190 shares" in ended.out
    assert "\x1b[3" in ended.out  # colour


async def test_no_color_is_respected(cli):
    cli.settings["NO_COLOR"] = "1"
    async with cli.on_terminal("demo", "--speed", "50") as terminal:
        ended = await terminal.end()
    assert ended.code == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][;m]", ended.out)


async def test_without_rich_a_terminal_gets_plain_lines(cli):
    cli.prelude = "import sys; sys.modules['rich'] = None"
    async with cli.on_terminal("demo", "--speed", "50") as terminal:
        ended = await terminal.end()
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "Delivered 145 of 190 shares" in ended.out


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


def count(*quantities, price=100, gap=True, unheard_after=2, unreadable=0):
    """The outcome when these fills were delivered of an order that was filled 10 and 5."""
    tally = Tally()
    for quantity in quantities:
        report = ExecutionReport(
            None, ProviderOrderRef("kis", "1"), START, Decimal(price), Decimal(quantity)
        )
        tally.add(FillEvent(report, InstrumentRef("005930")))
    statistics = StreamStatistics(
        state=StreamState.LIVE,
        buffered=0,
        received=len(quantities),
        delivered=len(quantities),
        reconnects=1,
        gaps=(Gap(START + timedelta(seconds=1), START + timedelta(seconds=3)),) * gap,
        unreadable=unreadable,
        last_unreadable=None,
        last_frame_age=0,
    )
    order = PlacedOrder("1", PLAN, unheard_quantity=5, unheard_amount=500)
    moment = START + timedelta(seconds=unheard_after)
    return Outcome.of([order], TRUTH, tally, statistics, [moment])


def test_what_adds_up():
    outcome = count(10)
    assert outcome.adds_up
    assert outcome.missed == 5


@pytest.mark.parametrize(
    "outcome",
    [
        count(),
        count(9),
        count(10, 10),
        count(10, 5),
        count(10, price=101),
        count(10, gap=False),
        count(10, unheard_after=4),
        count(10, unreadable=1),
    ],
    ids=[
        "a fill is missing", "a share is missing", "a fill came twice", "an unheard fill came",
        "the amount is wrong", "no gap was reported", "the gap ended before", "unreadable",
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_said(outcome):
    assert not outcome.adds_up
    assert any("do NOT add up" in sentence for sentence in outcome.sentences())
