"""What a user reads off the count, also where nothing can be reconciled."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import KXTUnsupportedError, Reconciliation, StreamState, open_fill_stream
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
    verified,
)

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
