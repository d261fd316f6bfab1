"""Exactly once: one whole number for each order, kept in the same file as the result."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kxt_trio import FillEvent, Side, open_fill_stream


class Book:
    """Positions, and how far each order is counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = json.loads(path.read_text()) if path.exists() else {}
        self.positions: dict[str, int] = kept.get("positions", {})
        self.counted: dict[str, int] = kept.get("counted", {})

    def take(self, fill: FillEvent, missing: Callable[[str, int], None]) -> None:
        found = re.fullmatch(r"(.+)\.(\d+)-(\d+)(\.r\d+)?", fill.fill_id or "")
        assert found is not None
        order = found[1] + (found[4] or "")  # after a correction it counts anew
        start, end = int(found[2]), int(found[3])
        counted = self.counted.get(order, start)
        if end <= counted:
            return  # a repeat
        if start > counted:
            missing(order, start - counted)
        sign = 1 if fill.side is Side.BUY else -1
        symbol = fill.instrument.symbol
        shares = end - max(start, counted)  # a fill may repeat a part, from a new journal
        self.positions[symbol] = self.positions.get(symbol, 0) + sign * shares
        self.counted[order] = end
        self._save()

    def _save(self) -> None:
        draft = self.path.with_suffix(".new")
        with draft.open("w") as file:
            json.dump({"positions": self.positions, "counted": self.counted}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)  # the old file or the new one, nothing between
        flush_folder(self.path.parent)


def flush_folder(folder: Path) -> None:
    """Make a new name as lasting as what it names; Windows does so by itself."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def warn(order: str, shares: int) -> None:
    print(f"{shares} shares of order {order} were filled and not delivered here")


async def keep_positions(path: Path, journal: Path, **connection: Any) -> None:
    book = Book(path)
    async with open_fill_stream(**connection, journal=journal, consumer="book") as fills:
        async for fill in fills:
            book.take(fill, warn)
