"""Blocking work, out of the way of trio's loop and bounded in time.

A disk can hang for as long as it likes.  What runs in a thread is therefore waited for no
longer than a bound; then the thread is left to itself, its result to nobody.

Under a mock clock that jumps when all tasks wait, a thread does not count as work: the
clock would jump to the bound at once.  For such tests there is :class:`Inline`.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

import attrs
import trio

__all__ = ["InThread", "Inline", "Offload"]

_log = logging.getLogger("kxt_trio")

_T = TypeVar("_T")

_BOUND = 10.0

#: What has not returned by then is helped; a commit takes less than 1 ms as a rule.
_PATIENCE = 0.02
_NAP = 0.0003
_BETWEEN_NAPS = 0.001


class Offload(Protocol):
    """Runs blocking functions one at a time, in the order in which they were given."""

    async def run(self, function: Callable[[], _T]) -> _T:
        """Return what the function returns.

        Cancelled means that nobody waits any more: a function that was given by then runs
        all the same, in its turn.  Who cannot have that shields the call.

        Raises:
            trio.TooSlowError: it did not return in time; it runs all the same.
        """
        ...

    def leave(self, function: Callable[[], object]) -> None:
        """Have the function run in its turn, however late that is; nobody waits for it.

        What it raises is logged.
        """
        ...

    def end(self) -> None:
        """Keep nothing ready any more, once what was given has run."""
        ...


class InThread:
    """Runs them in one thread, which is there from the first call on.

    Args:
        bound: Seconds that one may take, the wait for its turn included.
    """

    def __init__(self, *, bound: float = _BOUND) -> None:
        self._bound = bound
        self._thread: threading.Thread | None = None
        self._jobs: SimpleQueue[Callable[[], object] | None] = SimpleQueue()

    async def run(self, function: Callable[[], _T]) -> _T:
        """See :class:`Offload`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        job = _Job(function, trio.lowlevel.current_trio_token())
        self._give(job)
        with trio.move_on_after(_PATIENCE):
            await job.returned.wait()
        if not job.returned.is_set():
            with trio.fail_after(self._bound - _PATIENCE):
                while not job.returned.is_set():
                    await self._help()
        return job.result()

    async def _help(self) -> None:
        """Let the thread have the interpreter for a moment.

        A thread that comes back from a system call asks for it and gets it within 5 ms,
        unless whoever holds it lets go and takes it again meanwhile, which starts the
        5 ms anew.  A busy loop does so at each of its turns: beside a task that computed
        for 1 ms at a time a commit of 1 ms took up to 5.8 s, as if the disk had hung, and
        with these naps 20 ms.
        """
        time.sleep(_NAP)  # noqa: ASYNC251  # on purpose, and short
        await trio.sleep(_BETWEEN_NAPS)

    def leave(self, function: Callable[[], object]) -> None:
        """See :class:`Offload`."""
        self._give(function)

    def end(self) -> None:
        """See :class:`Offload`."""
        if self._thread is not None:
            self._thread = None
            self._jobs.put(None)

    def _give(self, job: Callable[[], object]) -> None:
        if self._thread is None or not self._thread.is_alive():  # as in a forked child
            self._jobs = SimpleQueue()
            self._thread = threading.Thread(
                target=_work, args=(self._jobs,), name="kxt_trio disk", daemon=True
            )
            self._thread.start()
            weakref.finalize(self, self._jobs.put, None).atexit = False
        self._jobs.put(job)


class Inline:
    """Runs them on the spot, which blocks the loop for as long: for virtual time."""

    async def run(self, function: Callable[[], _T]) -> _T:
        """See :class:`Offload`."""
        await trio.lowlevel.checkpoint()
        return function()

    def leave(self, function: Callable[[], object]) -> None:
        """See :class:`Offload`."""
        _run_left(function)

    def end(self) -> None:
        """See :class:`Offload`."""


@attrs.define(eq=False, repr=False)
class _Job(Generic[_T]):
    """A function whose result somebody waits for."""

    _function: Callable[[], _T]
    _token: trio.lowlevel.TrioToken
    returned: trio.Event = attrs.field(init=False, factory=trio.Event)
    _results: list[_T] = attrs.field(init=False, factory=list[Any])
    _error: BaseException | None = attrs.field(init=False, default=None)

    def __call__(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as exc:  # noqa: ASYNC103, BLE001  # raised by result()
            self._error = exc
        with suppress(trio.RunFinishedError):  # nobody waits
            self._token.run_sync_soon(self.returned.set)

    def result(self) -> _T:
        """Return or raise what the function did."""
        if self._error is not None:
            error, self._error = self._error, None  # not a cycle with its own traceback
            try:
                raise error
            finally:
                del error
        return self._results.pop()


def _work(jobs: SimpleQueue[Callable[[], object] | None]) -> None:
    while (job := jobs.get()) is not None:
        _run_left(job)
        del job  # and with it what it holds


def _run_left(function: Callable[[], object]) -> None:
    try:
        function()
    except Exception as exc:  # noqa: BLE001  # nobody is there to be told
        _log.warning("failed with nobody waiting: %s: %s", type(exc).__name__, exc)
