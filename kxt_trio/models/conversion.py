"""The converter between events and what JSON can say; the part of JSON that needs cattrs.

Apart from :mod:`~kxt_trio.models.serial` so that who handles events and no JSON does not
wait for cattrs to be imported.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import cattrs
from cattrs.strategies import configure_tagged_union

from kxt_trio.errors import KXTValidationError

from .codes import OrderAction, OrderType, Side, TimeInForce, Venue, known
from .events import AnyEvent

__all__ = ["structure", "unstructure"]


def unstructure(event: AnyEvent) -> Any:
    """Return the event as JSON's own types."""
    return _converter.unstructure(event, unstructure_as=AnyEvent)


def structure(value: object) -> AnyEvent:
    """Return the event that :func:`unstructure` took apart.

    Raises:
        KXTValidationError: it is none; the message names the first field that does not
            fit.
    """
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


def _build() -> cattrs.Converter:
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


_converter = _build()
