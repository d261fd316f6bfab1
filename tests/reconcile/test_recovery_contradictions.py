"""Nothing is taken back for a broker that contradicts itself, nor over midnight."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
import trio

from kxt_trio import KST, Correction, FillNotificationEvent, StreamState
from kxt_trio.testing import FakeKIS

from .front_door import (
    AUDIT,
    LIVE,
    RECOVERED,
    D,
    brief,
    client_of,
    coming,
    drop_and_wait,
    order_of,
    totals_of,
    verified,
)

STANDS = 120

# -- the broker contradicts itself -------------------------------------------------


async def test_a_correction_reaches_the_order_stream_and_never_a_fill_stream(
    autojump_clock, caplog
):
    async with FakeKIS() as kis, client_of(kis) as client:
        fills, events = client.stream_fill_updates(), client.stream_order_events()
        await fills.wait_verified()
        order_id = order_of(kis)
        kis.fill(order_id, quantity=4)
        await trio.sleep(20)
        kis.misreport_totals(order_id, quantity=5, amount=510)
        assert brief(await coming(fills, 60)) == [(LIVE, 4, 400), (RECOVERED, 1, 110)]
        kis.report_truly(order_id)
        await trio.sleep(STANDS - 1)
        assert fills.statistics().corrections == 0
        await trio.sleep(60)
        assert fills.statistics().corrections == 1
        assert "corrected" in caplog.text
        assert await coming(fills, 0) == []
        *earlier, correction = await coming(events, 0)
        assert isinstance(correction, Correction)
        assert (correction.quantity, correction.amount) == (-1, -110)
        assert correction.order_ref.order_id == order_id
        counted = [event.fill for event in earlier if isinstance(event, FillNotificationEvent)]
        quantity, amount = totals_of(counted)[order_id]
        assert (
            quantity + correction.quantity,
            amount + correction.amount,
        ) == kis.totals()[order_id]
        kis.fill(order_id)
        (live,) = await coming(fills, 60)
        assert live.fill_id.endswith(".4-10.r1")
        assert fills.state is StreamState.LIVE


@pytest.mark.parametrize("amount", [0, 390])
async def test_a_contradiction_that_passes_corrects_nothing(amount, autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        fills, events = client.stream_fill_updates(), client.stream_order_events()
        await fills.wait_verified()
        order_id = order_of(kis)
        kis.fill(order_id, quantity=4)
        await trio.sleep(60)
        kis.misreport_totals(order_id, quantity=4 if amount else 0, amount=amount)
        await trio.sleep(STANDS - 20)
        kis.report_truly(order_id)
        await trio.sleep(300)
        assert fills.statistics().corrections == 0
        assert not [event for event in await coming(events, 0) if isinstance(event, Correction)]


async def test_a_false_terminal_row_finishes_nothing(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        order_id = order_of(kis)
        kis.misreport_finished(order_id)
        kis.fill(order_id, quantity=4)
        await trio.sleep(300)
        kis.fill(order_id, quantity=3, notify=False)
        seen = await coming(fills, AUDIT + D + 1)
        assert brief(seen) == [(LIVE, 4, 400), (RECOVERED, 3, 300)]


async def test_pages_cut_short_or_shifted_take_nothing_back(autojump_clock):
    async with FakeKIS(environment="paper") as kis, verified(kis) as fills:
        for _ in range(40):
            kis.fill(order_of(kis), quantity=3)
        await trio.sleep(60)
        kis.truncate_pages(times=30)
        kis.shift_pages(by=-3, times=30)
        await trio.sleep(90)
        seen = await coming(fills, 400)
        assert brief(seen) == [(LIVE, 3, 300)] * 40
        assert fills.statistics().unverified_orders == 0


# -- days --------------------------------------------------------------------------


async def test_two_orders_of_one_number_on_two_days_are_two(autojump_clock):
    start = datetime(2026, 11, 20, 23, 59, tzinfo=KST)
    async with FakeKIS(start=start) as kis, verified(kis) as fills:
        yesterday = order_of(kis)
        kis.fill(yesterday, quantity=3)
        await trio.sleep(120)
        today = order_of(kis)
        assert today == yesterday
        kis.fill(today, quantity=4, notify=False)
        seen = await coming(fills, AUDIT + D + 1)
        assert brief(seen) == [(LIVE, 3, 300), (RECOVERED, 4, 400)]
        assert [fill.fill_id.split(".", 2)[2] for fill in seen] == [
            f"20261120.{yesterday}.0-3",
            f"20261121.{today}.0-4",
        ]


async def test_a_fill_missed_over_midnight_belongs_to_its_day(autojump_clock):
    start = datetime(2026, 11, 20, 23, 59, 30, tzinfo=KST)
    async with FakeKIS(start=start) as kis, verified(kis) as fills:
        order_id = order_of(kis)
        await trio.sleep(10)
        kis.refuse_connections(times=8)
        await drop_and_wait(kis, fills)
        kis.fill(order_id, quantity=3)
        await trio.sleep(60)
        assert kis.now.date() == date(2026, 11, 21)
        kis.fill(order_of(kis), quantity=4)
        seen = await coming(fills, 600)
        assert sorted(fill.fill_id.split(".", 2)[2] for fill in seen) == [
            f"20261120.{order_id}.0-3",
            f"20261121.{order_id}.0-4",
        ]


async def test_a_notice_of_the_last_second_of_a_day_is_counted_on_that_day(autojump_clock):
    start = datetime(2026, 11, 20, 23, 59, 0, tzinfo=KST)
    async with FakeKIS(start=start, notice_lag=2) as kis, verified(kis) as fills:
        order_id = order_of(kis)
        await trio.sleep((start + timedelta(seconds=59) - kis.now).total_seconds())
        kis.fill(order_id, quantity=3)
        seen = await coming(fills, 300)
        assert brief(seen) == [(LIVE, 3, 300)]
        assert ".20261120." in seen[0].fill_id
        assert fills.statistics().unverified_orders == 0
