"""What is recorded and then delivered: rows, order, and no batch without a bound."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

import attrs
import pytest
import trio

from kxt_trio import KST, AccountSummary, FillEvent, FillOrigin, Venue
from kxt_trio.models import from_json
from kxt_trio.reconcile.facts import OrderKey
from kxt_trio.reconcile.findings import Deliver, Verified
from kxt_trio.reconcile.journal_records import COLUMNS, JournalRecord
from kxt_trio.reconcile.outbox import Outbox, Parcel
from kxt_trio.reconcile.records import to_plain

from .journal_entries import DAY, TAG, fill_event

AT = datetime(2026, 11, 20, 9, 30, 5, 250000, tzinfo=KST)


def deliver(start: int, **given) -> Deliver:
    options = {
        "order": OrderKey("real", TAG, DAY, "123"),
        "origin": FillOrigin.LIVE,
        "quantity": 3,
        "amount": 209850,
        "start": start,
        "end": start + 3,
        "earliest": 1795134605,
        "latest": 1795134605,
        "received_wall": 1795134605.25,
    }
    return Deliver(**{**options, **given})


FILL = fill_event(3)


@pytest.mark.parametrize(
    ("record", "event"),
    [
        (deliver(0), FILL),
        (deliver(0, provisional=True, fence=1795134600, revision=2), FILL),
        (deliver(0, amount=Decimal("148.0100")), FILL),
        (deliver(0), attrs.evolve(FILL, side="03", venue="9", account=None, raw=None)),
        (
            deliver(0, origin=FillOrigin.RECOVERED),
            attrs.evolve(
                FILL,
                side=None,
                venue=Venue.KRX,
                origin=FillOrigin.RECOVERED,
                executed_between=(AT, AT),
                exact_amount=Decimal("209850.5"),
                order_quantity=Decimal(10),
                order_price=Decimal("69950"),
                fill_id="a-b",
                cumulative_quantity=Decimal(3),
                received_at=AT,
                account=AccountSummary("12345678"),
                raw=(),
            ),
        ),
        (
            deliver(0),
            attrs.evolve(
                FILL,
                report=attrs.evolve(
                    FILL.report,
                    execution_id='"\\',
                    order_ref=attrs.evolve(
                        FILL.report.order_ref, account_id=None, original_order_id="7"
                    ),
                ),
            ),
        ),
    ],
)
def test_a_fill_is_written_as_any_record_is(record: Deliver, event: FillEvent):
    slowly = JournalRecord.from_plain(to_plain(record), fill_id=record.fill_id, event=event)
    row = Parcel(record, event).to_values()
    assert row == slowly.to_values()
    assert [type(value) for value in row] == [type(value) for value in slowly.to_values()]
    text = row[COLUMNS.index("event")]
    assert isinstance(text, str)
    assert "12345678" not in text
    assert set(json.loads(text)) == {f.name for f in attrs.fields(FillEvent)} | {"type"}
    assert from_json(text).side == event.side or event.side is None
    plain = JournalRecord.from_values(1, row, None).to_plain()
    assert set(to_plain(record)) <= set(plain)


class SlowJournal:
    """Notes what is appended, while the feed goes on."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.feed = lambda: None

    async def append(self, records) -> tuple[int, ...]:
        await trio.sleep(0.001)
        before = sum(self.batches)
        self.batches.append(len(records))
        self.feed()
        return tuple(range(before + 1, before + len(records) + 1))


async def test_order_is_kept_and_no_commit_is_endless(autojump_clock):
    out: list[object] = []
    journal = SlowJournal()
    outbox = Outbox(journal, lambda event, row=None: out.append((event, row)))
    said = Verified(trade_date=DAY, as_of=1.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        outbox.put(None, "notice")
        outbox.put(said, None)
        outbox.call_after(lambda: out.append("then"))
        await trio.sleep(1)
        assert out == [("notice", None), "then"]
        assert journal.batches == [1]
        journal.feed = lambda: [outbox.put(said, "more") for _ in range(600)]
        outbox.put(said, "first")
        await trio.sleep(0.0205)
        nursery.cancel_scope.cancel()
    assert out[2:] == [("first", 2), *(("more", row) for row in range(3, len(out)))]
    assert len(journal.batches) > 10
    assert max(journal.batches) == 256
