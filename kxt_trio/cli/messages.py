"""What the library logs, shown to the user: link lost, link live, fills possibly missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["library_messages"]

#: What fails the stream is raised as well, and is the command's last line.
_FAILED = "failed: %s"


@contextmanager
def library_messages(show: Callable[[str], None]) -> Generator[None]:
    """Pass the library's messages of level INFO and above to ``show``, line by line."""
    logger = logging.getLogger("kxt_trio")
    handler = _Shower(show)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


class _Shower(logging.Handler):
    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg != _FAILED:
            self._show(record.getMessage())
