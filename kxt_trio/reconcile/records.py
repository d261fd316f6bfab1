"""Records as plain values, for a journal: text, integers, floats and None, nothing else."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import attrs

from kxt_trio.models import FillOrigin

from .facts import OrderKey
from .findings import Balance, Began, Correct, Deliver, Record, Verified

__all__ = ["from_plain", "to_plain"]

_KINDS: dict[str, type[Record]] = {
    "deliver": Deliver,
    "correct": Correct,
    "balance": Balance,
    "began": Began,
    "verified": Verified,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
#: Evidence, of use while the program runs and not after.
_NOT_KEPT = {"source"}


def to_plain(record: Record) -> dict[str, Any]:
    """Write a record as a flat mapping, its kind under ``"kind"``.

    Dates become ISO text; an amount in fractions becomes text, so that nothing is rounded.
    """
    plain: dict[str, Any] = {"kind": _NAMES[type(record)]}
    for field in attrs.fields(type(record)):
        if field.name in _NOT_KEPT:
            continue
        value = getattr(record, field.name)
        if isinstance(value, OrderKey):
            plain |= {
                "environment": value.environment,
                "account": value.account,
                "trade_date": value.trade_date.isoformat(),
                "number": value.number,
            }
        elif isinstance(value, date):
            plain[field.name] = value.isoformat()
        elif isinstance(value, FillOrigin):
            plain[field.name] = value.value
        elif isinstance(value, Decimal):
            plain[field.name] = str(value)
        else:
            plain[field.name] = value
    return plain


def from_plain(plain: dict[str, Any]) -> Record:
    """Read what :func:`to_plain` wrote.

    Raises:
        KeyError: a field is missing, or the kind is none of ours.
    """
    kind = _KINDS[plain["kind"]]
    values = {
        field.alias: plain[field.name]
        for field in attrs.fields(kind)
        if field.name not in _NOT_KEPT | {"order", "trade_date"}
    }
    trade_date = date.fromisoformat(plain["trade_date"])
    if kind is Verified or kind is Began:
        values["trade_date"] = trade_date
    else:
        values["order"] = OrderKey(
            plain["environment"], plain["account"], trade_date, plain["number"]
        )
    if isinstance(values.get("amount"), str):
        values["amount"] = Decimal(values["amount"])
    if "origin" in values:
        values["origin"] = FillOrigin(values["origin"])
    return kind(**values)
