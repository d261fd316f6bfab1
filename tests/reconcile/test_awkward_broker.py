"""What the broker has been seen to do to inquiries, through the front door."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta

import attrs
import pytest
import trio

from kxt_trio import KST, FillOrigin, KISClient, StreamState
from kxt_trio.offload import Inline
from kxt_trio.testing import FakeKIS

from .front_door import AUDIT, D, brief, client_of, coming, drop_and_wait, order_of, verified

LIVE, RECOVERED = FillOrigin.LIVE, FillOrigin.RECOVERED


def inquiries(kis: FakeKIS, since: float = 0.0) -> list[dict[str, str]]:
    return [
        dict(call.request.query)
        for call in kis.rest_calls
        if call.request.path.endswith("inquire-daily-ccld") and call.at >= since
    ]


async def test_a_list_without_rows_beside_a_sum_proves_nothing(autojump_clock, caplog):
    caplog.set_level(logging.INFO, "kxt_trio")
    async with FakeKIS(environment="paper") as kis, verified(kis) as fills:
        kis.hide_rows()
        await drop_and_wait(kis, fills)
        kis.fill(order_of(kis), quantity=10)
        await trio.sleep(200)
        assert fills.state is StreamState.RECONCILING
        assert fills.statistics().days_in_doubt == 1
        assert "no rows, beside sums that are not zero" in caplog.text
        assert caplog.text.count("incomplete: ") == 1  # the alarm
        kis.restore_pages()
        with trio.fail_after(60):
            assert brief([await fills.receive()]) == [(RECOVERED, 10, 1000)]
            await fills.wait_verified()


async def test_an_order_listed_once_for_each_venue_is_one_order(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        fills = client.stream_fill_updates()
        await fills.wait_verified()
        order_id = order_of(kis, quantity=100, venue="SOR-KRX")
        kis.split_row(order_id)
        for quantity, price in ((4, 100), (5, 101)):
            kis.fill(order_id, quantity=quantity, price=price)
            await trio.sleep(1)
        await trio.sleep(60)
        kis.fill(order_id, quantity=3, price=99, notify=False)
        *_, found = seen = await coming(fills, 300)
        assert brief(seen) == [(LIVE, 4, 400), (LIVE, 5, 505), (RECOVERED, 3, 297)]
        assert found.venue is None
        statistics = fills.statistics()
        assert (statistics.corrections, statistics.unverified_orders) == (0, 0)


async def test_a_day_that_is_refused_costs_the_others_nothing(autojump_clock, caplog):
    start = datetime(2026, 11, 19, 23, 59, tzinfo=KST)
    async with FakeKIS(start=start) as kis, verified(kis) as fills:
        kis.refuse_day(date(2026, 11, 19))
        await trio.sleep(3600)
        assert fills.state is StreamState.LIVE
        order_id = order_of(kis)
        await trio.sleep(1)
        kis.fill(order_id, quantity=5, notify=False)
        with trio.fail_after(AUDIT + D + 1):
            assert brief([await fills.receive()]) == [(RECOVERED, 5, 500)]
        assert "does not tell what was filled on 2026-11-19" in caplog.text
        assert fills.statistics().days_in_doubt == 1
        for asked in inquiries(kis):
            assert asked["INQR_STRT_DT"] == asked["INQR_END_DT"]
        refused = [one for one in inquiries(kis) if one["INQR_STRT_DT"] == "20261119"]
        assert len(refused) < 30


async def test_a_link_that_is_restored_after_midnight_waits_for_no_refused_day(autojump_clock):
    start = datetime(2026, 11, 19, 23, 59, tzinfo=KST)
    async with FakeKIS(start=start) as kis, verified(kis) as fills:
        await trio.sleep(300)
        kis.refuse_day(date(2026, 11, 19))
        await drop_and_wait(kis, fills)
        with trio.fail_after(400):
            await fills.wait_verified()
        await drop_and_wait(kis, fills)
        with trio.fail_after(30):  # it is known by now
            await fills.wait_verified()


async def test_a_row_that_cannot_be_read_is_told_of_and_costs_only_itself(
    autojump_clock, caplog
):
    async with FakeKIS() as kis, verified(kis) as fills:
        bad, good = order_of(kis), order_of(kis)
        kis.garble_row(bad)
        await trio.sleep(60)
        kis.fill(good, quantity=3, notify=False)
        kis.fill(bad, quantity=2)
        seen = await coming(fills, AUDIT + D + 1)
        assert brief(seen) == [(LIVE, 2, 200), (RECOVERED, 3, 300)]
        since = trio.current_time()
        await trio.sleep(600)
        assert len(inquiries(kis, since)) <= 25
        assert "answers in a row lacked rows" in caplog.text
        kis.report_truly(bad)
        await trio.sleep(60)
        assert fills.statistics().unverified_orders == 0


async def test_totals_that_cannot_be_are_not_delivered(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        order_id = order_of(kis)
        kis.misreport_totals(order_id, quantity=1_000_000, amount=1)
        await trio.sleep(200)
        assert await coming(fills, 0) == []
        kis.report_truly(order_id)
        kis.fill(order_id, quantity=4, notify=False)
        assert brief(await coming(fills, AUDIT + D + 1)) == [(RECOVERED, 4, 400)]


async def test_an_order_that_trades_without_a_pause_does_not_keep_all_in_doubt(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills, trio.open_nursery() as nursery:
        order_id = order_of(kis, quantity=1000)

        @nursery.start_soon
        async def trade() -> None:
            while True:
                kis.fill(order_id, quantity=1)
                await trio.sleep(3)
                kis.fill(order_id, quantity=1)
                await trio.sleep(6)  # more than L, less than L + D

        await trio.sleep(60)
        await drop_and_wait(kis, fills)
        with trio.fail_after(30):
            await fills.wait_live()
            await fills.wait_verified()
        nursery.cancel_scope.cancel()


async def test_a_cancelled_order_is_not_watched(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        await drop_and_wait(kis, fills)
        order_id = order_of(kis)
        kis.fill(order_id, quantity=4)
        kis.cancel(order_id)
        assert brief(await coming(fills, 300)) == [(RECOVERED, 4, 400)]
        since = trio.current_time()
        await trio.sleep(3600)
        assert len(inquiries(kis, since)) <= 13


async def test_an_order_of_which_nothing_was_heard_is_found_in_minutes(autojump_clock):
    async with FakeKIS() as kis, verified(kis) as fills:
        await trio.sleep(900)
        order_id = order_of(kis, announce=False)
        kis.fill(order_id, notify=False)
        with trio.fail_after(300 + D + 1):
            assert brief([await fills.receive()]) == [(RECOVERED, 10, 1000)]


async def test_refusals_are_warnings_from_the_third_on(autojump_clock, caplog):
    caplog.set_level(logging.INFO, "kxt_trio")
    async with FakeKIS() as kis, verified(kis) as fills:
        kis.rest_down()
        kis.fill(order_of(kis), quantity=1)
        await trio.sleep(300)
        levels = [one.levelno for one in caplog.records if "no totals" in one.message]
        assert levels[:4] == [logging.INFO] * 2 + [logging.WARNING] * 2
        assert fills.state is StreamState.LIVE


class Slow(Inline):
    """Work on a disk that takes its time."""

    async def run(self, function):
        await trio.sleep(0.5)
        return await super().run(function)


async def test_verified_means_on_disk(autojump_clock, tmp_path):
    path = tmp_path / "fills.db"

    def recovered() -> int:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM rec WHERE origin = 'recovered'"
            ).fetchone()
            return int(count)

    async with FakeKIS() as kis:
        network = attrs.evolve(kis.network, offload=Slow)
        client = KISClient(**kis.credentials, network=network, journal=path)
        async with client, client.stream_fill_updates(consumer="a") as fills:
            await fills.wait_verified()
            await trio.sleep(1)
            await drop_and_wait(kis, fills)
            kis.rest_down()  # so that one answer brings both, the fill and the verdict
            kis.fill(order_of(kis), quantity=10)
            await fills.wait_live()
            await trio.sleep(2 * D)
            kis.rest_up()
            await fills.wait_verified()
            assert recovered() == 1
            assert brief([await fills.receive()]) == [(RECOVERED, 10, 1000)]


@pytest.mark.parametrize("hours", [-5, 1, 5])
async def test_how_late_a_notice_is_goes_by_the_brokers_clock(hours, autojump_clock, caplog):
    async with FakeKIS() as kis:

        def now() -> datetime:
            return kis.now + timedelta(hours=hours)

        network = attrs.evolve(kis.network, now=now)
        async with verified(kis, network=network) as fills:
            kis.fill(order_of(kis), quantity=5)
            assert brief([await fills.receive()]) == [(LIVE, 5, 500)]
            figures = fills.statistics()
            assert figures.stream_lag == D
            assert figures.clock_offset == pytest.approx(-hours * 3600, abs=2)
    assert "late_notice" not in caplog.text


@pytest.mark.parametrize("hours", [-24, 1, 15, 24])
async def test_this_machines_clock_may_jump_for_a_minute(hours, autojump_clock):
    async with FakeKIS() as kis:
        skew = [0.0]

        def now() -> datetime:
            moment = kis.now.timestamp() + skew[0]
            return datetime.fromtimestamp(moment, KST)

        network = attrs.evolve(kis.network, now=now)
        async with verified(kis, network=network) as fills:
            order_id = order_of(kis, quantity=1000)
            await trio.sleep(300)
            skew[0] = hours * 3600.0
            await trio.sleep(60)
            skew[0] = 0.0
            await trio.sleep(300)
            kis.fill(order_id, quantity=5, notify=False)
            with trio.fail_after(AUDIT + D + 1):
                assert brief([await fills.receive()]) == [(RECOVERED, 5, 500)]
