"""Events as the cells of a table row."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias

import attrs

from kxt_trio import (
    KST,
    Correction,
    FillEvent,
    FillNotificationEvent,
    FillOrigin,
    Gap,
    OrderAcceptedEvent,
    OrderAction,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderEvent,
    OrderRejectedEvent,
    Side,
    StreamStatistics,
)

__all__ = [
    "Row",
    "StreamedEvent",
    "audit_figures",
    "gap_times",
    "grouped",
    "price_text",
    "row_of",
    "side_word",
]

#: Whatever a stream of either kind delivers.
StreamedEvent: TypeAlias = FillEvent | OrderEvent


@attrs.frozen(kw_only=True)
class Row:
    """One event, ready to be read by people.  Times are KST."""

    time: str
    what: str
    order: str
    side: str
    symbol: str
    name: str
    quantity: str
    price: str


def row_of(event: StreamedEvent) -> Row:
    """Return the cells for an event."""
    if isinstance(event, FillNotificationEvent):
        return row_of(event.fill)
    if isinstance(event, Correction):
        return _correction(event)
    if isinstance(event, FillEvent):
        occurred_at, order = event.report.occurred_at, event.report.order_ref
        quantity: Decimal = event.report.quantity
        price: Decimal | None = event.report.price
        what = "fill" if event.origin is FillOrigin.LIVE else "recovered"
    else:
        occurred_at, order = event.occurred_at, event.order_ref
        quantity, price = event.quantity, event.price
        what = _what_happened(event)
    return Row(
        time=f"{occurred_at.astimezone(KST):%H:%M:%S}",
        what=what,
        order=order.order_id,
        side=side_word(event.side),
        symbol=event.instrument.symbol,
        name=event.instrument.name or "",
        quantity=grouped(quantity),
        price="" if price is None else price_text(price),
    )


def _correction(event: Correction) -> Row:
    return Row(
        time=f"{event.noticed_at.astimezone(KST):%H:%M:%S}",
        what="correction",
        order=event.order_ref.order_id,
        side="",
        symbol=event.instrument.symbol,
        name=event.instrument.name or "",
        quantity=grouped(event.quantity),
        price=f"{grouped(event.amount)} won",
    )


def audit_figures(statistics: StreamStatistics) -> Iterator[str]:
    """Yield what reconciliation found and what it is not sure of, where that is not 0."""
    for name, figure in (
        ("recovered", statistics.recovered),
        ("unverified orders", statistics.unverified_orders),
        ("held", statistics.held),
        ("corrections", statistics.corrections),
    ):
        if figure:
            yield f"{name} {figure}"


def gap_times(gap: Gap) -> str:
    """Return when a gap began and ended, in tenths of a second, KST."""
    start, end = (
        "now" if at is None else f"{at.astimezone(KST):%H:%M:%S.%f}"[:-5]
        for at in (gap.start, gap.end)
    )
    return f"{start} to {end}"


def side_word(side: Side | str | None) -> str:
    """Return the side as a word; a code nobody knows stays as it is."""
    return side.value if isinstance(side, Side) else side or ""


def grouped(number: Decimal) -> str:
    """Return won or shares with their thousands apart."""
    return f"{number:,f}"


def price_text(price: Decimal) -> str:
    """Return a price; the average of several is rounded where it is no whole number."""
    return grouped(price) if price == price.to_integral_value() else f"~{price:,.2f}"


def _what_happened(
    event: OrderAcceptedEvent | OrderAmendAckEvent | OrderCancelAckEvent | OrderRejectedEvent,
) -> str:
    action = event.action.value if isinstance(event.action, OrderAction) else event.action
    request = "" if event.action is OrderAction.NEW else f"{action} "
    match event:
        case OrderAcceptedEvent():
            return f"{request}accepted"
        case OrderAmendAckEvent():
            return "amended"
        case OrderCancelAckEvent():
            return "cancelled"
        case OrderRejectedEvent():
            return f"{request}rejected"
