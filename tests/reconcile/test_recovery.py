"""What reconciliation gives its user: every fill once, through the front door."""

from __future__ import annotations

import logging
from decimal import Decimal

import pytest
import trio

from kxt_trio import Reconciliation, StreamState
from kxt_trio.testing import FakeKIS

from .front_door import (
    AUDIT,
    LIVE,
    RECOVERED,
    D,
    brief,
    coming,
    drop_and_wait,
    order_of,
    totals_of,
    verified,
)

# -- what was missed ---------------------------------------------------------------


async def test_fills_during_a_broken_link_come_back_as_one_with_exact_figures(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        order_id = order_of(kis)
        kis.fill(order_id, quantity=2, price=101)
        await trio.sleep(20)
        await drop_and_wait(kis, fills)
        broken_at = kis.now
        kis.fill(order_id, quantity=3, price=103)
        kis.fill(order_id, quantity=4, price=98)
        done_at = kis.now
        seen = await coming(fills, 30)
        assert brief(seen) == [(LIVE, 2, 202), (RECOVERED, 7, 3 * 103 + 4 * 98)]
        live, found = seen
        assert live.executed_between is None
        start, end = found.executed_between
        assert start <= broken_at <= done_at <= end <= kis.now
        assert found.report.occurred_at == end.replace(microsecond=0)
        assert (found.instrument.symbol, found.side, found.order_quantity) == (
            live.instrument.symbol,
            live.side,
            live.order_quantity,
        )
        assert (found.report.order_ref, found.account) == (live.report.order_ref, live.account)
        assert totals_of(seen) == kis.totals()


async def test_an_average_that_does_not_divide_loses_no_won(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        await drop_and_wait(kis, fills)
        order_id = order_of(kis)
        for price in (100, 100, 101):
            kis.fill(order_id, quantity=1, price=price)
        (found,) = await coming(fills, 30)
        assert found.amount == 301
        assert abs(found.report.price * 3 - 301) < Decimal("1e-6")


@pytest.mark.parametrize("quiet", [1, 20, 100, 300])
async def test_a_single_notice_lost_on_a_healthy_link_is_found_by_the_audit(
    quiet, autojump_clock
):
    async with FakeKIS() as kis, verified(kis) as fills:
        await trio.sleep(quiet)
        order_id = order_of(kis)
        await trio.sleep(1)
        lost_at = trio.current_time()
        kis.fill(order_id, quantity=4, notify=False)
        found = await fills.receive()
        assert brief([found]) == [(RECOVERED, 4, 400)]
        assert trio.current_time() - lost_at <= AUDIT + D + 1
        assert len(kis.connects) == 1
        assert fills.state is StreamState.LIVE


async def test_the_audit_is_as_frequent_as_asked_for(autojump_clock):
    often = Reconciliation(audit_interval=3, stream_lag=1)
    async with FakeKIS() as kis, verified(kis, reconcile=often) as fills:
        order_id = order_of(kis)
        await trio.sleep(100)
        kis.fill(order_id, quantity=4, notify=False)
        with trio.fail_after(3 + 1 + 1):
            await fills.receive()


async def test_fills_that_look_alike_are_as_many_as_they_were(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        order_id = order_of(kis)
        for _ in range(2):
            kis.fill(order_id, quantity=2)
        await trio.sleep(20)
        kis.fill(order_id, quantity=2, notify=False)
        seen = await coming(fills, AUDIT + D + 1)
        assert brief(seen) == [(LIVE, 2, 200), (LIVE, 2, 200), (RECOVERED, 2, 200)]
        assert seen[0] == seen[1]


async def test_a_notice_that_cannot_be_read_leads_to_its_recovery(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        order_id = order_of(kis)
        await trio.sleep(60)
        kis.send_notice("this^is^no^notice")
        kis.fill(order_id, quantity=4, notify=False)
        with trio.fail_after(D + 2):  # and not an audit later
            assert brief([await fills.receive()]) == [(RECOVERED, 4, 400)]
        assert fills.statistics().unreadable == 1


async def test_an_order_entered_elsewhere_is_an_order_of_the_account(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        order_of(kis)  # as long as one is open, the broker is asked about all
        await trio.sleep(60)
        elsewhere = order_of(kis, announce=False)
        kis.fill(elsewhere, quantity=3, notify=False)
        (found,) = await coming(fills, AUDIT + D + 1)
        assert brief([found]) == [(RECOVERED, 3, 300)]
        assert found.report.order_ref.order_id == elsewhere
        kis.fill(elsewhere)
        assert brief([await fills.receive()]) == [(LIVE, 7, 700)]


async def test_an_order_amended_out_of_sight_is_followed_to_its_new_number(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        first = order_of(kis)
        kis.fill(first, quantity=2)
        await drop_and_wait(kis, fills)
        kis.fill(first, quantity=1)
        second = kis.amend(first, quantity=5, price=105)
        kis.fill(second, quantity=4)
        seen = await coming(fills, 30)
        assert totals_of(seen) == kis.totals()
        by_order = {fill.report.order_ref.order_id: fill for fill in seen}
        assert by_order[second].report.order_ref.original_order_id == first
        kis.fill(second)
        kis.fill(first)
        seen += await coming(fills, 300)
        assert totals_of(seen) == kis.totals()
        assert (fills.statistics().corrections, fills.statistics().held) == (0, 0)


async def test_an_order_amended_before_our_eyes_is_finished_when_its_parts_are(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        first = order_of(kis)
        second = kis.amend(first, quantity=6, price=105)
        kis.fill(second)
        kis.fill(first)
        seen = await coming(fills, 60)
        assert brief(seen) == [(LIVE, 6, 630), (LIVE, 4, 400)]
        assert fills.statistics().unverified_orders == 0
        calls = len(kis.rest_calls)
        await trio.sleep(100 + AUDIT)
        assert len(kis.rest_calls) - calls <= 1  # nothing is open: nothing to audit


# -- late notices ------------------------------------------------------------------


async def test_a_notice_far_too_late_is_held_and_never_counted_twice(autojump_clock, caplog):
    caplog.set_level(logging.INFO, "kxt_trio")
    async with FakeKIS() as kis, verified(kis) as fills:
        order_id = order_of(kis)
        await trio.sleep(60)
        kis.fill(order_id, quantity=4, lag=60)
        assert brief(await coming(fills, 59)) == [(RECOVERED, 4, 400)]
        await trio.sleep(1.5)
        assert fills.statistics().held == 1
        assert "held" in caplog.text
        assert "late_notice" in caplog.text
        assert await coming(fills, 120) == []
        assert fills.statistics().held == 0
        assert "absorbed" in caplog.text
        kis.fill(order_id)
        assert brief(await coming(fills, 120)) == [(LIVE, 6, 600)]


async def test_a_notice_that_only_might_be_in_the_totals_is_released(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        order_id = order_of(kis)
        await trio.sleep(60)
        kis.fill(order_id, quantity=4, notify=False)
        asked = len(kis.rest_calls)
        while len(kis.rest_calls) == asked:
            await trio.sleep(0.01)
        kis.fill(order_id, quantity=4, lag=8)  # in the second of the answer, but after it
        assert brief(await coming(fills, 7)) == [(RECOVERED, 4, 400)]
        await trio.sleep(1.5)
        assert fills.statistics().held == 1
        assert brief(await coming(fills, 60)) == [(LIVE, 4, 400)]
        assert fills.statistics().held == 0


async def test_a_slow_stream_is_measured_and_waited_for(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        kis.notice_lag = 8
        order_id = order_of(kis, quantity=40)
        for _ in range(30):
            kis.fill(order_id, quantity=1)
            await trio.sleep(7)
        seen = await coming(fills, 200)
        assert totals_of(seen) == kis.totals()
        assert fills.statistics().corrections == 0
        assert fills.statistics().stream_lag >= 16
