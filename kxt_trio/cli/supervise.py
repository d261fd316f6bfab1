"""Runs a command under trio until it is done, or until a signal ends it."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import trio

from .exits import ExitCode, sole_error

__all__ = ["Command", "run_command"]

#: What a command is: it returns the exit code.
Command: TypeAlias = Callable[[], Awaitable[ExitCode]]

_SIGNALS = [signal.SIGINT, signal.SIGTERM]
_SIGNALLED = 128


def run_command(command: Command, *, speed: float = 1) -> int:
    """Run ``command`` and return its exit code; at another speed, on a clock of its own.

    Ctrl-C and a plain ``kill`` cancel it, so that the subscription is released and the
    terminal is left in order, and give 128 and the signal's number.

    Raises:
        Exception: what the command raised, without the groups of its nurseries.
    """
    try:
        return trio.run(_supervise, command, clock=_clock(speed))
    except BaseExceptionGroup as group:
        raise sole_error(group) from None


def _clock(speed: float) -> trio.abc.Clock | None:
    if speed == 1:
        return None
    from trio.testing import MockClock  # noqa: PLC0415  # the demo in a hurry, only

    return MockClock(rate=speed)


async def _supervise(command: Command) -> int:
    with trio.open_signal_receiver(*_SIGNALS) as signals:
        caught: list[int] = []
        code = ExitCode.OK
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_on_signal, signals, nursery.cancel_scope, caught)
            code = await command()
            nursery.cancel_scope.cancel()
    if not caught:
        return code
    if sys.stderr.isatty():
        print(file=sys.stderr)  # the shell's prompt goes below the ^C
    return _SIGNALLED + caught[0]


async def _cancel_on_signal(
    signals: AsyncIterator[int], scope: trio.CancelScope, caught: list[int]
) -> None:
    async for number in signals:
        caught.append(number)
        scope.cancel()
