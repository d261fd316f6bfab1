"""When to connect next, and when to stop trying.  Pure: times come in, times go out."""

from __future__ import annotations

import random
from collections import deque

import attrs

from .errors import KXTConnectionError, KXTError
from .protocol.refusals import Advice
from .settings import StreamPolicy

__all__ = ["Loss", "ReconnectPlan"]

_MINUTE = 60.0

#: A link that is accepted and closed within this many seconds, this many times running,
#: is a broker saying no without words (official README: "No close frame received").
_QUICK = 5.0
_QUICK_CLOSES = 3

#: A refusal nobody can explain, or a renewed key refused again, gets this many tries.
_TRIES = 3

#: Waits for the app key's session to come free (OPSP8996).  The broker keeps it for a
#: while after a disconnect; nobody publishes how long.
_SESSION_WAITS = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0)


@attrs.frozen
class Loss:
    """How a connection ended, or why there was none.

    ``lived`` is the time in seconds from the open socket to its end; None when the end
    says nothing about the socket: there was none, or the broker gave a reason.
    """

    error: KXTError
    advice: Advice = Advice.RETRY
    lived: float | None = None


class ReconnectPlan:
    """The memory of past attempts of one session.

    Backs off with full jitter between the policy's floor and a bound that doubles up to
    its cap.  All counts are forgotten only after a subscription that lived
    ``stable_after`` seconds: KIS blocks keys and addresses that connect in a loop.
    """

    def __init__(self, policy: StreamPolicy, source: random.Random) -> None:
        self._policy = policy
        self._random = source
        self._connects: deque[float] = deque(maxlen=policy.connects_per_minute)
        self._live_since: float | None = None
        self._proven = False
        self._forget()

    def _forget(self) -> None:
        self._failures = 0
        self._quick_closes = 0
        self._renewals = 0
        self._session_waits = 0
        self._unknowns = 0

    def connect_at(self, now: float) -> float:
        """Return the earliest time at which the connect budget allows a connect."""
        if len(self._connects) < self._policy.connects_per_minute:
            return now
        return max(now, self._connects[0] + _MINUTE)

    def connecting(self, now: float) -> None:
        """Note that a connection is being attempted."""
        self._connects.append(now)
        self._live_since = None

    def subscribed(self, now: float) -> None:
        """Note that the subscription is acknowledged."""
        self._live_since = now
        self._proven = True

    def lost(self, loss: Loss, now: float) -> float:
        """Return when to try again.

        Raises:
            KXTError: trying again is of no use.
        """
        if self._live_since is not None and now - self._live_since >= self._policy.stable_after:
            self._forget()
        self._live_since = None
        match loss.advice:
            case Advice.WAIT:
                return now + self._next_session_wait(loss)
            case Advice.RENEW_KEY:
                self._renewals += 1
                if self._renewals == 1:
                    return now
                if not self._proven:  # also said outside business hours, so not of keys
                    self._give_up_after(_TRIES, self._renewals, loss)  # that have worked
            case Advice.UNKNOWN:
                self._unknowns += 1
                self._give_up_after(_TRIES, self._unknowns, loss)
            case Advice.RETRY:
                self._count_quick_close(loss)
            case _:
                raise loss.error
        return now + self._backoff()

    def _backoff(self) -> float:
        policy = self._policy
        bound = min(policy.backoff_max, policy.backoff_initial * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return max(policy.backoff_floor, self._random.uniform(0, bound))

    def _next_session_wait(self, loss: Loss) -> float:
        if self._session_waits == len(_SESSION_WAITS):
            raise loss.error
        self._session_waits += 1
        return _SESSION_WAITS[self._session_waits - 1]

    @staticmethod
    def _give_up_after(limit: int, count: int, loss: Loss) -> None:
        if count >= limit:
            raise loss.error

    def _count_quick_close(self, loss: Loss) -> None:
        if loss.lived is None or loss.lived >= _QUICK:
            self._quick_closes = 0
            return
        self._quick_closes += 1
        if self._quick_closes >= _QUICK_CLOSES:
            raise KXTConnectionError(
                f"the broker accepted the connection and closed it within {_QUICK:g} s, "
                f"{_QUICK_CLOSES} times running: the HTS ID is wrong, or another program "
                "took the app key's session"
            ) from loss.error
