"""Immutable events and values."""

from __future__ import annotations

from .codes import CancelReason, FillOrigin, OrderAction, OrderType, Side, TimeInForce, Venue
from .events import (
    AnyEvent,
    Correction,
    ExecutionReport,
    FillEvent,
    FillNotificationEvent,
    OrderAcceptedEvent,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderEvent,
    OrderLifecycleEvent,
    OrderRejectedEvent,
)
from .requests import FillUpdatesStreamRequest, OrderEventsStreamRequest
from .serial import from_json, to_json
from .values import KST, AccountSummary, InstrumentRef, ProviderOrderRef

__all__ = [
    "KST",
    "AccountSummary",
    "AnyEvent",
    "CancelReason",
    "Correction",
    "ExecutionReport",
    "FillEvent",
    "FillNotificationEvent",
    "FillOrigin",
    "FillUpdatesStreamRequest",
    "InstrumentRef",
    "OrderAcceptedEvent",
    "OrderAction",
    "OrderAmendAckEvent",
    "OrderCancelAckEvent",
    "OrderEvent",
    "OrderEventsStreamRequest",
    "OrderLifecycleEvent",
    "OrderRejectedEvent",
    "OrderType",
    "ProviderOrderRef",
    "Side",
    "TimeInForce",
    "Venue",
    "from_json",
    "to_json",
]
