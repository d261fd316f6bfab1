"""Streams with a journal, trades for them to carry, and what of those the journal has."""

from __future__ import annotations

import io
import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import trio

from kxt_trio import KISClient, open_fill_stream
from kxt_trio.reconcile.journal_check import export_jsonl, verify_journal
from kxt_trio.testing import FakeKIS


def opened(kis: FakeKIS, path: Path, **changes):
    return open_fill_stream(
        **{**kis.credentials, "network": kis.network, "journal": path, **changes}
    )


def client_of(kis: FakeKIS, path: Path, **changes) -> KISClient:
    return KISClient(**{**kis.credentials, "network": kis.network, "journal": path, **changes})


def trade(kis: FakeKIS, *quantities: int) -> None:
    """One order for each quantity, filled at once."""
    for quantity in quantities:
        kis.fill(kis.place("005930", quantity=quantity, price=100 + quantity))


def quantity_of(fill) -> int:
    return int(fill.report.quantity)


async def take(fills, count: int) -> list[int]:
    taken = []
    with trio.fail_after(600):
        while len(taken) < count:
            taken.append(quantity_of(await fills.receive()))
    return taken


def recorded(path: Path) -> dict[str, tuple[Decimal, Decimal]]:
    """What the journal says was filled, by order: quantity and amount."""
    report = verify_journal(path)
    assert report.problems == ()
    text = io.StringIO()
    export_jsonl(path, text)
    totals: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for line in text.getvalue().splitlines():
        row = json.loads(line)
        if row["quantity"]:
            totals[row["number"]][0] += row["quantity"]
            totals[row["number"]][1] += Decimal(row["amount"])
    return {number: (quantity, amount) for number, (quantity, amount) in totals.items()}


def cursors(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT consumer, row FROM cursor"))
