"""The approval keys and access tokens that the broker has given out.  Sans-IO."""

from __future__ import annotations

import string
import uuid
from datetime import datetime, timedelta
from random import Random

import attrs

__all__ = ["AccessToken", "IssuedKeys"]

_VALID = timedelta(hours=24)
_SAME_TOKEN = timedelta(hours=6)
_TOKEN_PAUSE = timedelta(minutes=1)
_TOKEN_LENGTH = 320


@attrs.frozen
class AccessToken:
    """A REST token and when it ends."""

    value: str = attrs.field(repr=False)
    issued_at: datetime

    @property
    def expires_at(self) -> datetime:
        """24 hours after it was made."""
        return self.issued_at + _VALID


class IssuedKeys:
    """Gives out keys and knows them again.  Both kinds are good for 24 hours."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._approval_keys: dict[str, datetime] = {}
        self._tokens: dict[str, AccessToken] = {}
        self._current: AccessToken | None = None
        self._asked_at: datetime | None = None

    def issue_approval_key(self, now: datetime) -> str:
        """Make a new approval key; older ones stay good."""
        key = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        self._approval_keys[key] = now
        return key

    def accepts_approval_key(self, key: str, now: datetime) -> bool:
        """Whether a session may authenticate with this key."""
        issued_at = self._approval_keys.get(key)
        return issued_at is not None and now < issued_at + _VALID

    def expire_approval_keys(self) -> None:
        """Forget all approval keys; sessions that authenticated with them stay."""
        self._approval_keys.clear()

    def issue_token(self, now: datetime) -> AccessToken | None:
        """Return the token of the last six hours or a new one; None if asked twice in a
        minute.
        """
        if self._asked_at is not None and now < self._asked_at + _TOKEN_PAUSE:
            return None
        self._asked_at = now
        if self._current is None or now >= self._current.issued_at + _SAME_TOKEN:
            letters = string.ascii_letters + string.digits
            value = "eyJ" + "".join(self._random.choices(letters, k=_TOKEN_LENGTH))
            self._current = self._tokens[value] = AccessToken(value, now)
        return self._current

    def token(self, value: str) -> AccessToken | None:
        """Return the token with this value, however old it is."""
        return self._tokens.get(value)

    def expire_tokens(self, now: datetime) -> None:
        """End every token that was given out; the next one is new."""
        self._current = None
        for value, token in self._tokens.items():
            self._tokens[value] = attrs.evolve(token, issued_at=now - _VALID)
