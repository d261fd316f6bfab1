"""A value that tasks can wait on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import trio

__all__ = ["Watched"]

_T = TypeVar("_T")


class Watched(Generic[_T]):
    """Holds a value; wakes those who wait for it to become something.

    A value that is set and set again before a waiter runs may pass it unseen: what is
    waited for is a condition that lasts, not an event.
    """

    def __init__(self, value: _T) -> None:
        #: The value now; :meth:`set` replaces it.
        self.value: _T = value
        self._changed = trio.Event()

    def set(self, value: _T) -> None:
        """Replace the value."""
        self.value = value
        self._changed.set()
        self._changed = trio.Event()

    def nudge(self) -> None:
        """Let those who wait look again, though the value is the same."""
        self.set(self.value)

    async def wait(self, accept: Callable[[_T], bool]) -> _T:
        """Return the value as soon as ``accept`` says yes to it.  Always a checkpoint."""
        await trio.lowlevel.checkpoint()
        while not accept(self.value):
            await self._changed.wait()
        return self.value
