"""The rows of an answer by order, where an order may have several.

A row can stand on two pages, as rows shift between them.  An order that a router split
can have a row for each venue, or one for the whole under the router's name, or both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from .facts import OrderKey, Page, SnapshotRow

__all__ = ["JoinedRow", "join_rows"]

#: The router's name stands for the order itself and is no further part of it; nor is a
#: row that names no venue.
_WHOLE = frozenset({"SOR", ""})


@attrs.frozen
class JoinedRow:
    """An order's totals.

    Attributes:
        row: The totals; added up where they are of several venues.
        page: The answer they came in; of several, the earliest question and the latest
            answer.
        parts: The venues that were added up; empty where nothing was.
        disagree: The rows are not of one order, though they have its number.
    """

    row: SnapshotRow
    page: Page
    parts: frozenset[str] = frozenset()
    disagree: bool = False


def join_rows(pages: Iterable[Page], joined: dict[OrderKey, JoinedRow]) -> Iterator[None]:
    """Fill ``joined``; pauses after each page."""
    parts: dict[OrderKey, dict[str, JoinedRow]] = {}
    for page in pages:
        for row in page.rows:
            order = row.order
            known = joined.get(order)
            if known is None:
                joined[order] = JoinedRow(row, page)
                continue
            if known.disagree or _differ(known.row.subject, row.subject):
                joined[order] = attrs.evolve(known, disagree=True)
                continue
            found = parts.setdefault(order, {known.row.part: known})
            same = found.get(row.part)
            if same is None or row.quantity >= same.row.quantity:
                found[row.part] = JoinedRow(row, page)
            joined[order] = _joined(found)
        yield


def _joined(found: dict[str, JoinedRow]) -> JoinedRow:
    """Put the rows of one order together, one of each venue."""
    whole = [one for part, one in found.items() if part in _WHOLE]
    split = [one for part, one in found.items() if part not in _WHOLE]
    largest = max(found.values(), key=lambda one: one.row.quantity)
    if len(split) <= 1:
        return largest
    quantity = sum(one.row.quantity for one in split)
    if whole and largest in whole and largest.row.quantity >= quantity:
        return largest
    return JoinedRow(
        SnapshotRow(
            order=largest.row.order,
            quantity=quantity,
            amount=sum(one.row.amount for one in split),
            finished=all(one.row.finished for one in split),
            subject=largest.row.subject,
            payload=largest.row.payload,
        ),
        Page(
            asked_at=min(one.page.asked_at for one in split),
            answered_at=max(one.page.answered_at for one in split),
            answered_wall=max(one.page.answered_wall for one in split),
            rows=(),
        ),
        parts=frozenset(one.row.part for one in split),
    )


def _differ(left: tuple[object, ...], right: tuple[object, ...]) -> bool:
    """Whether the two name different things; what is not said is no difference."""
    return any(one and other and one != other for one, other in zip(left, right, strict=False))
