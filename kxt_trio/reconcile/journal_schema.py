"""The journal's tables.

Strict types; ``rec`` is only ever added to, and SQLite itself refuses everything else,
whoever asks.  Every row bears a seal over its content and the seal before it, so that a
damaged, altered or missing row is found: SQLite checks the shape of its pages, not what is
written in them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from .journal_records import COLUMNS

__all__ = [
    "APPLICATION_ID",
    "FIRST_SEAL",
    "INSERT_RECORD",
    "MOVE_CURSOR",
    "SCHEMA",
    "SELECT_RECORDS",
    "VERSION",
    "seal",
]

#: "KXTJ", for ``PRAGMA application_id``.
APPLICATION_ID = 0x4B58544A

#: ``PRAGMA user_version``.
VERSION = 1

_SEAL_BYTES = 8

#: What the first row's seal is chained to.
FIRST_SEAL = bytes(_SEAL_BYTES)

_TYPES = {
    "kind": "TEXT NOT NULL",
    "trade_date": "TEXT NOT NULL",
    "quantity": "INTEGER",
    "amount": "ANY",
    "start": "INTEGER",
    "end": "INTEGER",
    "revision": "INTEGER",
    "earliest": "REAL",
    "latest": "REAL",
    "received_wall": "REAL",
    "detail": "TEXT NOT NULL",
}
_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
_DEFINITIONS = ",\n  ".join(f'"{name}" {_TYPES.get(name, "TEXT")}' for name in COLUMNS)
_PLACES = ", ".join("?" for _ in COLUMNS)

#: Every statement that makes an empty file a journal.
SCHEMA = (
    f"CREATE TABLE rec (\n  row INTEGER PRIMARY KEY,\n  {_DEFINITIONS},\n"
    "  seal BLOB NOT NULL\n) STRICT",
    "CREATE UNIQUE INDEX rec_fill_id ON rec (fill_id) WHERE fill_id IS NOT NULL",
    "CREATE INDEX rec_trade_date ON rec (trade_date)",
    "CREATE INDEX rec_verified ON rec (trade_date) WHERE kind = 'verified'",
    "CREATE TABLE cursor (consumer TEXT PRIMARY KEY, row INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE account (tag TEXT PRIMARY KEY, environment TEXT NOT NULL,"
    " salt BLOB NOT NULL, verifier BLOB NOT NULL) STRICT, WITHOUT ROWID",
    *(
        f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table}"
        " BEGIN SELECT raise(ABORT, 'a journal is only added to'); END"
        for table in ("rec", "account")
        for verb in ("UPDATE", "DELETE")
    ),
    # REPLACE removes the row in its way without asking the trigger above.
    "CREATE TRIGGER rec_refuses_replace BEFORE INSERT ON rec"
    " WHEN NEW.row <= (SELECT coalesce(max(row), 0) FROM rec)"
    " OR EXISTS (SELECT 1 FROM rec WHERE fill_id = NEW.fill_id)"
    " BEGIN SELECT raise(ABORT, 'recorded already'); END",
)

INSERT_RECORD = f"INSERT INTO rec (row, {_NAMES}, seal) VALUES (?, {_PLACES}, ?)"  # noqa: S608

MOVE_CURSOR = (
    "INSERT INTO cursor (consumer, row) VALUES (?, ?) ON CONFLICT (consumer)"
    " DO UPDATE SET row = max(row, excluded.row)"
)

#: Row, columns, seal and the seal before it; after a row, of a date or later, so many.
SELECT_RECORDS = (
    f"SELECT row, {_NAMES}, seal, "  # noqa: S608
    "(SELECT before.seal FROM rec AS before WHERE before.row = rec.row - 1) "
    "FROM rec WHERE row > ? AND trade_date >= ? ORDER BY row LIMIT ?"
)


_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_EVENT = COLUMNS.index("event")


def seal(before: bytes, row: int, values: Sequence[Any]) -> bytes:
    """Return the seal of a row that follows one with the seal ``before``."""
    # The event is JSON already; to quote all of it once more is half of the cost.
    event = values[_EVENT]
    others = _json([row, *values[:_EVENT], event is None, *values[_EVENT + 1 :]])
    content = f"{others}{'' if event is None else event}".encode()
    return blake2b(before + content, digest_size=_SEAL_BYTES).digest()
