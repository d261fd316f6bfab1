"""What is to be delivered once it is on disk: commit comes before delivery.

What comes in while a commit is under way is committed together next time, but no more
than a bound at once: a commit that takes in whatever an endless feed brings never ends.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import attrs
import trio

from kxt_trio.models import FillEvent

from .delivery import Audited, Emit
from .findings import Correct, Deliver, Record, Verified
from .journal_records import JournalRecord, Values
from .records import from_plain, to_plain

if TYPE_CHECKING:
    from .journal import Journal

__all__ = ["Outbox", "Parcel"]

#: Recorded at once.
_MOST = 256
#: The broker's inquiry goes back three months; what is older cannot be asked about.
_REACH = timedelta(days=90)


@attrs.define(eq=False, repr=False)
class Parcel:
    """What is to be recorded and what is to be delivered then; either may be missing.

    Attributes:
        then: Called after the delivery.
    """

    record: Record | None
    event: Audited | None
    then: Callable[[], None] | None = None

    def to_values(self) -> Values:
        """Return the record as a row of the journal.

        Raises:
            KXTValidationError: it has an event and no account tag to put into it.
        """
        record, event = self.record, self.event
        assert record is not None
        if isinstance(record, Deliver) and isinstance(event, FillEvent):
            return _delivered(record, event)
        identity = None
        if isinstance(record, Deliver):
            identity = record.fill_id
        elif isinstance(record, Correct):
            identity = record.correction_id
        return JournalRecord.from_plain(
            to_plain(record), fill_id=identity, event=event
        ).to_values()


class Outbox:
    """Records parcels and delivers them, in order: a :class:`~.delivery.Delivery`.

    Args:
        journal: Records.
        emit: Delivers.
    """

    def __init__(self, journal: Journal, emit: Emit) -> None:
        self._journal = journal
        self._emit = emit
        self._parcels: deque[Parcel] = deque()
        self._posted = trio.Event()

    async def load(self, today: date) -> Sequence[Record]:
        """See :class:`~.delivery.Delivery`; days that are settled are left out."""
        since = max(await self._journal.settled_day(), today - _REACH)
        records = await self._journal.load(_record, since=since)
        if not any(isinstance(record, Verified) for record in records):
            records = await self._journal.load(_record)  # else it would look like a first start
        return records

    def put(self, record: Record | None, event: Audited | None) -> None:
        """See :class:`~.delivery.Delivery`."""
        self._post(Parcel(record, event))

    def call_after(self, function: Callable[[], None]) -> None:
        """See :class:`~.delivery.Delivery`; the records are on disk then."""
        self._post(Parcel(None, None, function))

    def start_in(self, nursery: trio.Nursery) -> None:
        """See :class:`~.delivery.Delivery`."""
        nursery.start_soon(self.run, name="kxt_trio journal")
        nursery.start_soon(self._journal.keep_cursors, name="kxt_trio cursors")
        nursery.start_soon(self._journal.keep_log_short, name="kxt_trio journal log")

    async def run(self) -> None:
        """Record and deliver until cancelled.

        Raises:
            KXTJournalError: nothing more can be recorded; what is not, is not delivered.
        """
        while True:
            await self._posted.wait()
            parcels = list(islice(self._parcels, _MOST))
            rows = iter(
                await self._journal.append([p for p in parcels if p.record is not None])
            )
            for parcel in parcels:
                self._parcels.popleft()
                row = None if parcel.record is None else next(rows)
                if parcel.event is not None:
                    self._emit(parcel.event, row)
                if parcel.then is not None:
                    parcel.then()
            if not self._parcels:
                self._posted = trio.Event()

    def _post(self, parcel: Parcel) -> None:
        self._parcels.append(parcel)
        if len(self._parcels) == 1:
            self._posted.set()


def _record(entry: JournalRecord) -> Record:
    return from_plain(entry.to_plain())


_event_json = json.JSONEncoder(ensure_ascii=False).encode


def _delivered(record: Deliver, fill: FillEvent) -> Values:
    """The row of a fill, written out: nearly every record is one.

    The same as by way of :class:`~kxt_trio.reconcile.journal_records.JournalRecord`, in a
    quarter of the time.
    """
    order, amount, fence = record.order, record.amount, record.fence
    provisional = "true" if record.provisional else "false"
    return (
        "deliver",
        order.environment,
        order.account,
        order.trade_date.isoformat(),
        order.number,
        record.origin.value,
        record.quantity,
        amount if isinstance(amount, int) else str(amount),
        record.start,
        record.end,
        record.revision,
        float(record.earliest),
        float(record.latest),
        float(record.received_wall),
        fill.instrument.symbol,
        None if fill.side is None else str(fill.side),
        record.fill_id,
        _event_json(_concealed(fill, order.account)),
        f'{{"provisional":{provisional},"fence":{"null" if fence is None else fence}}}',
    )


def _concealed(fill: FillEvent, tag: str) -> dict[str, object]:
    """The fill as JSON's own types, the account's tag in its number's place."""
    report, instrument, account = fill.report, fill.instrument, fill.account
    order, between = report.order_ref, fill.executed_between
    return {
        "report": {
            "execution_id": report.execution_id,
            "order_ref": {
                "provider": order.provider,
                "order_id": order.order_id,
                "original_order_id": order.original_order_id,
                "account_id": None if order.account_id is None else tag,
            },
            "occurred_at": report.occurred_at.isoformat(),
            "price": str(report.price),
            "quantity": str(report.quantity),
        },
        "instrument": {"symbol": instrument.symbol, "name": instrument.name},
        "side": fill.side,
        "order_quantity": None if fill.order_quantity is None else str(fill.order_quantity),
        "order_price": None if fill.order_price is None else str(fill.order_price),
        "venue": fill.venue,
        "account": None
        if account is None
        else {"account_id": tag, "product_code": account.product_code},
        "origin": fill.origin,
        "executed_between": None
        if between is None
        else [moment.isoformat() for moment in between],
        "exact_amount": None if fill.exact_amount is None else str(fill.exact_amount),
        "fill_id": fill.fill_id,
        "cumulative_quantity": None
        if fill.cumulative_quantity is None
        else str(fill.cumulative_quantity),
        "received_at": None if fill.received_at is None else fill.received_at.isoformat(),
        "raw": fill.raw,
        "type": "FillEvent",
    }
