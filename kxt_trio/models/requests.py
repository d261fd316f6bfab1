"""Request objects for those who pass parameters around as one value."""

from __future__ import annotations

import attrs

from .values import AccountSummary

__all__ = ["FillUpdatesStreamRequest", "OrderEventsStreamRequest"]


@attrs.frozen
class OrderEventsStreamRequest:
    """Parameters of :meth:`~kxt_trio.KISClient.stream_order_events`."""

    account: AccountSummary | None = None
    hts_id: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class FillUpdatesStreamRequest:
    """Parameters of :meth:`~kxt_trio.KISClient.stream_fill_updates`."""

    account: AccountSummary | None = None
