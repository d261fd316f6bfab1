"""Domestic stock notices: H0STCNI0, and H0STCNI9 for paper trading.

One record tells of one step in an order's life, which four of its fields name together:

.. code-block:: text

    RFUS_YN  CNTG_YN  ACPT_YN  RCTF_CLS   what happened
    0        2        any      any        filled
    1        1        any      any        rejected
    any      1        3        any        the rest of an IOC or FOK order lapsed
    0        1        2        1          amended
    0        1        2        2          cancelled
    0        1        1        any        accepted: an order, or a request to change one

The codes are the portal sheet's, digits despite the names.  Acceptances and fills are in
genuine captures; how the broker combines the codes elsewhere is from the sheet alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias, TypeVar

from kxt_trio.errors import KXTProtocolError
from kxt_trio.models import (
    KST,
    AccountSummary,
    CancelReason,
    ExecutionReport,
    FillEvent,
    InstrumentRef,
    OrderAcceptedEvent,
    OrderAction,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderLifecycleEvent,
    OrderRejectedEvent,
    OrderType,
    ProviderOrderRef,
    Side,
    TimeInForce,
    Venue,
)
from kxt_trio.models.values import PROVIDER

from .domestic_layout import PREFIX_WIDTH, Field, Header, header_of, venue_of
from .fields import (
    account,
    limit_price,
    number,
    number_or_none,
    occurred_at,
    order_number,
    original_order_number,
    positive_number,
    symbol,
)

__all__ = ["read_record"]


_SIDES = {"01": Side.SELL, "02": Side.BUY}
_ACTIONS = {"0": OrderAction.NEW, "1": OrderAction.AMEND, "2": OrderAction.CANCEL}
_ORDER_TYPES = {member.value: member for member in OrderType}
_TIMES_IN_FORCE = {"0": TimeInForce.DAY, "1": TimeInForce.IOC, "2": TimeInForce.FOK}

_Event: TypeAlias = FillEvent | OrderLifecycleEvent
_T = TypeVar("_T")


class _Terms(NamedTuple):
    """What all notices of a kind about one order have in common."""

    read: Callable[[list[str], _Terms, datetime], _Event]
    order_ref: ProviderOrderRef
    instrument: InstrumentRef
    account: AccountSummary
    side: Side | str | None
    order_quantity: Decimal | None
    order_price: Decimal | None
    venue: Venue | str | None


_Read: TypeAlias = Callable[[list[str], _Terms, datetime], _Event]


def read_record(fields: list[str], received_at: datetime) -> _Event:
    """Read one record.

    Args:
        fields: The record's fields.
        received_at: When it arrived, an aware time of any zone.

    Raises:
        KXTProtocolError: a field is not what it should be; the message gives its name
            and place and quotes nothing.
    """
    if len(fields) < PREFIX_WIDTH:
        raise KXTProtocolError(
            f"notice: expected at least {PREFIX_WIDTH} fields, got {len(fields)}"
        )
    terms = _read_terms(header_of(fields))
    if received_at.tzinfo is not KST:
        received_at = received_at.astimezone(KST)
    return terms.read(fields, terms, received_at)


def _fill(fields: list[str], terms: _Terms, received_at: datetime) -> FillEvent:
    return FillEvent(
        ExecutionReport(
            None,
            terms.order_ref,
            occurred_at(fields[Field.STCK_CNTG_HOUR], Field.STCK_CNTG_HOUR, received_at),
            price=positive_number(fields[Field.CNTG_UNPR], Field.CNTG_UNPR),
            quantity=positive_number(fields[Field.CNTG_QTY], Field.CNTG_QTY),
        ),
        terms.instrument,
        terms.side,
        terms.order_quantity,
        terms.order_price,
        terms.venue,
        terms.account,
        received_at=received_at,
        raw=_without_private(fields),
    )


def _accepted(fields: list[str], terms: _Terms, received_at: datetime) -> OrderAcceptedEvent:
    return OrderAcceptedEvent(action=_action(fields), **_lifecycle(fields, terms, received_at))


def _amended(fields: list[str], terms: _Terms, received_at: datetime) -> OrderAmendAckEvent:
    return OrderAmendAckEvent(**_lifecycle(fields, terms, received_at))


def _cancelled(fields: list[str], terms: _Terms, received_at: datetime) -> OrderCancelAckEvent:
    return OrderCancelAckEvent(**_lifecycle(fields, terms, received_at))


def _lapsed(fields: list[str], terms: _Terms, received_at: datetime) -> OrderCancelAckEvent:
    return OrderCancelAckEvent(
        reason=CancelReason.UNFILLED_REMAINDER, **_lifecycle(fields, terms, received_at)
    )


def _rejected(fields: list[str], terms: _Terms, received_at: datetime) -> OrderRejectedEvent:
    return OrderRejectedEvent(action=_action(fields), **_lifecycle(fields, terms, received_at))


# The table above; the first row that fits counts.
_STATES: tuple[tuple[str, str, str, str, _Read], ...] = (
    # RFUS CNTG ACPT RCTF
    ("0", "2", "*", "*", _fill),
    ("1", "1", "*", "*", _rejected),
    ("*", "1", "3", "*", _lapsed),
    ("0", "1", "2", "1", _amended),
    ("0", "1", "2", "2", _cancelled),
    ("0", "1", "1", "*", _accepted),
)


@lru_cache(maxsize=64)
def _reader_of(*flags: str) -> _Read:
    for *row, read in _STATES:
        if all(code in ("*", flag) for code, flag in zip(row, flags, strict=True)):
            return read
    raise KXTProtocolError(
        "notice fields RFUS_YN [12], CNTG_YN [13], ACPT_YN [14], RCTF_CLS [5]: "
        "expected a documented combination"
    )


def _lifecycle(fields: list[str], terms: _Terms, received_at: datetime) -> dict[str, Any]:
    return {
        "order_ref": terms.order_ref,
        "instrument": terms.instrument,
        "occurred_at": occurred_at(
            fields[Field.STCK_CNTG_HOUR], Field.STCK_CNTG_HOUR, received_at
        ),
        "quantity": number(fields[Field.CNTG_QTY], Field.CNTG_QTY),
        "price": number(fields[Field.CNTG_UNPR], Field.CNTG_UNPR) or None,
        "side": terms.side,
        "order_type": _known(_ORDER_TYPES, fields[Field.ODER_KIND]),
        "time_in_force": _known(_TIMES_IN_FORCE, fields[Field.ODER_COND]),
        "order_quantity": terms.order_quantity,
        "venue": terms.venue,
        "account": terms.account,
        "received_at": received_at,
        "raw": _without_private(fields),
    }


# They come again with every partial fill, and nothing can change them: read once, as long as
# no more orders than these are filled at the same time.
@lru_cache(maxsize=128)
def _read_terms(header: Header) -> _Terms:
    *flags, account_no, order_no, original_no, side, code, quantity, name, price, venue = header
    read = _reader_of(*flags)
    whose = account(account_no, Field.ACNT_NO)
    order_id = order_number(order_no, Field.ODER_NO)
    return _Terms(
        read,
        ProviderOrderRef(
            provider=PROVIDER,
            order_id=order_id,
            original_order_id=original_order_number(original_no, Field.OODER_NO, order_id),
            account_id=whose.account_id,
        ),
        _instrument(symbol(code, Field.STCK_SHRN_ISCD), name.strip() or None),
        whose,
        _known(_SIDES, side),
        number_or_none(quantity),
        limit_price(price),
        venue_of(venue),
    )


@lru_cache(maxsize=4096)
def _instrument(code: str, name: str | None) -> InstrumentRef:
    return InstrumentRef(code, name)


def _action(fields: list[str]) -> OrderAction | str:
    code = fields[Field.RCTF_CLS]
    return _ACTIONS.get(code, code)


def _known(table: Mapping[str, _T], code: str) -> _T | str | None:
    """A code that the table does not know is kept as the text it is; empty is None."""
    return table.get(code, code) or None


def _without_private(fields: list[str]) -> tuple[str, ...]:
    fields[Field.CUST_ID] = fields[Field.ACNT_NO] = fields[Field.ACNT_NAME] = ""
    return tuple(fields)
