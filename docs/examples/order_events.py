"""One line for everything that can happen to an order."""

from __future__ import annotations

from kxt_trio import (
    Correction,
    FillNotificationEvent,
    OrderAcceptedEvent,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderEvent,
    OrderRejectedEvent,
)


def describe(event: OrderEvent) -> str:
    order = event.order_ref.order_id
    match event:
        case FillNotificationEvent(fill=fill):
            return f"{order} filled: {fill.report.quantity} at {fill.report.price}"
        case OrderAcceptedEvent():
            return f"{order} accepted ({event.action}): {event.quantity}"
        case OrderAmendAckEvent():
            return f"{order} replaces {event.order_ref.original_order_id}"
        case OrderCancelAckEvent():
            return f"{order} took {event.quantity} off the book: {event.reason}"
        case OrderRejectedEvent():
            return f"{order} refused ({event.action})"
        case Correction():
            return f"{order} corrected by {event.quantity} shares, {event.amount} won"
