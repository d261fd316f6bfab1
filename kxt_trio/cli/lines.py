"""Lines to stdout that never hold up the event loop, and end when the reader is gone."""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import TextIO

import trio

from .exits import CommandError, ReaderGoneError

__all__ = ["GONE", "LineWriter", "is_terminal", "say", "stdout_descriptor"]

#: What the system says when nobody reads any more.
GONE = frozenset({errno.EPIPE, errno.ECONNRESET})


class LineWriter:
    """Writes lines to stdout, each at once.

    A slow reader slows down only the writer: the bytes go out from a worker thread, past
    Python's own buffer, so nothing is left to be flushed when the interpreter ends.
    """

    def __init__(self) -> None:
        self._descriptor = stdout_descriptor()

    async def write(self, line: str) -> None:
        """Write one line, or several at once.

        Raises:
            ReaderGoneError: nobody reads any more.
            CommandError: the line cannot be written.
        """
        data = f"{line}\n".encode()
        try:
            await trio.to_thread.run_sync(self._write_all, data, abandon_on_cancel=True)
        except OSError as exc:
            if exc.errno in GONE:
                raise ReaderGoneError from None
            raise CommandError(f"cannot write the output: {exc.strerror}") from exc

    def _write_all(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    async def watch_reader(self, scope: trio.CancelScope) -> None:
        """Cancel ``scope`` as soon as nobody reads any more, where that can be told.

        Without it, ``kxt-trio fills | head -1`` would end with the second fill only.
        """
        is_pipe = stat.S_ISFIFO(os.fstat(self._descriptor).st_mode)
        if sys.platform == "linux" and is_pipe:
            # epoll reports an error on our end of the pipe once the other one is closed.
            await trio.lowlevel.wait_readable(self._descriptor)
            scope.cancel()
        else:
            await trio.sleep_forever()


def is_terminal() -> bool:
    """Whether stdout is one; a closed stdout is none."""
    stdout: TextIO | None = sys.stdout
    return stdout is not None and stdout.isatty()


def stdout_descriptor() -> int:
    """Return stdout's descriptor, with nothing left in Python's own buffer.

    Raises:
        CommandError: the program was started without one, as by ``>&-``.  The number 1 is
            then that of whatever file was opened first.
    """
    stdout: TextIO | None = sys.stdout
    if stdout is None:
        raise CommandError("cannot write the output: stdout is closed")
    stdout.flush()
    return stdout.fileno()


def say(message: str) -> None:
    """Tell the user something beside the output, on stderr."""
    print(f"kxt-trio: {message}", file=sys.stderr)
