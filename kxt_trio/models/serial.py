"""Events to JSON and back, without loss.

A JSON object names its class under ``"type"``.  Decimals are strings, times ISO 8601
with their offset, so nothing is rounded on the way.
"""

from __future__ import annotations

import json
from typing import Any, cast, get_args

from kxt_trio.errors import KXTValidationError

from .events import AnyEvent

__all__ = ["from_json", "to_json"]

_TYPES = tuple(event.__name__ for event in get_args(AnyEvent))


def to_json(event: AnyEvent) -> str:
    """Return the event as one line of JSON; :func:`from_json` gives it back."""
    from .conversion import unstructure  # noqa: PLC0415  # cattrs

    return json.dumps(unstructure(event), ensure_ascii=False)


def from_json(text: str | bytes) -> AnyEvent:
    """Return the event that :func:`to_json` wrote.

    Raises:
        KXTValidationError: the text is not JSON, or not one of this library's events;
            the message names the first field that does not fit.
    """
    from .conversion import structure  # noqa: PLC0415  # cattrs

    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise KXTValidationError(f"not the JSON of an event: {exc}") from exc
    if not isinstance(value, dict) or cast("Any", value).get("type") not in _TYPES:
        raise KXTValidationError(
            "not the JSON of an event: expected an object whose type is one of "
            + ", ".join(_TYPES)
        )
    return structure(cast("object", value))
