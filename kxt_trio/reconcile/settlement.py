"""One order held against one answer of the broker.

Called when the answer is ripe.  Whatever is decided leaves the tally equal to the answer,
or leaves it alone: there is no half-way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from .facts import Page, SnapshotRow
from .findings import Absorbed, Alarm, AlarmKind, Balance, Correct, Finding
from .rules import Rules
from .tally import Tally, share_out
from .totals import Totals

__all__ = ["settle", "settle_absent", "wall_of_question"]


def wall_of_question(page: Page) -> float:
    """When the page was asked for, on the broker's clock."""
    return page.answered_wall - (page.answered_at - page.asked_at)


def settle(
    rules: Rules, tally: Tally, row: SnapshotRow, page: Page, *, now: float, since: float
) -> Iterator[Finding]:
    """Act on what the broker's totals have beyond the tally.

    Nothing, if the order was not quiet: the difference may be executions that the totals
    do not reflect yet; but if the totals are what had been counted L before the question,
    the tally is verified as of then.  Otherwise the tally is verified if there is no
    difference, the missed shares are recovered if there are any, and a difference that no
    fill explains is left to stand until it is believed.

    Args:
        rules: What to decide by.
        tally: The order.
        row: The broker's totals of it.
        page: The answer that the row came in.
        now: The monotonic time of the decision.
        since: Wall time before which nothing of the order can have been missed.
    """
    difference = tally.difference(row.quantity, row.amount)
    if not rules.quiet(tally, row.quantity, page.asked_at):
        if rules.confirms(tally, row, page.asked_at):
            _agreed(rules, tally, page)
            return
        # Agreement with what is counted now is no proof (a missed fill may have a twin on
        # its way), and no reason to ask again sooner either.
        tally.contested = tally.contested or not difference.nothing
        return
    if not (difference.nothing or difference.a_fill):
        yield from _contradicted(rules, tally, row, page, now=now)
        return
    if tally.provisional:
        yield _adopt(tally, row, page, difference)
    else:
        yield from _recover(tally, row, page, difference, since)
    _agreed(rules, tally, page)


def settle_absent(rules: Rules, tally: Tally, page: Page, *, now: float) -> Iterator[Finding]:
    """Act on a complete answer that does not list the order.

    That is agreement if nothing of it was filled.  If something was, the broker
    contradicts its own notices; that is no ground to take a fill back, and an alarm once
    it has stood for long.  After that nobody waits for it any more.
    """
    if tally.disowned:
        return
    if not rules.quiet(tally, 0, page.asked_at):
        if rules.confirms(tally, SnapshotRow(tally.order, 0, 0), page.asked_at):
            _agreed(rules, tally, page)  # it was filled after the question
            return
        tally.contested = tally.contested or tally.quantity != 0
        return
    if tally.quantity == 0 and not tally.held:
        tally.provisional = False
        _agreed(rules, tally, page)
        return
    tally.contradict(tally.difference(0, 0), now)
    if rules.stands(tally.contradicted_at, now):
        tally.disowned = True
        yield Alarm(
            kind=AlarmKind.NOT_LISTED,
            order=tally.order,
            detail=f"{tally.quantity} shares were filled of an order the broker does not list",
        )


def _agreed(rules: Rules, tally: Tally, page: Page) -> None:
    tally.agree(page.asked_at, wall_of_question(page) - rules.policy.rest_lag)
    tally.recent.forget(page.asked_at - rules.policy.rest_lag)


def _adopt(tally: Tally, row: SnapshotRow, page: Page, difference: Totals) -> Balance:
    """Take what was filled before the first notice as the order's opening balance."""
    fence = math.floor(page.answered_wall) if difference.quantity else None
    tally.provisional = False
    tally.add(difference.quantity, difference.amount)
    tally.fence = fence
    return Balance(
        order=tally.order,
        quantity=difference.quantity,
        amount=difference.amount,
        fence=fence,
        revision=tally.revision,
        source=row,
    )


def _recover(
    tally: Tally, row: SnapshotRow, page: Page, missed: Totals, since: float
) -> Iterator[Finding]:
    """Deliver what was missed; release or absorb what was held."""
    if missed.nothing:
        yield from _absorb_all(tally)
        return
    fence = math.floor(page.answered_wall)
    held = sorted(tally.held, key=lambda notice: notice.executed_at)
    absorbed, rest = share_out(missed, held)
    tally.held = []
    tally.hold_alarmed = False
    tally.fence = fence
    for notice in held[:absorbed]:
        yield Absorbed(notice)
    for notice in held[absorbed:]:
        yield tally.deliver_live(notice, fence)
    if not rest.nothing:
        yield tally.deliver_recovered(
            rest,
            row,
            earliest=min(since, page.answered_wall),
            latest=page.answered_wall,
        )


def _contradicted(
    rules: Rules, tally: Tally, row: SnapshotRow, page: Page, *, now: float
) -> Iterator[Finding]:
    """Note a difference that no missed fill explains; believe it once it has stood."""
    difference = tally.difference(row.quantity, row.amount)
    tally.contradict(difference, now)
    if tally.provisional or not rules.stands(tally.contradicted_at, now):
        return
    yield Alarm(
        kind=AlarmKind.CORRECTED,
        order=tally.order,
        detail=(
            f"counted {tally.quantity} shares for {tally.amount} won, "
            f"the broker says {row.quantity} for {row.amount}"
        ),
    )
    yield from _absorb_all(tally)
    start = tally.quantity
    tally.add(difference.quantity, difference.amount)
    tally.revision += 1
    tally.fence = math.floor(page.answered_wall)
    yield Correct(
        order=tally.order,
        quantity=difference.quantity,
        amount=difference.amount,
        start=start,
        end=tally.quantity,
        revision=tally.revision,
        fence=tally.fence,
        received_wall=page.answered_wall,
        source=row,
    )
    _agreed(rules, tally, page)


def _absorb_all(tally: Tally) -> Iterator[Finding]:
    held, tally.held = tally.held, []
    tally.hold_alarmed = False
    for notice in held:
        yield Absorbed(notice)
