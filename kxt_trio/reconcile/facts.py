"""What the ledger is told: notices, orders, the broker's totals, the link, the time.

Three kinds of time appear.  ``*_at`` is monotonic seconds of the program.  ``*_wall`` is
the broker's wall clock in seconds since the epoch.  ``executed_at`` is the broker's wall
clock too, cut to whole seconds, because that is all a notice tells.  Facts are given to
the ledger in the order of their monotonic time.

Quantities are whole shares.  Amounts are won as ``int``, or :class:`~decimal.Decimal`
where a market has fractions; never ``float``.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

import attrs

from kxt_trio.models import KST

__all__ = [
    "Amount",
    "Circumstance",
    "Connected",
    "Disconnected",
    "Fact",
    "NoAnswer",
    "Notice",
    "Opening",
    "OrderKey",
    "OrderSeen",
    "Page",
    "Snapshot",
    "SnapshotRow",
    "Tick",
    "Unreadable",
    "kst_date",
    "kst_midnight",
    "wall_time",
]

#: Money, exact.
Amount: TypeAlias = int | Decimal

_DAY = 86_400
_KST_OFFSET = 9 * 3_600
_EPOCH = date(1970, 1, 1).toordinal()
_EPOCH_IN_KOREA = datetime.fromtimestamp(0, KST)
_NUMBER_WIDTH = 10


def kst_date(wall: float) -> date:
    """The date in Korea at this wall time."""
    return date.fromordinal(_EPOCH + int((wall + _KST_OFFSET) // _DAY))


def kst_midnight(day: date) -> int:
    """The wall time at which this date begins in Korea."""
    return (day.toordinal() - _EPOCH) * _DAY - _KST_OFFSET


def wall_time(moment: datetime) -> float:
    """The wall time of an aware time; in Korea's zone this is quicker than its timestamp()."""
    return (moment - _EPOCH_IN_KOREA).total_seconds()


def _normalised(number: str) -> str:
    if len(number) == _NUMBER_WIDTH and number.isdigit():  # as in a notice
        return number
    return number.strip().lstrip("0").zfill(_NUMBER_WIDTH)


def _written(order: OrderKey) -> str:
    day = order.trade_date.isoformat().replace("-", "")  # a format would take six times as long
    return f"{order.environment}.{order.account}.{day}.{order.number}"


@attrs.frozen(cache_hash=True)
class OrderKey:
    """An order, unmistakably.

    The broker numbers orders anew every day, so a number alone names nothing.

    Attributes:
        environment: Which of the broker's worlds, such as ``"real"``.
        account: A keyed hash of the account, never its number.
        trade_date: The order's date in Korea.
        number: The broker's number.  Notices pad it with zeros and inquiries may not;
            either is taken, and ten digits kept.
    """

    environment: str
    account: str
    trade_date: date
    number: str = attrs.field(converter=_normalised)
    #: As it stands in every fill's id; as unmistakable, and quicker to look up.
    text: str = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_written, takes_self=True)
    )

    def __str__(self) -> str:
        return self.text


@attrs.define
class Notice:
    """A live fill.  One is made for each, and not being frozen makes that quicker.

    Attributes:
        order: The order that was filled.
        quantity: Shares of this execution, more than none.
        price: Won a share.
        executed_at: Broker's wall clock, whole seconds.
        received_at: When it was read from the link, monotonic.
        received_wall: The same moment on the broker's clock.
        order_quantity: Shares of the whole order, where the notice says so.
        payload: Comes back with what is delivered; the ledger never looks at it.
    """

    order: OrderKey
    quantity: int
    price: Amount
    executed_at: int
    received_at: float
    received_wall: float
    order_quantity: int | None = None
    payload: object = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class OrderSeen:
    """What is known of an order besides its fills.

    An acceptance gives ``quantity``.  A cancellation, or the lapsed rest of an immediate
    order, gives ``withdrawn`` for the order it shrinks.  An amendment gives the new
    order's ``quantity`` and its ``parent``, whose book loses as many shares.
    """

    order: OrderKey
    at: float
    quantity: int | None = None
    withdrawn: int = 0
    parent: OrderKey | None = None


@attrs.frozen
class SnapshotRow:
    """The broker's totals of one order.

    Attributes:
        order: The order.
        quantity: Shares executed, in all.
        amount: Their price, in all.  Not the broker's average, which is rounded.
        order_quantity: Shares ordered, where the row says so.
        finished: Nothing is left to fill.
        part: The venue that the row is about.  An order can have one row for each.
        subject: What is traded and which way, for telling orders of one number apart.
        payload: Comes back with what is recovered from this row.
    """

    order: OrderKey
    quantity: int
    amount: Amount
    order_quantity: int | None = None
    finished: bool = False
    part: str = ""
    subject: tuple[object, ...] = ()
    payload: object = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class Page:
    """One answer to one request.

    Its rows are true of *some* moment not after ``answered_at``; nothing says which.
    ``answered_wall`` is the latest that the broker's clock can have shown by then: an
    uncertain clock offset is added, not averaged.
    """

    asked_at: float
    answered_at: float
    answered_wall: float
    rows: tuple[SnapshotRow, ...]


@attrs.frozen
class Snapshot:
    """The pages of one inquiry, oldest order first.

    ``complete`` says that every page came and the last was marked as such.  Only then
    does the absence of an order mean anything: the rows of an incomplete snapshot are as
    good as any.  ``order`` is set when the inquiry was for one order alone.
    """

    pages: tuple[Page, ...] = attrs.field(validator=attrs.validators.min_len(1))
    trade_dates: tuple[date, ...]
    complete: bool = True
    order: OrderKey | None = None

    @property
    def asked_at(self) -> float:
        """When the first page was asked for."""
        return self.pages[0].asked_at

    @property
    def answered_at(self) -> float:
        """When the last page had come."""
        return self.pages[-1].answered_at


@attrs.frozen
class NoAnswer:
    """The broker was asked about a past day and does not tell."""

    at: float
    trade_date: date


@attrs.frozen
class Opening:
    """A connection is about to be made: the moment to ask for a baseline."""

    at: float
    wall: float


@attrs.frozen
class Connected:
    """The subscription was acknowledged: from here on notices can arrive."""

    at: float
    wall: float


@attrs.frozen
class Disconnected:
    """The subscription ended, for whatever reason."""

    at: float


@attrs.frozen
class Unreadable:
    """A frame came that may have been a fill and could not be read."""

    at: float


@attrs.frozen
class Tick:
    """Time has passed; see :attr:`~kxt_trio.reconcile.ledger.Ledger.deadline`."""

    at: float
    wall: float


#: What the ledger can be told besides fills.
Circumstance: TypeAlias = (
    OrderSeen | Snapshot | NoAnswer | Opening | Connected | Disconnected | Unreadable | Tick
)

#: Everything that the ledger can be told.
Fact: TypeAlias = Notice | Circumstance
