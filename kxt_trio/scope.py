"""How background work behind an ``async with`` block starts, fails and ends.

Nothing in here knows about brokers.  :func:`open_scope` runs some :class:`Work` in a
hidden nursery for as long as a block lasts, and holds to five rules.

1. *Entering never waits.*  What can take long is awaited in the block, by the caller's
   own task, where an outer cancel reaches it at once.
2. *The work never raises.*  It turns its failures into news for its consumers.  Only
   Cancelled and KeyboardInterrupt leave it; anything else is a bug, and is raised.
3. *The end is bounded.*  Two scopes surround the work: ``soft`` inside ``hard``.  When
   the block ends, for any reason, ``soft`` is cancelled and ``hard`` gets a deadline of
   now plus ``grace``.  ``hard`` is shielded, so the goodbye, which runs between the two,
   also runs when the whole program is being cancelled.
4. *The block's exception keeps its identity.*  A nursery would wrap it in a group, and
   its cancel scope would split a group the user raised into a copy.  An exception that
   has no Cancelled in it is therefore held aside, past the nursery.  One that is or
   holds Cancelled has to pass through, since only trio may decide what it belongs to,
   and is unwrapped one level.
5. *Context survives.*  ``__cause__`` and ``__context__`` of the block's exception are
   what they were when it was raised.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol, cast

import trio

__all__ = ["Work", "open_scope"]


class Work(Protocol):
    """What runs behind a block."""

    async def run(self, supports: trio.Nursery) -> None:
        """Do the work until cancelled.

        Tasks started in ``supports`` outlive this method, so that the goodbye can still
        use what they keep alive; they are cancelled after it.
        """

    async def goodbye(self) -> None:
        """Leave politely.  Cut off when the grace is over."""


@asynccontextmanager
async def open_scope(work: Work, *, name: str, grace: float) -> AsyncGenerator[None]:
    """Run ``work`` in the background of the block.

    Args:
        work: Started before the block is, ended with it.
        name: Name of the task, for instruments and stack dumps.
        grace: Seconds from the end of the block to the end of everything.
    """
    soft = trio.CancelScope()
    hard = trio.CancelScope(shield=True)
    held: BaseException | None = None
    try:
        async with trio.open_nursery(strict_exception_groups=True) as nursery:
            nursery.start_soon(_run, work, soft, hard, name=name)
            try:
                yield
            except BaseException as exc:  # noqa: ASYNC103  # held, raised at the end
                if _holds_cancelled(exc):
                    raise
                held = exc
            finally:
                hard.deadline = trio.current_time() + grace
                soft.cancel(reason="the block ended")
    except BaseExceptionGroup as group:
        passed = _unwrap(group)
        if passed is group:
            raise
        if held is not None:  # the block failed, and Ctrl-C hit the background
            passed.__context__ = held
        held = passed
    if held is not None:
        context = held.__context__
        try:
            raise held
        finally:
            held.__context__ = context


async def _run(work: Work, soft: trio.CancelScope, hard: trio.CancelScope) -> None:
    try:
        with hard:
            async with trio.open_nursery(strict_exception_groups=True) as supports:
                with soft:
                    await work.run(supports)
                await work.goodbye()
                supports.cancel_scope.cancel(reason="the goodbye is over")
    except BaseExceptionGroup as group:
        raise _unwrap(group) from None


def _holds_cancelled(exc: BaseException) -> bool:
    if isinstance(exc, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", exc)
        return group.subgroup(trio.Cancelled) is not None
    return isinstance(exc, trio.Cancelled)


def _unwrap(group: BaseExceptionGroup[BaseException]) -> BaseException:
    return group.exceptions[0] if len(group.exceptions) == 1 else group
