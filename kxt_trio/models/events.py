"""The events a stream delivers.

Equality is identity of what happened: who, what, when, at which price, how much.
Everything else an event carries tells where it came from, has a default and takes no
part in comparisons.  All times are aware, in :data:`~kxt_trio.KST`; prices are won,
quantities shares, both :class:`~decimal.Decimal`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

import attrs

from .codes import CancelReason, FillOrigin, OrderAction, OrderType, Side, TimeInForce, Venue
from .values import AccountSummary, InstrumentRef, ProviderOrderRef

__all__ = [
    "AnyEvent",
    "Correction",
    "ExecutionReport",
    "FillEvent",
    "FillNotificationEvent",
    "OrderAcceptedEvent",
    "OrderAmendAckEvent",
    "OrderCancelAckEvent",
    "OrderEvent",
    "OrderLifecycleEvent",
    "OrderRejectedEvent",
]


@attrs.frozen
class ExecutionReport:
    """One execution of an order.

    ``execution_id`` is always None: the broker gives domestic executions no id.
    ``occurred_at`` is the exchange time, in whole seconds; the notice has a time of day
    only, so its date is the one that puts it nearest to the moment it arrived.
    ``price`` and ``quantity`` are those of this execution alone.
    """

    execution_id: str | None
    order_ref: ProviderOrderRef
    occurred_at: datetime
    price: Decimal
    quantity: Decimal


@attrs.frozen
class FillEvent:
    """An order was filled, in part or in full.

    Every partial fill is an event of its own, and two that look alike are two fills.

    Attributes:
        report: The execution itself.
        instrument: What was traded.
        side: Buy or sell; a code the broker's tables do not know stays text.
        order_quantity: Shares of the whole order.
        order_price: The order's limit in won; None for a market order or where the
            broker did not say.
        venue: Exchange or router; None where the wire layout does not carry it (paper
            accounts of the old layout).
        account: The account, product code included.
        origin: Live notice, or found afterwards from the broker's totals.  A recovered
            fill may be several executions in one: its quantity and amount are exact,
            its price is their average, and ``occurred_at`` is the latest it can be.
        executed_between: When it happened, from and to; the interval of a recovered
            fill, None for a live one.
        exact_amount: Won in all, of a recovered fill, whose average price may be rounded;
            see :attr:`amount`.
        fill_id: Which shares of the order these are,
            ``environment.account-tag.yyyymmdd.order.from-to``; the tag is a keyed hash.
            Fills of an order join end to start.  None where nothing keeps count.
        cumulative_quantity: Shares of the order filled so far, this fill included;
            None where not known.
        received_at: When the notice reached this machine, by its wall clock.
        raw: The notice's fields by position, with the HTS ID, the account number and
            the holder's name blanked.  Not in ``repr``.
    """

    report: ExecutionReport
    instrument: InstrumentRef
    side: Side | str | None = attrs.field(default=None, eq=False)
    order_quantity: Decimal | None = attrs.field(default=None, eq=False)
    order_price: Decimal | None = attrs.field(default=None, eq=False)
    venue: Venue | str | None = attrs.field(default=None, eq=False)
    account: AccountSummary | None = attrs.field(default=None, eq=False)
    origin: FillOrigin = attrs.field(default=FillOrigin.LIVE, eq=False)
    executed_between: tuple[datetime, datetime] | None = attrs.field(default=None, eq=False)
    exact_amount: Decimal | None = attrs.field(default=None, eq=False)
    fill_id: str | None = attrs.field(default=None, eq=False)
    cumulative_quantity: Decimal | None = attrs.field(default=None, eq=False)
    received_at: datetime | None = attrs.field(default=None, eq=False)
    raw: tuple[str, ...] | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def amount(self) -> Decimal:
        """Won in all, exactly: what to add up."""
        if self.exact_amount is not None:
            return self.exact_amount
        return self.report.price * self.report.quantity


@attrs.frozen
class FillNotificationEvent:
    """A fill as it appears on the unified order stream; ``fill`` is the event itself."""

    fill: FillEvent

    @property
    def order_ref(self) -> ProviderOrderRef:
        """The order that was filled."""
        return self.fill.report.order_ref

    @property
    def instrument(self) -> InstrumentRef:
        """What was traded."""
        return self.fill.instrument

    @property
    def occurred_at(self) -> datetime:
        """The exchange time of the execution, KST."""
        return self.fill.report.occurred_at


@attrs.frozen
class _LifecycleEvent:
    """What acceptance, amendment, cancellation and rejection have in common.

    Attributes:
        order_ref: The order; for an amendment or a cancellation a number of its own,
            with the changed order in ``original_order_id``.
        instrument: What it is for.
        occurred_at: Broker time, KST.
        quantity: Shares accepted, amended to, cancelled or rejected.
        price: The order's limit in won; None for a market order.
        action: New order, amendment or cancellation.
        side: Buy or sell; an unknown code stays text.
        order_type: The broker's order type; an unknown code stays text.
        time_in_force: Day, IOC or FOK; an unknown code stays text.
        order_quantity: Shares of the whole order, as the broker states it.
        venue: Exchange or router, where the wire layout carries it.
        account: The account, product code included.
        received_at: When the notice reached this machine, by its wall clock.
        raw: The notice's fields by position, the private ones blanked.  Not in ``repr``.
    """

    order_ref: ProviderOrderRef
    instrument: InstrumentRef
    occurred_at: datetime
    quantity: Decimal
    price: Decimal | None = None
    action: OrderAction | str = OrderAction.NEW
    side: Side | str | None = attrs.field(default=None, eq=False)
    order_type: OrderType | str | None = attrs.field(default=None, eq=False)
    time_in_force: TimeInForce | str | None = attrs.field(default=None, eq=False)
    order_quantity: Decimal | None = attrs.field(default=None, eq=False)
    venue: Venue | str | None = attrs.field(default=None, eq=False)
    account: AccountSummary | None = attrs.field(default=None, eq=False)
    received_at: datetime | None = attrs.field(default=None, eq=False)
    raw: tuple[str, ...] | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class OrderAcceptedEvent(_LifecycleEvent):
    """The broker took the order, or the request to amend or cancel one (``action``).

    An accepted request has changed nothing yet; the acknowledgement does.
    """


@attrs.frozen
class OrderAmendAckEvent(_LifecycleEvent):
    """An amendment took effect: ``order_ref`` replaces its ``original_order_id``."""

    action: OrderAction | str = OrderAction.AMEND


@attrs.frozen
class OrderCancelAckEvent(_LifecycleEvent):
    """``quantity`` shares are off the book, for the reason given."""

    action: OrderAction | str = OrderAction.CANCEL
    reason: CancelReason = CancelReason.REQUESTED


@attrs.frozen
class OrderRejectedEvent(_LifecycleEvent):
    """The order, or the request to amend or cancel one (``action``), was refused."""


@attrs.frozen
class Correction:
    """Too much, or the wrong amount, was delivered of an order; never a fill.

    The broker's totals contradicted what was delivered, and went on doing so for two
    minutes.  Both figures are signed and are to be *added* to what was counted:
    ``quantity`` is below zero when shares were delivered that were not filled, and zero
    when only the amount was off.

    Attributes:
        order_ref: The order.
        instrument: What it is for.
        quantity: Shares.
        amount: Won.
        noticed_at: When it was decided, by the broker's clock, KST.
        account: The account.
        correction_id: As a fill's ``fill_id``.
    """

    order_ref: ProviderOrderRef
    instrument: InstrumentRef
    quantity: Decimal
    amount: Decimal
    noticed_at: datetime = attrs.field(eq=False)
    account: AccountSummary | None = attrs.field(default=None, eq=False)
    correction_id: str | None = None


#: What can happen to an order besides being filled.
OrderLifecycleEvent: TypeAlias = (
    OrderAcceptedEvent | OrderAmendAckEvent | OrderCancelAckEvent | OrderRejectedEvent
)

#: Everything the unified order stream delivers.
OrderEvent: TypeAlias = FillNotificationEvent | OrderLifecycleEvent | Correction

#: Every event that has a JSON form.
AnyEvent: TypeAlias = (
    FillEvent
    | FillNotificationEvent
    | OrderAcceptedEvent
    | OrderAmendAckEvent
    | OrderCancelAckEvent
    | OrderRejectedEvent
    | Correction
)
