"""Records for the journal's tests, and the program that is killed in the middle of them."""

from __future__ import annotations

import os
import random
import sys
from datetime import date, datetime
from decimal import Decimal

import trio

from kxt_trio import (
    KST,
    AccountSummary,
    ExecutionReport,
    FillEvent,
    InstrumentRef,
    ProviderOrderRef,
    Side,
)
from kxt_trio.reconcile.journal import open_journal
from kxt_trio.reconcile.journal_records import JournalRecord

DAY = date(2026, 11, 20)
ACCOUNT_ID = "12345678"
APP_KEY = "app-key-of-thirty-six-letters-private"
TAG = "c0ffee00c0de"


def fill_event(quantity: int, price: int = 69950) -> FillEvent:
    return FillEvent(
        ExecutionReport(
            None,
            ProviderOrderRef("kis", "0000000123", account_id=ACCOUNT_ID),
            datetime(2026, 11, 20, 9, 30, 5, tzinfo=KST),
            Decimal(price),
            Decimal(quantity),
        ),
        InstrumentRef("005930", "삼성전자"),
        side=Side.BUY,
        account=AccountSummary(ACCOUNT_ID, "01"),
        raw=('"account_id": "x"', "\\", "005930"),
    )


def fill(start: int, quantity: int = 1, *, number: str = "0000000123", tag: str = TAG, **given):
    end = start + quantity
    options = {
        "kind": "deliver",
        "environment": "real",
        "account": tag,
        "trade_date": DAY,
        "number": number,
        "origin": "live",
        "quantity": quantity,
        "amount": 69950 * quantity,
        "start": start,
        "end": end,
        "revision": 0,
        "earliest": 1795134605.0,
        "latest": 1795134605.0,
        "received_wall": 1795134605.25,
        "detail": {"provisional": False, "fence": None},
        "fill_id": f"real.{tag}.20261120.{number}.{start}-{end}",
        "event": fill_event(quantity),
    }
    return JournalRecord(**{**options, **given})


def whole(record: JournalRecord) -> JournalRecord:
    """To load records as they are."""
    return record


async def work(path: str, seed: int) -> None:
    """Go on where the journal ends; say what is delivered, after it is on disk."""
    chance = random.Random(seed)
    async with open_journal(path) as journal:
        tag = await journal.enrol(ACCOUNT_ID, "real", APP_KEY)
        filled = sum(await journal.load(lambda record: record.quantity or 0))
        acknowledged = journal.cursor("strategy") or 0
        undelivered = await journal.read(after=acknowledged, limit=10_000)
        say("open", filled, len(undelivered))
        for record in undelivered:
            say("deliver", record.start, record.end)
            journal.acknowledge("strategy", record.row)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.keep_cursors)
            while True:
                batch = []
                for _ in range(chance.randint(1, 4)):
                    quantity = chance.randint(1, 9)
                    batch.append(fill(filled, quantity, tag=tag))
                    filled += quantity
                rows = await journal.append(batch)
                for record, row in zip(batch, rows, strict=True):
                    say("deliver", record.start, record.end)
                    journal.acknowledge("strategy", row)


def say(word: str, *numbers: int | None) -> None:
    os.write(1, f"{word} {' '.join(map(str, numbers))}\n".encode())


if __name__ == "__main__":
    trio.run(work, sys.argv[1], int(sys.argv[2]))
