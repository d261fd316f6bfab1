"""Blocking work, out of the way of trio's loop and bounded in time.

A disk can hang for as long as it likes.  What runs in a thread is therefore waited for no
longer than a bound, even by a caller that is being cancelled; then the thread is left to
itself, its result to nobody.

Under a mock clock that jumps when all tasks wait, a thread does not count as work: the
clock would jump to the bound at once.  For such tests there is :class:`Inline`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import trio

__all__ = ["InThread", "Inline", "Offload"]

_T = TypeVar("_T")

_BOUND = 10.0


class Offload(Protocol):
    """Runs blocking functions, one at a time."""

    async def run(self, function: Callable[[], _T]) -> _T:
        """Return what the function returns.

        Cancelled means that it was not started.  Once started it is waited for.

        Raises:
            trio.TooSlowError: it did not return in time; whether it ever did what it was
                to do is not known.
        """
        ...


class InThread:
    """Runs them in worker threads, one after the other.

    Args:
        bound: Seconds that one may take.
    """

    def __init__(self, *, bound: float = _BOUND) -> None:
        self._bound = bound
        # Held by the thread itself: one that was left to itself keeps the next one out.
        self._one = trio.CapacityLimiter(1)

    async def run(self, function: Callable[[], _T]) -> _T:
        """See :class:`Offload`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        with trio.fail_after(self._bound, shield=True):
            return await trio.to_thread.run_sync(
                function, abandon_on_cancel=True, limiter=self._one
            )


class Inline:
    """Runs them on the spot, which blocks the loop for as long: for virtual time."""

    async def run(self, function: Callable[[], _T]) -> _T:
        """See :class:`Offload`."""
        await trio.lowlevel.checkpoint()
        return function()
