"""One order in several rows: by page, by venue, by mistake."""

from __future__ import annotations

import attrs
import pytest

from kxt_trio.reconcile.facts import Page, Snapshot, SnapshotRow
from kxt_trio.reconcile.findings import Alarm, AlarmKind, Correct
from kxt_trio.reconcile.joined_rows import join_rows

from .desk import TODAY, key, row
from .ledger_steps import alarms, only


def part(venue: str, quantity: int, **changes) -> SnapshotRow:
    return attrs.evolve(row(quantity, quantity * 100), part=venue, **changes)


def joined(*pages):
    rows = {}
    made = [Page(float(at), at + 0.5, at + 1000.5, rows_) for at, rows_ in enumerate(pages)]
    assert len(list(join_rows(made, rows))) == len(pages)
    (one,) = rows.values()
    return one


@pytest.mark.parametrize(
    ("rows", "quantity", "parts"),
    [
        ([part("KRX", 4)], 4, set()),
        ([part("KRX", 4), part("KRX", 6)], 6, set()),  # on two pages
        ([part("KRX", 6), part("KRX", 4)], 6, set()),
        ([part("KRX", 4), part("NXT", 5)], 9, {"KRX", "NXT"}),
        ([part("KRX", 4), part("NXT", 5), part("KRX", 5)], 10, {"KRX", "NXT"}),
        ([part("SOR", 9), part("SOR", 9)], 9, set()),
        ([part("SOR", 9), part("KRX", 4), part("NXT", 5)], 9, set()),  # the whole, once
        ([part("SOR", 8), part("KRX", 4), part("NXT", 5)], 9, {"KRX", "NXT"}),
        ([part("SOR", 9), part("KRX", 4)], 9, set()),
        ([part("", 9), part("KRX", 9)], 9, set()),
    ],
)
def test_rows_of_venues_add_up_and_the_routers_row_is_the_whole(rows, quantity, parts):
    one = joined(tuple(rows))
    assert (one.row.quantity, one.row.amount) == (quantity, quantity * 100)
    assert one.parts == parts
    assert not one.disagree


def test_added_up_they_have_the_times_that_are_right_for_both():
    one = joined((part("KRX", 4),), (), (part("NXT", 5),))
    assert (one.page.asked_at, one.page.answered_at, one.page.answered_wall) == (0, 2.5, 1002.5)


def test_one_number_for_two_orders_is_seen():
    first, second = part("KRX", 4, subject=("005930", "buy")), part("KRX", 4)
    assert not joined((first, attrs.evolve(second, subject=("", None)))).disagree
    assert joined((first, attrs.evolve(second, subject=("000660", "buy")))).disagree
    assert joined((first, part("NXT", 4, subject=("005930", "sell")))).disagree


def test_an_order_split_over_venues_loses_nothing_and_corrects_nothing(desk):
    desk.fill(1, 4)
    desk.fill(1, 5)
    for asked in range(7, 200, 10):
        desk.answer(asked, part("KRX", 4), part("NXT", 8))
        desk.tick(asked + 5)
    assert desk.delivered() == [("live", 4, 400), ("live", 5, 500), ("recovered", 3, 300)]
    assert not [one for one in desk.all if isinstance(one, (Correct, Alarm))]


def test_more_than_the_order_has_is_not_acted_on(desk):
    desk.answer(7, part("KRX", 60), part("NXT", 60))
    found = desk.tick(12)
    (alarm,) = only(found, Alarm)
    assert alarm.kind is AlarmKind.ROWS_DISAGREE
    assert desk.delivered() == []
    assert not desk.ledger.verified
    desk.answer(14, part("KRX", 60), part("NXT", 60))
    assert not alarms(desk.tick(19))  # once
    desk.answer(21, part("SOR", 60))
    desk.tick(26)
    assert desk.delivered() == [("recovered", 60, 6_000)]
    assert desk.ledger.verified


def test_an_answer_that_may_lack_one_of_the_rows_says_nothing(desk):
    desk.answer(7, part("KRX", 4), part("NXT", 5))
    desk.tick(12)
    desk.answer(14, part("KRX", 4), complete=False)
    desk.tick(19)
    assert desk.ledger._book.tally(key()).contradiction is None
    assert desk.delivered() == [("recovered", 9, 900)]


def test_rows_of_two_orders_verify_nothing(desk):
    rows = (part("KRX", 4, subject=("A", "buy")), part("KRX", 4, subject=("B", "buy")))
    desk.tell(Snapshot((Page(7, 7, desk.start + 7, rows),), (TODAY,)))
    found = desk.tick(12)
    assert alarms(found) == [AlarmKind.ROWS_DISAGREE]
    assert desk.delivered() == []
    assert not desk.ledger.verified
