"""The approval key: the REST call that lets a websocket in.

``POST /oauth2/Approval``.  A key is examined when a session authenticates and not
again, so a session that stays open needs no renewal.
"""

from __future__ import annotations

import attrs

from kxt_trio.errors import (
    KXTAPIError,
    KXTAuthenticationError,
    KXTError,
    KXTProtocolError,
)

from .structure import read_json

__all__ = ["approval_request", "read_approval"]

_OK = 200
_TIMEOUT = 408
_TOO_MANY = 429
_SERVER = 500
_QUOTED = 200

# One issue a minute, and calls per second.
_RATE_CODES = frozenset({"EGW00133", "EGW00201"})

# App key or app secret missing or unknown, or of the other environment.  KIS sends
# them with HTTP 500 as well as with 4xx.
_KEY_CODES = frozenset({"EGW00102", "EGW00103", "EGW00104", "EGW00105", "EGW02004", "EGW2004"})


def approval_request(app_key: str, app_secret: str) -> dict[str, str]:
    """Return the JSON body of the call.

    The secret goes under ``secretkey`` here; elsewhere the broker calls the same value
    ``appsecret`` (official samples).
    """
    return {
        "grant_type": "client_credentials",
        "appkey": app_key,
        "secretkey": app_secret,
    }


def read_approval(status: int, body: bytes) -> str:
    """Return the approval key from the answer.

    Raises:
        KXTAuthenticationError: the app key or the app secret is refused.
        KXTAPIError: asked too often, or the server is in trouble; it may pass.
        KXTProtocolError: success without a key.
    """
    try:
        answer = read_json(body, _Answer, "approval")
    except KXTProtocolError as exc:
        if status == _OK:
            raise
        raise KXTAPIError(f"approval: HTTP {status} without an answer", status=status) from exc
    if status == _OK and answer.approval_key is not None:
        return answer.approval_key
    if status == _OK and answer.code is None:
        raise KXTProtocolError("approval: HTTP 200 without an approval_key")
    raise _refusal(status, answer)


@attrs.frozen
class _Answer:
    approval_key: str | None = attrs.field(default=None, repr=False)
    error_code: str | None = None
    error_description: str | None = None
    msg_cd: str | None = None
    msg1: str | None = None

    @property
    def code(self) -> str | None:
        return self.error_code or self.msg_cd

    @property
    def words(self) -> str:
        return (self.error_description or self.msg1 or "")[:_QUOTED]


def _refusal(status: int, answer: _Answer) -> KXTError:
    code = answer.code
    said = f"HTTP {status}, {code or 'no code'}: {answer.words!r}"
    if code in _KEY_CODES or (code not in _RATE_CODES and _blames_the_caller(status, code)):
        return KXTAuthenticationError(
            f"the broker refused the app key or the app secret ({said}); real and paper "
            "trading have different pairs of keys, so check both keys and the environment",
            code=code,
        )
    return KXTAPIError(f"no approval key for now ({said})", code=code, status=status)


def _blames_the_caller(status: int, code: str | None) -> bool:
    return code is not None and _OK < status < _SERVER and status not in (_TIMEOUT, _TOO_MANY)
