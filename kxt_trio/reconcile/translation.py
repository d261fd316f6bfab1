"""Events into the ledger's facts, and its findings into events."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import cast

import attrs

from kxt_trio.models import (
    KST,
    AccountSummary,
    CancelReason,
    Correction,
    ExecutionReport,
    FillEvent,
    FillOrigin,
    InstrumentRef,
    OrderAcceptedEvent,
    OrderAction,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderLifecycleEvent,
    OrderRejectedEvent,
    ProviderOrderRef,
)
from kxt_trio.models.values import PROVIDER
from kxt_trio.protocol.order_row import OrderRow
from kxt_trio.transport.rest import TimedPage

from .facts import Amount, Notice, OrderKey, OrderSeen, Page, SnapshotRow, wall_time
from .findings import Correct, Deliver

__all__ = ["Translation"]


@attrs.frozen
class Translation:
    """Speaks for one account.

    Args:
        environment: Real or paper trading, as order keys say it.
        account: The account.
        tag: What stands for its number in order keys.
    """

    environment: str
    account: AccountSummary
    tag: str

    # Events to facts

    def notice(self, fill: FillEvent, at: float, wall: float) -> Notice:
        """A live fill, received ``at`` on trio's clock and ``wall`` on the broker's."""
        report = fill.report
        occurred_at = report.occurred_at
        return Notice(
            order=self._key(report.order_ref.order_id, occurred_at.date()),
            quantity=int(report.quantity),
            price=_amount(report.price),
            executed_at=int(wall_time(occurred_at)),
            received_at=at,
            received_wall=wall,
            order_quantity=_shares(fill.order_quantity),
            payload=fill,
        )

    def order_seen(self, event: OrderLifecycleEvent, at: float) -> OrderSeen | None:
        """What a lifecycle event tells of an order's quantity; None for nothing."""
        day, quantity = event.occurred_at.date(), int(event.quantity)
        ref = event.order_ref
        order = self._key(ref.order_id, day)
        parent = (
            None if ref.original_order_id is None else self._key(ref.original_order_id, day)
        )
        match event:
            case OrderAcceptedEvent(action=OrderAction.NEW):
                return OrderSeen(order, at, quantity=_shares(event.order_quantity) or quantity)
            case OrderAmendAckEvent() if parent is not None:
                return OrderSeen(order, at, quantity=quantity, parent=parent)
            case OrderCancelAckEvent(reason=CancelReason.UNFILLED_REMAINDER):
                return OrderSeen(order, at, withdrawn=quantity)
            case OrderCancelAckEvent() if parent is not None:
                return OrderSeen(parent, at, withdrawn=quantity)
            case OrderRejectedEvent(action=OrderAction.NEW):
                return OrderSeen(order, at, quantity=quantity, withdrawn=quantity)
            case _:
                return None

    def page(self, timed: TimedPage, latest_wall: float) -> Page:
        """A page of the broker's answer; ``latest_wall`` is the latest its clock showed."""
        return Page(
            asked_at=timed.asked_at,
            answered_at=timed.answered_at,
            answered_wall=latest_wall,
            rows=tuple(map(self._row, timed.page.rows)),
        )

    def _row(self, row: OrderRow) -> SnapshotRow:
        return SnapshotRow(
            order=self._key(row.order_id, row.trade_date),
            quantity=row.filled_quantity,
            amount=_amount(row.filled_amount),
            order_quantity=row.order_quantity,
            finished=row.finished,
            part=_part(row),
            subject=(row.symbol, row.side),
            payload=row,
        )

    def _key(self, order_id: str, day: date) -> OrderKey:
        return _order_key(self.environment, self.tag, day, order_id)

    # Findings to events

    def fill(self, found: Deliver) -> FillEvent:
        """The event of a fill that the ledger delivers."""
        counted = _decimal(found.cumulative_quantity)
        source = found.source
        if isinstance(source, Notice):
            fill = source.payload
            assert isinstance(fill, FillEvent)
            # Nobody has seen it yet, so it need not be copied.
            object.__setattr__(fill, "fill_id", found.fill_id)
            object.__setattr__(fill, "cumulative_quantity", counted)
            return fill
        row = _row_of(found)
        latest = _moment(found.latest)
        return FillEvent(
            report=ExecutionReport(
                execution_id=None,
                order_ref=self._order_ref(row),
                occurred_at=latest.replace(microsecond=0),
                price=found.price,
                quantity=Decimal(found.quantity),
            ),
            instrument=InstrumentRef(row.symbol, row.name),
            side=row.side,
            order_quantity=_decimal(row.order_quantity),
            order_price=row.order_price,
            venue=row.venue if _is_whole(found) else None,
            account=self.account,
            origin=FillOrigin.RECOVERED,
            executed_between=(_moment(found.earliest), latest),
            exact_amount=Decimal(found.amount),
            fill_id=found.fill_id,
            cumulative_quantity=counted,
            received_at=_moment(found.received_wall),
        )

    def correction(self, found: Correct) -> Correction:
        """The event of a correction."""
        row = _row_of(found)
        return Correction(
            order_ref=self._order_ref(row),
            instrument=InstrumentRef(row.symbol, row.name),
            quantity=Decimal(found.quantity),
            amount=Decimal(found.amount),
            noticed_at=_moment(found.received_wall),
            account=self.account,
            correction_id=found.correction_id,
        )

    def _order_ref(self, row: OrderRow) -> ProviderOrderRef:
        return ProviderOrderRef(
            provider=PROVIDER,
            order_id=row.order_id,
            original_order_id=row.original_order_id,
            account_id=self.account.account_id,
        )


def _row_of(found: Deliver | Correct) -> OrderRow:
    return cast("OrderRow", cast("SnapshotRow", found.source).payload)


def _part(row: OrderRow) -> str:
    return "" if row.venue is None else str(row.venue)


def _is_whole(found: Deliver) -> bool:
    """Whether it was found in one row, and not in those of several venues."""
    source = cast("SnapshotRow", found.source)
    return source.part == _part(cast("OrderRow", source.payload))


@lru_cache(maxsize=32_768)
def _order_key(environment: str, tag: str, day: date, order_id: str) -> OrderKey:
    return OrderKey(environment, tag, day, order_id)


def _amount(value: Decimal) -> Amount:
    """Won are whole in this market, and whole numbers are quick."""
    whole = int(value)
    return whole if whole == value else value


def _shares(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


def _decimal(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _moment(wall: float) -> datetime:
    return datetime.fromtimestamp(wall, KST)
