"""Exactly once: what a fill changes and its fill_id, in one transaction."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from kxt_trio import FillEvent, Side, open_fill_stream

TABLES = """
CREATE TABLE IF NOT EXISTS booked (fill_id TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS position (symbol TEXT PRIMARY KEY, shares INTEGER) STRICT;
"""
BOOKED = "INSERT INTO booked VALUES (?) ON CONFLICT DO NOTHING"
MOVED = """
INSERT INTO position VALUES (?, ?)
ON CONFLICT DO UPDATE SET shares = shares + excluded.shares
"""


def book(database: sqlite3.Connection, fill: FillEvent) -> None:
    shares = int(fill.report.quantity) * (1 if fill.side is Side.BUY else -1)
    with database:  # both statements or none
        if database.execute(BOOKED, (fill.fill_id,)).rowcount:
            database.execute(MOVED, (fill.instrument.symbol, shares))


async def keep_positions(path: Path, journal: Path, **connection: Any) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(TABLES)
        async with open_fill_stream(**connection, journal=journal) as fills:
            async for fill in fills:
                book(database, fill)
