"""Records survive a journal of plain values."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from kxt_trio.models import FillOrigin
from kxt_trio.reconcile.findings import Balance, Began, Correct, Deliver, Verified
from kxt_trio.reconcile.records import from_plain, to_plain
from kxt_trio.reconcile.tally import share_out
from kxt_trio.reconcile.totals import Totals

from .desk import TODAY, key

RECORDS = [
    Deliver(
        order=key(),
        origin=FillOrigin.RECOVERED,
        quantity=3,
        amount=Decimal("1000.10"),
        start=5,
        end=8,
        earliest=1.5,
        latest=2.25,
        received_wall=2.25,
        revision=1,
        fence=2,
    ),
    Correct(
        order=key(),
        quantity=-3,
        amount=-1_000,
        start=8,
        end=5,
        revision=2,
        fence=9,
        received_wall=9.5,
    ),
    Balance(order=key(7, TODAY - timedelta(days=1)), quantity=10, amount=1_000),
    Began(trade_date=TODAY),
    Verified(trade_date=TODAY, as_of=12.5, reviewed=True),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_come_back_the_same_through_json(record):
    again = from_plain(json.loads(json.dumps(to_plain(record))))
    assert again == record
    assert type(getattr(again, "amount", None)) is type(getattr(record, "amount", None))


def test_a_record_of_no_known_kind_is_refused():
    with pytest.raises(KeyError):
        from_plain({"kind": "rumour"})


def test_sharing_out_never_changes_the_sum():
    missed = Totals(7, 700)
    absorbed, rest = share_out(missed, [])
    assert (absorbed, rest) == (0, missed)
