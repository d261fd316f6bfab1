"""Where what an auditor finds goes: to the streams at once, or by way of a journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol, TypeAlias

import trio

from kxt_trio.models import Correction, FillEvent, OrderLifecycleEvent

from .findings import Record

__all__ = ["Audited", "Delivery", "Direct", "Emit"]

#: What comes out: events of the account, lifecycle notices included, in order.
Audited: TypeAlias = FillEvent | OrderLifecycleEvent | Correction


class Emit(Protocol):
    """Takes an event; with its row, if it is in the journal."""

    def __call__(self, event: Audited, row: int | None = None) -> None:
        """Take it; never waits."""


class Delivery(Protocol):
    """Delivers events in order; records what goes with them before, if it records."""

    async def load(self, today: date) -> Sequence[Record]:
        """Return what was recorded before this program began.

        Raises:
            KXTJournalError: it cannot be read.
        """
        ...

    def put(self, record: Record | None, event: Audited | None) -> None:
        """Take a record, an event, or both; never waits."""
        ...

    def call_after(self, function: Callable[[], None]) -> None:
        """Call the function once all that was put before is dealt with."""
        ...

    def start_in(self, nursery: trio.Nursery) -> None:
        """Start the tasks that it takes."""
        ...


class Direct:
    """Delivers on the spot and records nothing."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    async def load(self, today: date) -> Sequence[Record]:
        """See :class:`Delivery`."""
        await trio.lowlevel.checkpoint()
        return ()

    def put(self, record: Record | None, event: Audited | None) -> None:
        """See :class:`Delivery`."""
        if event is not None:
            self._emit(event)

    def call_after(self, function: Callable[[], None]) -> None:
        """See :class:`Delivery`."""
        function()

    def start_in(self, nursery: trio.Nursery) -> None:
        """See :class:`Delivery`."""
