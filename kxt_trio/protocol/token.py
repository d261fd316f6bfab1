"""The access token: the REST call that every inquiry needs first.

``POST /oauth2/tokenP``.  A token is good for 24 hours; asked again within six hours, the
broker gives the same one.  It may be asked for once a minute, and each time the customer
gets a message, so a token is to be kept and shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from kxt_trio.errors import KXTProtocolError
from kxt_trio.models import KST

from .rest_answers import OK, RestAnswer, broker_time, read_answer, refusal_error

__all__ = ["TOKEN_PATH", "Token", "read_token", "token_request"]

TOKEN_PATH = "/oauth2/tokenP"  # noqa: S105  # a path, not a token

_STAMP = "%Y-%m-%d %H:%M:%S"

# A token that ends while a call is under way is refused.
_MARGIN = timedelta(minutes=5)


@attrs.frozen
class Token:
    """A REST access token.

    Attributes:
        access_token: The token.  Not in ``repr``.
        expires_at: When it ends, an aware time; by the broker's clock when it comes from
            the broker.
        said_at: The broker's time when it gave the token; None if it did not say.
    """

    access_token: str = attrs.field(repr=False)
    expires_at: datetime
    said_at: datetime | None = attrs.field(default=None, eq=False)

    def good_at(self, now: datetime) -> bool:
        """Whether a call that starts now can be made with it."""
        return now < self.expires_at - _MARGIN


def token_request(app_key: str, app_secret: str) -> dict[str, str]:
    """Return the JSON body of the call."""
    return {
        "grant_type": "client_credentials",
        "appkey": app_key,
        "appsecret": app_secret,
    }


def read_token(status: int, headers: Mapping[str, str], body: bytes) -> Token:
    """Return the token from the answer.

    Args:
        status: The HTTP status.
        headers: The answer's headers, names in lower case.  Their ``date`` counts where the
            body tells only how long the token is good for.  The time at which it ends is
            preferred: a token may be one that was issued hours ago.  It is also what
            machines whose clock is wrong go by.
        body: The answer.

    Raises:
        KXTAuthenticationError: the app key or the app secret is refused.
        KXTAPIError: asked twice in a minute (``EGW00133``), or the server is in trouble;
            it may pass.
        KXTProtocolError: success without a token, or without its end.
    """
    answer = read_answer(status, body, _Answer, "token")
    if status == OK and answer.access_token is not None:
        said_at = broker_time(headers)
        return Token(answer.access_token, answer.expires_at(said_at), said_at)
    if status == OK and answer.code is None:
        raise KXTProtocolError("token: HTTP 200 without an access_token")
    raise refusal_error(status, answer, "access token", client_error_is_keys=True)


@attrs.frozen(repr=False)
class _Answer(RestAnswer):
    access_token: str | None = None
    access_token_token_expired: str | None = None
    expires_in: str | None = None

    def expires_at(self, said_at: datetime | None) -> datetime:
        stamp, seconds = self.access_token_token_expired, self.expires_in
        try:
            if stamp is not None:
                return datetime.strptime(stamp, _STAMP).replace(tzinfo=KST)
            if seconds is not None and said_at is not None:
                return said_at.astimezone(KST) + timedelta(seconds=int(seconds))
        except (ValueError, OverflowError):
            pass
        raise KXTProtocolError("token: no readable end in the answer")
