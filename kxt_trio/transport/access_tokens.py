"""The access token of a client: kept, shared, renewed when it ends or is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeGuard

import attrs
import trio

from kxt_trio.errors import KXTAPIError, KXTConnectionError, KXTError, KXTTimeoutError
from kxt_trio.protocol.rest_answers import TOKEN_TOO_SOON
from kxt_trio.protocol.token import Token

from .token_cache import CachedToken, TokenCache

__all__ = ["AccessTokens"]

# The broker gives out one a minute; its clock and ours may disagree by a little.
_PAUSE = timedelta(seconds=61)

_STORE_BOUND = 5.0

#: Seconds for which a token that was refused and given out again is not asked for anew:
#: the customer gets a message each time.
_INSISTED = 3600.0


class AccessTokens:
    """Hands out the token that is good, getting a new one when there is none.

    Several tasks may ask at once; one of them, in one program, asks the broker.

    Args:
        issue: Gets a new token from the broker.
        cache: Where it is kept.
        now: The wall clock.
    """

    def __init__(
        self,
        issue: Callable[[], Awaitable[Token]],
        cache: TokenCache,
        now: Callable[[], datetime],
    ) -> None:
        self._issue = issue
        self._cache = cache
        self._now = now
        self._held: Token | None = None
        self._insisted_until = float("-inf")

    async def get(self, *, refused: Token | None = None) -> Token:
        """Return a token that should be good.

        Waits where the broker was asked less than a minute ago, by whatever program.

        Args:
            refused: A token that the broker did not accept; another one is returned,
                unless the broker gives out the same again.  Then it is left at that for an
                hour.

        Raises:
            KXTAuthenticationError: the keys are refused.
            KXTAPIError: refused for now.
            KXTConnectionError: no answer.
            KXTProtocolError: an answer that is none.
        """
        while True:
            await trio.lowlevel.checkpoint()
            if self._is_good(self._held, refused):
                return self._held
            async with self._cache.lock():
                cached = await self._cache.load()
                if self._is_good(cached.token, refused):
                    self._held = cached.token
                    return cached.token
                wait = self._wait(cached.asked_at)
                if wait <= 0:
                    self._held = token = await self._renew(cached)
                    if refused is not None and token.access_token == refused.access_token:
                        self._insisted_until = trio.current_time() + _INSISTED
                    return token
            await trio.sleep(wait)

    def _is_good(self, token: Token | None, refused: Token | None) -> TypeGuard[Token]:
        return (
            token is not None
            and (
                refused is None
                or token.access_token != refused.access_token
                or trio.current_time() < self._insisted_until
            )
            and token.good_at(self._now())
        )

    def _wait(self, asked_at: datetime | None) -> float:
        now = self._now()
        if asked_at is None or asked_at > now:  # never, or the clock was set back
            return 0
        return (asked_at + _PAUSE - now).total_seconds()

    async def _renew(self, before: CachedToken) -> Token:
        # Written down first: who is killed on the way has asked all the same.
        asked_at = self._now()
        await self._cache.store(CachedToken(None, asked_at))
        try:
            token = await self._issue()
        except KXTError as exc:
            if not _counts_as_asked(exc):
                with trio.move_on_after(_STORE_BOUND, shield=True):
                    await self._cache.store(CachedToken(None, before.asked_at))
            raise
        if token.said_at is not None:  # by this machine's clock, which may be a day off
            ahead = self._now() - token.said_at
            token = attrs.evolve(token, expires_at=token.expires_at + ahead)
        # Shielded: a token that is lost now cannot be had again for a minute.
        with trio.move_on_after(_STORE_BOUND, shield=True):
            await self._cache.store(CachedToken(token, asked_at))
        return token


def _counts_as_asked(error: KXTError) -> bool:
    """Whether the broker counts this attempt; if in doubt it does."""
    if isinstance(error, KXTConnectionError):
        return isinstance(error, KXTTimeoutError)
    return not isinstance(error, KXTAPIError) or error.code == TOKEN_TOO_SOON
