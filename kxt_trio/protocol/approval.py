"""The approval key: the REST call that lets a websocket in.

``POST /oauth2/Approval``.  A key is examined when a session authenticates and not
again, so a session that stays open needs no renewal.
"""

from __future__ import annotations

import attrs

from kxt_trio.errors import KXTProtocolError

from .rest_answers import OK, RestAnswer, read_answer, refusal_error

__all__ = ["APPROVAL_PATH", "approval_request", "read_approval"]

APPROVAL_PATH = "/oauth2/Approval"


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
    answer = read_answer(status, body, _Answer, "approval")
    if status == OK and answer.approval_key is not None:
        return answer.approval_key
    if status == OK and answer.code is None:
        raise KXTProtocolError("approval: HTTP 200 without an approval_key")
    raise refusal_error(status, answer, "approval key", client_error_is_keys=True)


@attrs.frozen(repr=False)
class _Answer(RestAnswer):
    approval_key: str | None = None
