"""How a command ends: its exit code, and the one line that says why."""

from __future__ import annotations

from enum import IntEnum
from typing import cast

from kxt_trio import (
    KXTAPIError,
    KXTAuthenticationError,
    KXTConnectionError,
    KXTError,
    KXTJournalError,
    KXTProtocolError,
    KXTSessionInUseError,
    KXTSubscriptionError,
    KXTUnsupportedError,
    KXTValidationError,
)

__all__ = ["CommandError", "ExitCode", "ReaderGoneError", "code_of", "sole_error"]


class ExitCode(IntEnum):
    """What ``kxt-trio`` tells the shell.

    A command that a signal ended exits with 128 and the signal's number, as shells count:
    130 for Ctrl-C, 143 for a plain ``kill``.
    """

    #: Done, or nobody reads the output any more.
    OK = 0
    #: The demo's totals differ, the clock is wrong, the output cannot be written, a
    #: journal that was to be verified is damaged.
    FAILURE = 1
    #: The command line makes no sense.
    USAGE = 2
    #: A setting is missing or cannot be used.
    SETTINGS = 3
    #: The broker said no: to the keys, the HTS ID, or a second session.
    REFUSED = 4
    #: The broker cannot be reached or understood.
    CONNECTION = 5
    #: The journal cannot be used: absent, damaged, in use, the disk full.
    JOURNAL = 6
    #: Ctrl-C.
    INTERRUPTED = 130


class CommandError(Exception):
    """Ends the command with one line on stderr."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILURE) -> None:
        super().__init__(message)
        self.code = code


class ReaderGoneError(Exception):
    """Whoever read the output has left, as ``head`` does: no failure, only the end."""


#: The first that fits counts.
_CODES: tuple[tuple[type[KXTError], ExitCode], ...] = (
    (KXTValidationError, ExitCode.SETTINGS),
    (KXTUnsupportedError, ExitCode.SETTINGS),
    (KXTAuthenticationError, ExitCode.REFUSED),
    (KXTSubscriptionError, ExitCode.REFUSED),
    (KXTSessionInUseError, ExitCode.REFUSED),
    (KXTAPIError, ExitCode.REFUSED),
    (KXTConnectionError, ExitCode.CONNECTION),
    (KXTProtocolError, ExitCode.CONNECTION),
    (KXTJournalError, ExitCode.JOURNAL),
)


def code_of(error: CommandError | KXTError) -> ExitCode:
    """Return the exit code for an error."""
    if isinstance(error, CommandError):
        return error.code
    fitting = (code for kind, code in _CODES if isinstance(error, kind))
    return next(fitting, ExitCode.FAILURE)


def sole_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one exception in groups that nurseries made, or the group of several."""
    (first, *others) = group.exceptions
    if others:
        return group
    if isinstance(first, BaseExceptionGroup):
        return sole_error(cast("BaseExceptionGroup[BaseException]", first))
    return first
