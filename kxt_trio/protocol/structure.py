"""JSON text to attrs classes: the one place where the broker's JSON meets our types.

The broker writes an absent text as nothing at all, as ``""`` or as the literal
``"(null)"`` (genuine captures), and some servers write numbers without quotes.  All of
that ends here: a ``str | None`` field is a text with something in it, or None.

The broker's objects are a few texts each.  cattrs, which reads events, would be imported
for these alone and take a megabyte of every client's memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeAlias, TypeGuard, TypeVar

import attrs

from kxt_trio.errors import KXTProtocolError

__all__ = ["is_object", "read_json", "read_object"]

_T = TypeVar("_T", bound=attrs.AttrsInstance)

_Reader: TypeAlias = Callable[[object], object]


def read_json(text: str | bytes, cls: type[_T], what: str) -> _T:
    """Read a JSON text as ``cls``; keys that ``cls`` does not have are ignored.

    Args:
        text: The text, or its bytes in UTF-8.
        cls: An attrs class, each field a ``str``, a ``str | None`` or ``Any``.
        what: What the text is, for the error message.

    Raises:
        KXTProtocolError: it is not JSON, or a field is missing or of another type; the
            message names the first such field and quotes no value.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise KXTProtocolError(f"{what}: not JSON") from exc
    return read_object(value, cls, what)


def read_object(value: object, cls: type[_T], what: str) -> _T:
    """Read what is already decoded; otherwise like :func:`read_json`."""
    if not is_object(value):
        raise KXTProtocolError(f"{what}: expected an object")
    given: dict[str, object] = {}
    for name, (read, required) in _fields(cls).items():
        if name in value:
            try:
                given[name] = read(value[name])
            except TypeError as exc:
                raise KXTProtocolError(f"{what}: {name}: {exc}") from None
        elif required:
            raise KXTProtocolError(f"{what}: {name} is missing")
    return cls(**given)


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Whether a decoded JSON value is an object."""
    return isinstance(value, dict)


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise TypeError("expected a text")
    return str(value)


def _text_or_none(value: object) -> str | None:
    return None if value in (None, "", "(null)") else _text(value)


def _as_it_is(value: object) -> object:
    return value


_READERS: Mapping[Any, _Reader] = {str: _text, str | None: _text_or_none, Any: _as_it_is}


@cache
def _fields(cls: type[attrs.AttrsInstance]) -> Mapping[str, tuple[_Reader, bool]]:
    """How each field is read, and whether it has to be there."""
    return {
        field.name: (_READERS[field.type], field.default is attrs.NOTHING)
        for field in attrs.fields(attrs.resolve_types(cls))
    }
