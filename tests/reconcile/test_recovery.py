"""What reconciliation gives its user: every fill once, through the front door."""

from __future__ import annotations

import logging
from collections import defaultdict
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import (
    KST,
    Correction,
    FillNotificationEvent,
    FillOrigin,
    KISClient,
    KXTUnsupportedError,
    Reconciliation,
    StreamState,
    open_fill_stream,
)
from kxt_trio.testing import FakeKIS

D = Reconciliation().stream_lag
AUDIT = Reconciliation().audit_interval
STANDS = 120

LIVE, RECOVERED = FillOrigin.LIVE, FillOrigin.RECOVERED


@asynccontextmanager
async def verified(kis: FakeKIS, **changes):
    """A fill stream of which everything before is accounted for."""
    given = {**kis.credentials, "network": kis.network, **changes}
    async with open_fill_stream(**given) as fills:
        await fills.wait_verified()
        yield fills


def client_of(kis: FakeKIS, **changes) -> KISClient:
    return KISClient(**{**kis.credentials, "network": kis.network, **changes})


def order_of(kis: FakeKIS, quantity: int = 10, **changes) -> str:
    return kis.place("005930", quantity=quantity, price=100, **changes)


async def coming(stream, seconds: float) -> list:
    """What a stream gives in this time."""
    await trio.sleep(seconds)
    seen = []
    while True:
        try:
            seen.append(stream.receive_nowait())
        except trio.WouldBlock:
            return seen


def brief(fills) -> list[tuple[FillOrigin, int, int]]:
    return [(fill.origin, int(fill.report.quantity), int(fill.amount)) for fill in fills]


def totals_of(fills) -> dict[str, tuple[Decimal, Decimal]]:
    totals = defaultdict(lambda: (Decimal(), Decimal()))
    for fill in fills:
        quantity, amount = totals[fill.report.order_ref.order_id]
        totals[fill.report.order_ref.order_id] = (
            quantity + fill.report.quantity,
            amount + fill.amount,
        )
    return totals


async def drop_and_wait(kis: FakeKIS, fills) -> None:
    """Cut the link and wait until it is noticed."""
    kis.drop()
    await trio.sleep(0.1)
    assert fills.state is StreamState.RECONNECTING


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


# -- the beginning -----------------------------------------------------------------


async def test_what_was_filled_before_the_first_start_is_not_delivered(autojump_clock):
    async with FakeKIS() as kis:
        order_id = order_of(kis)
        kis.fill(order_id, quantity=3)
        await trio.sleep(60)
        async with verified(kis) as fills:
            kis.fill(order_id, quantity=2)
            (live,) = await coming(fills, 200)
            assert brief([live]) == [(LIVE, 2, 200)]
            assert live.cumulative_quantity == 5


async def test_unless_it_is_asked_for(autojump_clock):
    async with FakeKIS() as kis:
        first, second = order_of(kis), order_of(kis)
        kis.fill(first, quantity=3)
        kis.fill(first, quantity=1, price=110)
        kis.fill(second)
        await trio.sleep(60)
        async with verified(kis, reconcile=Reconciliation(replay="today")) as fills:
            seen = await coming(fills, 60)
            assert brief(seen) == [(RECOVERED, 4, 410), (RECOVERED, 10, 1000)]
            kis.fill(first)
            seen += await coming(fills, 200)
            assert totals_of(seen) == kis.totals()


async def test_a_fill_between_the_baseline_and_the_subscription_is_recovered(autojump_clock):
    async with FakeKIS(reply_lag=2) as kis, trio.open_nursery() as nursery:
        order_id = order_of(kis)
        kis.fill(order_id, quantity=3)
        await trio.sleep(60)

        @nursery.start_soon
        async def trade() -> None:
            while not kis.requests:
                await trio.sleep(0.01)
            assert not kis.is_subscribed
            kis.fill(order_id, quantity=2)

        async with verified(kis) as fills:
            assert brief(await coming(fills, 60)) == [(RECOVERED, 2, 200)]


async def test_the_state_tells_how_much_is_known(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        fills = client.stream_fill_updates()
        assert fills.state is StreamState.CONNECTING
        await fills.wait_live()
        assert fills.state is StreamState.RECONCILING
        subscribed_at = trio.current_time()
        await fills.wait_verified()
        assert fills.state is StreamState.LIVE
        assert D <= trio.current_time() - subscribed_at <= 20
        await drop_and_wait(kis, fills)
        await fills.wait_live()
        assert fills.state is StreamState.RECONCILING
        await fills.wait_verified()
        assert fills.state is StreamState.LIVE


# -- REST is not there -------------------------------------------------------------


async def test_an_outage_of_rest_delays_no_live_fill_and_heals(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        kis.rest_down()
        order_id = order_of(kis, quantity=20)
        for _ in range(10):
            sent_at = trio.current_time()
            kis.fill(order_id, quantity=1)
            await fills.receive()
            assert trio.current_time() - sent_at < 0.01
            await trio.sleep(60)
        kis.fill(order_id, quantity=3, notify=False)
        await trio.sleep(300)
        assert fills.state is StreamState.LIVE
        assert fills.statistics().unverified_orders == 1
        kis.rest_up()
        assert brief(await coming(fills, 120)) == [(RECOVERED, 3, 300)]
        assert fills.statistics().unverified_orders == 0


async def test_a_start_during_an_outage_is_live_soon_and_verified_later(autojump_clock):
    async with FakeKIS() as kis:
        order_id = order_of(kis)
        kis.fill(order_id, quantity=3)
        await trio.sleep(60)
        async with client_of(kis) as client:
            kis.rest_latency = 1000
            kis._broker.keys.issue_approval_key(kis.now)
            stream = client.stream_fill_updates()
            await trio.sleep(0.1)
            kis.rest_latency = 0
            await stream.wait_live()
            kis.rest_down()
            kis.fill(order_id, quantity=2)
            assert brief([await stream.receive()]) == [(LIVE, 2, 200)]
            await trio.sleep(100)
            assert stream.state is StreamState.RECONCILING
            kis.rest_up()
            with trio.fail_after(120):
                await stream.wait_verified()
            assert await coming(stream, 200) == []


async def test_a_refused_token_is_renewed_once(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        order_id = order_of(kis)
        await trio.sleep(120)

        def tokens() -> int:
            paths = [call.request.path for call in kis.rest_calls]
            return paths.count("/oauth2/tokenP")

        assert tokens() == 1
        kis.expire_tokens()
        kis.fill(order_id, quantity=4, notify=False)
        with trio.fail_after(AUDIT + D + 1):
            await fills.receive()
        await trio.sleep(120)
        assert tokens() == 2


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


# -- figures and names -------------------------------------------------------------


async def test_fill_ids_join_end_to_start_and_agree_with_the_cumulative_quantity(
    autojump_clock,
):
    async with FakeKIS() as kis, verified(kis) as fills:
        order_id = order_of(kis)
        kis.fill(order_id, quantity=1)
        await trio.sleep(20)
        kis.fill(order_id, quantity=2, notify=False)
        await trio.sleep(AUDIT + D + 1)
        kis.fill(order_id, quantity=3)
        seen = await coming(fills, 1)
        ids = [fill.fill_id for fill in seen]
        assert [name.rpartition(".")[2] for name in ids] == ["0-1", "1-3", "3-6"]
        assert [fill.cumulative_quantity for fill in seen] == [1, 3, 6]
        assert len({name.rpartition(".")[0] for name in ids}) == 1
        assert f".20261120.{order_id}." in ids[0]
        assert kis.credentials.account_no not in ids[0]


async def test_statistics_tell_how_the_count_stands(autojump_clock):
    async with FakeKIS(notice_lag=1) as kis, verified(kis) as fills:
        order_id = order_of(kis)
        kis.fill(order_id, quantity=1)
        await trio.sleep(1.5)
        assert fills.statistics().unverified_orders == 1
        kis.fill(order_id, quantity=2, notify=False)
        await trio.sleep(2 * AUDIT)
        statistics = fills.statistics()
        assert statistics.state is StreamState.LIVE
        assert (statistics.unverified_orders, statistics.recovered) == (0, 1)
        assert (statistics.held, statistics.corrections) == (0, 0)
        assert statistics.stream_lag == D
        assert abs(statistics.clock_offset) <= 1
        assert (statistics.received, statistics.buffered) == (2, 2)


# -- where nothing can be reconciled -----------------------------------------------


@pytest.mark.parametrize(
    "without",
    [
        {"account_no": None, "account_product_code": None},
        {"reconcile": Reconciliation(enabled=False)},
    ],
    ids=["no account", "switched off"],
)
async def test_without_reconciliation_a_gap_is_announced_and_nothing_is_recovered(
    without, autojump_clock, caplog
):
    async with (
        FakeKIS() as kis,
        open_fill_stream(**{**kis.credentials, "network": kis.network, **without}) as fills,
    ):
        assert fills.state is StreamState.LIVE
        with pytest.raises(KXTUnsupportedError, match="nothing can be verified"):
            await fills.wait_verified()
        await drop_and_wait(kis, fills)
        kis.fill(order_of(kis))
        assert await coming(fills, 300) == []
        assert "may be missing" in caplog.text
        statistics = fills.statistics()
        assert len(statistics.gaps) == 1
        assert statistics.unverified_orders is statistics.recovered is None
        assert {call.request.path for call in kis.rest_calls} == {"/oauth2/Approval"}


async def test_with_reconciliation_a_gap_is_filled_and_not_announced(autojump_clock, caplog):
    async with FakeKIS() as kis, verified(kis) as fills:
        await drop_and_wait(kis, fills)
        kis.fill(order_of(kis))
        assert brief(await coming(fills, 60)) == [(RECOVERED, 10, 1000)]
        assert "may be missing" not in caplog.text


async def test_fills_of_other_accounts_pass_uncounted(autojump_clock):
    other = "87654321-01"
    async with FakeKIS() as kis, client_of(kis) as client:
        mine, theirs = (
            client.stream_fill_updates(),
            client.stream_fill_updates(account_no=other),
        )
        await mine.wait_verified()
        order_id = order_of(kis, account=other)
        kis.fill(order_id, quantity=4)
        await wait_all_tasks_blocked()
        fill = theirs.receive_nowait()
        assert (fill.origin, fill.fill_id, fill.cumulative_quantity) == (LIVE, None, None)
        kis.fill(order_id, quantity=3, notify=False)
        assert await coming(theirs, 300) == []
        assert await coming(mine, 0) == []
