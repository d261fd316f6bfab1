"""Events to JSON and back, through one cattrs converter.

A JSON object names its class under ``"type"``.  Decimals are strings, times ISO 8601
with their offset, so nothing is rounded on the way.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias, cast, get_args

import cattrs
from cattrs.strategies import configure_tagged_union

from kxt_trio.errors import KXTValidationError

from .codes import OrderAction, OrderType, Side, TimeInForce, Venue, known
from .events import (
    Correction,
    FillEvent,
    FillNotificationEvent,
    OrderAcceptedEvent,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderRejectedEvent,
)

__all__ = ["AnyEvent", "from_json", "to_json"]

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


def to_json(event: AnyEvent) -> str:
    """Return the event as one line of JSON; :func:`from_json` gives it back."""
    return json.dumps(
        _converter.unstructure(event, unstructure_as=AnyEvent), ensure_ascii=False
    )


def from_json(text: str | bytes) -> AnyEvent:
    """Return the event that :func:`to_json` wrote.

    Raises:
        KXTValidationError: the text is not JSON, or not one of this library's events;
            the message names the first field that does not fit.
    """
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise KXTValidationError(f"not the JSON of an event: {exc}") from exc
    if not isinstance(value, dict) or cast("Any", value).get("type") not in _TYPES:
        raise KXTValidationError(
            "not the JSON of an event: expected an object whose type is one of "
            + ", ".join(_TYPES)
        )
    try:
        return cast("AnyEvent", _converter.structure(value, AnyEvent))  # type: ignore[arg-type]
    except cattrs.BaseValidationError as exc:
        fault = cattrs.transform_error(exc)[0]
        raise KXTValidationError(f"not the JSON of an event: {fault}") from exc


def _decimal(value: str, _: object) -> Decimal:
    try:
        return Decimal(value)
    except InvalidOperation as exc:
        raise ValueError("not a number") from exc


def _aware(value: str, _: object) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("a time without its offset")
    return time


def _build_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(Decimal, str)
    converter.register_structure_hook(Decimal, _decimal)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_structure_hook(datetime, _aware)
    for enum in (Side, OrderAction, OrderType, TimeInForce, Venue):
        for annotation in (enum | str, enum | str | None):
            converter.register_structure_hook(
                annotation,
                lambda value, _, enum=enum: None if value is None else known(enum, value),
            )
            converter.register_unstructure_hook(
                annotation, lambda value: getattr(value, "value", value)
            )
    configure_tagged_union(AnyEvent, converter, tag_name="type")
    return converter


_TYPES = tuple(event.__name__ for event in get_args(AnyEvent))
_converter = _build_converter()
