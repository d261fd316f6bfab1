"""What is counted of one order, and the sharing out of a difference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import attrs

from kxt_trio.models import FillOrigin

from .facts import Amount, Notice, OrderKey, SnapshotRow
from .findings import Alarm, AlarmKind, Deliver
from .recent import Recent
from .totals import Totals

__all__ = ["Tally", "share_out"]


@attrs.define(eq=False, repr=False)
class Tally:
    """One order: all that was counted of it, and how far that can be trusted.

    Attributes:
        order: Whose it is.
        provisional: How much was filled before the first notice is not known.
        quantity: Shares counted: live, recovered, corrections, balance.
        amount: Won counted.
        revision: Corrections so far.
        ordered: Shares of the order, where known.
        withdrawn: Shares since taken off its book.
        parent: The order that this one amends.
        fence: Last second that totals counted here may reflect; None while everything
            counted came from notices.
        last_notice: When the last notice was received, held ones too, monotonic.
        held: Notices that wait, as received.
        hold_alarmed: Somebody was told that they wait.
        verified_at: When the question was asked whose answer last agreed, monotonic.
        verified_wall: Executions before this wall time are surely counted.
        contested: The last answer neither agreed nor could be acted on.
        contradiction: The impossible difference that the last answers had, if any.
        contradicted_at: Since when it is the same.
        disowned: The broker does not list the order, and somebody was told.
        recent: The latest notices counted.
        ended_at: The shares filled when the broker said that nothing is left to fill.
        watched: It is in doubt and trades; see :mod:`~kxt_trio.reconcile.pauses`.
        parts: The venues whose rows were added up, where there was more than one.
    """

    order: OrderKey
    provisional: bool = False
    quantity: int = 0
    amount: Amount = 0
    revision: int = 0
    ordered: int | None = None
    withdrawn: int = 0
    parent: OrderKey | None = None
    fence: int | None = None
    last_notice: float = -math.inf
    held: list[Notice] = attrs.field(factory=list[Notice])
    hold_alarmed: bool = False
    verified_at: float = -math.inf
    verified_wall: float | None = None
    contested: bool = False
    contradiction: Totals | None = None
    contradicted_at: float = math.inf
    disowned: bool = False
    recent: Recent = attrs.field(factory=Recent)
    ended_at: int | None = None
    watched: bool = False
    parts: frozenset[str] = frozenset()

    @property
    def limit(self) -> int | None:
        """Shares that the order can have at most, where known."""
        return None if self.ordered is None else self.ordered - self.withdrawn

    @property
    def open(self) -> bool:
        """More can be filled, as far as is known."""
        limit = self.limit
        return (limit is None or self.quantity < limit) and self.quantity != self.ended_at

    @property
    def unresolved(self) -> bool:
        """Something about the order waits for an answer."""
        return bool(self.held) or ((self.contested or self.provisional) and not self.disowned)

    @property
    def unverified(self) -> bool:
        """No answer has confirmed all that is counted."""
        return (
            self.unresolved
            or self.disowned
            or self.last_notice > self.verified_at
            or (self.verified_at == -math.inf)
        )

    def difference(self, quantity: int, amount: Amount) -> Totals:
        """What the broker's totals have beyond what is counted."""
        return Totals(quantity - self.quantity, amount - self.amount)

    def counted_before(self, at: float) -> Totals | None:
        """What was counted less the notices received then or later; None if not known.

        Shares from totals count as if they had been there always: they happened before
        the answer that they are from.
        """
        since = self.recent.since(at)
        if since is None:
            return None
        return Totals(self.quantity - since.quantity, self.amount - since.amount)

    def add(self, quantity: int, amount: Amount) -> None:
        """Count these too."""
        self.quantity += quantity
        self.amount += amount

    def learn(self, row: SnapshotRow) -> None:
        """Take the order's size from the broker where nothing better is known."""
        limit = self.limit
        if limit is None or row.quantity > limit:
            self.ordered = row.order_quantity
            self.withdrawn = 0
        self.ended_at = row.quantity if row.finished else None
        self.disowned = False

    def deliver_live(self, notice: Notice, fence: int | None = None) -> Deliver:
        """Count a notice; with ``fence``, one that the broker's totals have already."""
        start = self.quantity
        amount = notice.price * notice.quantity
        self.quantity = start + notice.quantity
        self.amount += amount
        if fence is None:
            self.recent.add(notice.received_at, notice.quantity, amount)
        return Deliver(
            order=self.order,
            origin=FillOrigin.LIVE,
            quantity=notice.quantity,
            amount=amount,
            start=start,
            end=self.quantity,
            earliest=notice.executed_at,
            latest=notice.executed_at,
            received_wall=notice.received_wall,
            revision=self.revision,
            provisional=self.provisional,
            fence=fence,
            source=notice,
        )

    def deliver_recovered(
        self, missed: Totals, row: SnapshotRow, *, earliest: float, latest: float
    ) -> Deliver:
        """Count a difference to the broker's totals."""
        start = self.quantity
        self.add(missed.quantity, missed.amount)
        return Deliver(
            order=self.order,
            origin=FillOrigin.RECOVERED,
            quantity=missed.quantity,
            amount=missed.amount,
            start=start,
            end=self.quantity,
            earliest=earliest,
            latest=latest,
            received_wall=latest,
            revision=self.revision,
            fence=math.floor(latest),
            source=row,
        )

    def held_too_long(self, now: float, alarm_after: float) -> Iterator[Alarm]:
        """Say, once, that notices wait and nothing decides them."""
        since = self.held[0].received_at
        if now >= since + alarm_after and not self.hold_alarmed:
            self.hold_alarmed = True
            waiting = now - since
            yield Alarm(
                kind=AlarmKind.HELD_LONG,
                order=self.order,
                detail=f"{len(self.held)} notices wait, the first for {waiting:.0f} s",
            )

    def agree(self, asked_at: float, verified_wall: float) -> None:
        """Note that the broker's totals are what is counted."""
        self.verified_at = asked_at
        self.verified_wall = verified_wall
        self.contested = False
        self.contradiction = None
        self.contradicted_at = math.inf
        self.disowned = False

    def contradict(self, difference: Totals, now: float) -> None:
        """Note a difference that no missed fill explains; the same one keeps its age."""
        self.contested = True
        if difference != self.contradiction:
            self.contradiction = difference
            self.contradicted_at = now


def share_out(missed: Totals, held: Sequence[Notice]) -> tuple[int, Totals]:
    """Find which of the held notices the difference to the totals contains.

    A notice that was held and is not in what was recovered before must be in the
    difference.  The latest executions are the likeliest, so the split is between the
    older, absorbed, and the newer, released.  It is made only where it leaves nothing
    over: what another split left would be a guess, at a price nobody traded at.

    Args:
        missed: Shares and won that the totals have beyond the ledger; a fill, or nothing.
        held: The notices that wait, oldest execution first.

    Returns:
        How many of the oldest are absorbed, and what is left to recover.  The sum of
        released and recovered is ``missed``, whatever the split.
    """
    rest = missed
    for index in range(len(held) - 1, -1, -1):
        notice = held[index]
        rest = Totals(
            rest.quantity - notice.quantity, rest.amount - notice.price * notice.quantity
        )
        if rest.nothing:
            return index, rest
    return len(held), missed
