"""Exactly once: fills are rows with fill_id as their key, and totals are queries."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from kxt_trio import FillEvent, open_fill_stream

TABLE = """
CREATE TABLE IF NOT EXISTS fill (
  fill_id TEXT PRIMARY KEY, symbol TEXT, side TEXT, shares INTEGER, amount TEXT
) STRICT
"""
INSERT = "INSERT INTO fill VALUES (?, ?, ?, ?, ?) ON CONFLICT (fill_id) DO NOTHING"


def store(database: sqlite3.Connection, fill: FillEvent) -> None:
    shares, amount = int(fill.report.quantity), str(fill.amount)
    row = (fill.fill_id, fill.instrument.symbol, str(fill.side), shares, amount)
    with database:
        database.execute(INSERT, row)


async def keep_fills(path: Path, journal: Path, **connection: Any) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(TABLE)
        async with open_fill_stream(**connection, journal=journal) as fills:
            async for fill in fills:
                store(database, fill)
