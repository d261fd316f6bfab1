"""What the broker's REST answers have in common: a code, some words, a verdict.

Business refusals come with HTTP 500 as well as with 200 and 4xx, so the code is looked at
first and the status second.  Codes as clients have reported them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import attrs

from kxt_trio.errors import KXTAPIError, KXTAuthenticationError, KXTError, KXTProtocolError

from .structure import read_json

__all__ = [
    "OK",
    "TOKEN_TOO_SOON",
    "TOO_MANY_CALLS",
    "RestAnswer",
    "broker_time",
    "is_rate_limited",
    "is_token_refused",
    "read_answer",
    "refusal_error",
]

OK = 200
_TIMEOUT = 408
_TOO_MANY = 429
_SERVER = 500
_QUOTED = 200

#: A second token was asked for within a minute.
TOKEN_TOO_SOON = "EGW00133"  # noqa: S105  # a code, not a token

#: More calls in a second than the account may make.
TOO_MANY_CALLS = "EGW00201"

_RATE_CODES = frozenset({TOKEN_TOO_SOON, TOO_MANY_CALLS})

# App key or app secret missing or unknown, or of the other environment.  KIS sends
# them with HTTP 500 as well as with 4xx.
_KEY_CODES = frozenset({"EGW00102", "EGW00103", "EGW00104", "EGW00105", "EGW02004", "EGW2004"})

# Unknown, and expired.  A token that another program had revoked is unknown.
_TOKEN_CODES = frozenset({"EGW00121", "EGW00123"})


@attrs.frozen
class RestAnswer:
    """The fields in which an answer says how a call went.

    Issuing calls fill the first two, inquiries the others.
    """

    error_code: str | None = None
    error_description: str | None = None
    msg_cd: str | None = None
    msg1: str | None = None

    @property
    def code(self) -> str | None:
        """The broker's code, wherever it is."""
        return self.error_code or self.msg_cd

    @property
    def words(self) -> str:
        """The broker's words, cut to what fits a log line."""
        return (self.error_description or self.msg1 or "")[:_QUOTED]


_A = TypeVar("_A", bound=RestAnswer)


def read_answer(status: int, body: bytes, cls: type[_A], what: str) -> _A:
    """Read the JSON of an answer, whatever it says.

    Args:
        status: The HTTP status.
        body: The answer.
        cls: What to read it as.
        what: What was asked for, for the message.

    Raises:
        KXTAPIError: no such answer, but the status says that there was trouble.
        KXTProtocolError: no such answer, and the status says that all is well.
    """
    try:
        return read_json(body, cls, what)
    except KXTProtocolError as exc:
        if status == OK:
            raise
        raise KXTAPIError(f"{what}: HTTP {status} without an answer", status=status) from exc


def refusal_error(
    status: int, answer: RestAnswer, what: str, *, client_error_is_keys: bool = False
) -> KXTError:
    """Return the error for a refused call.

    Args:
        status: The HTTP status.
        answer: What the broker said.
        what: What was asked for, for the message.
        client_error_is_keys: Whether an unknown code with a 4xx status means that the keys
            are refused.  True of a call whose only input are the keys.
    """
    code = answer.code
    said = f"HTTP {status}, {code or 'no code'}: {answer.words!r}"
    blamed = client_error_is_keys and code is not None and _blames_the_caller(status)
    if code in _KEY_CODES or (blamed and code not in _RATE_CODES):
        return KXTAuthenticationError(
            f"the broker refused the app key or the app secret ({said}); real and paper "
            "trading have different pairs of keys, so check both keys and the environment",
            code=code,
        )
    return KXTAPIError(f"no {what} for now ({said})", code=code, status=status)


def broker_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the broker's clock at the time of an answer, from its HTTP ``Date``.

    Whole seconds, an aware time; None if the answer does not tell.
    """
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment


def is_token_refused(error: KXTError) -> bool:
    """Whether the access token was the reason: expired (``EGW00123``) or unknown."""
    return isinstance(error, KXTAPIError) and error.code in _TOKEN_CODES


def is_rate_limited(error: KXTError) -> bool:
    """Whether the call came too soon after others (``EGW00201``); it may be repeated."""
    return isinstance(error, KXTAPIError) and error.code == TOO_MANY_CALLS


def _blames_the_caller(status: int) -> bool:
    return OK < status < _SERVER and status not in (_TIMEOUT, _TOO_MANY)
