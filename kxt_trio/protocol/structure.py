"""JSON text to attrs classes: the one place where cattrs meets the broker.

The broker writes an absent text as nothing at all, as ``""`` or as the literal
``"(null)"`` (genuine captures), and some servers write numbers without quotes.  All of
that ends here: a ``str | None`` field is a text with something in it, or None.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeGuard, TypeVar

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from kxt_trio.errors import KXTProtocolError

__all__ = ["is_object", "read_json", "read_object"]

_T = TypeVar("_T")


def read_json(text: str | bytes, cls: type[_T], what: str) -> _T:
    """Read a JSON text as ``cls``; keys that ``cls`` does not have are ignored.

    Args:
        text: The text, or its bytes in UTF-8.
        cls: An attrs class.
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
    try:
        return _converter.structure(value, cls)
    except (cattrs.BaseValidationError, TypeError) as exc:
        raise KXTProtocolError(f"{what}: {cattrs.transform_error(exc)[0]}") from exc


def is_object(value: object) -> TypeGuard[dict[str, object]]:
    """Whether a decoded JSON value is an object."""
    return isinstance(value, dict)


def _text(value: object, _: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise TypeError("expected a text")
    return str(value)


def _text_or_none(value: object, _: Any) -> str | None:
    if value in (None, "", "(null)"):
        return None
    return _text(value, _)


def _objects_only(cls: type[_T]) -> Callable[[object, Any], _T]:
    """Take objects only: cattrs looks fields up in whatever it is given, even in a string."""
    structure = make_dict_structure_fn(cls, _converter)

    def read(value: object, _: Any) -> _T:
        if not is_object(value):
            raise TypeError("expected an object")
        return structure(value, cls)

    return read


_converter = cattrs.Converter()
_converter.register_structure_hook(str, _text)
_converter.register_structure_hook(str | None, _text_or_none)
_converter.register_structure_hook_factory(attrs.has, _objects_only)
