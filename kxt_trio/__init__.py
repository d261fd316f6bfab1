"""Realtime order fills of a Korea Investment & Securities account, for trio."""

from __future__ import annotations

import logging

from .client import KISClient, open_fill_stream, open_order_event_stream
from .errors import (
    KXTAPIError,
    KXTAuthenticationError,
    KXTConnectionError,
    KXTError,
    KXTProtocolError,
    KXTSessionInUseError,
    KXTSlowConsumerError,
    KXTSubscriptionError,
    KXTTimeoutError,
    KXTUnsupportedError,
    KXTValidationError,
)
from .models import (
    KST,
    AccountSummary,
    AnyEvent,
    CancelReason,
    ExecutionReport,
    FillEvent,
    FillNotificationEvent,
    FillOrigin,
    FillUpdatesStreamRequest,
    InstrumentRef,
    OrderAcceptedEvent,
    OrderAction,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderEvent,
    OrderEventsStreamRequest,
    OrderLifecycleEvent,
    OrderRejectedEvent,
    OrderType,
    ProviderOrderRef,
    Side,
    TimeInForce,
    Venue,
    from_json,
    to_json,
)
from .settings import Credentials, Endpoints, Environment, StreamPolicy
from .status import Gap, StreamState, StreamStatistics
from .stream import FillStream, OrderEventStream
from .transport.network import Network

__version__ = "0.1.0"

__all__ = [
    "KST",
    "AccountSummary",
    "AnyEvent",
    "CancelReason",
    "Credentials",
    "Endpoints",
    "Environment",
    "ExecutionReport",
    "FillEvent",
    "FillNotificationEvent",
    "FillOrigin",
    "FillStream",
    "FillUpdatesStreamRequest",
    "Gap",
    "InstrumentRef",
    "KISClient",
    "KXTAPIError",
    "KXTAuthenticationError",
    "KXTConnectionError",
    "KXTError",
    "KXTProtocolError",
    "KXTSessionInUseError",
    "KXTSlowConsumerError",
    "KXTSubscriptionError",
    "KXTTimeoutError",
    "KXTUnsupportedError",
    "KXTValidationError",
    "Network",
    "OrderAcceptedEvent",
    "OrderAction",
    "OrderAmendAckEvent",
    "OrderCancelAckEvent",
    "OrderEvent",
    "OrderEventStream",
    "OrderEventsStreamRequest",
    "OrderLifecycleEvent",
    "OrderRejectedEvent",
    "OrderType",
    "ProviderOrderRef",
    "Side",
    "StreamPolicy",
    "StreamState",
    "StreamStatistics",
    "TimeInForce",
    "Venue",
    "__version__",
    "from_json",
    "open_fill_stream",
    "open_order_event_stream",
    "to_json",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
