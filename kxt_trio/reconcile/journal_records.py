"""What a journal keeps: records in plain words, and their form in a table.

A record is what the ledger answered, flattened, and the event that goes to the user.  A
journal can be read without the ledger: by a person, by SQL, by another program.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from kxt_trio.errors import KXTJournalError, KXTValidationError
from kxt_trio.models import AnyEvent, FillEvent, FillNotificationEvent

from .account_tags import concealed_json, revealed_event

__all__ = ["COLUMNS", "JournalRecord", "Plain", "Values"]

#: What a record's fields are made of.
Plain: TypeAlias = str | int | float | bool | None

#: A record as a row of the table: :data:`COLUMNS` without the number and the seal.
Values: TypeAlias = tuple[str | int | float | None, ...]

#: The columns that a record fills, in order.
COLUMNS: tuple[str, ...] = (
    "kind",
    "environment",
    "account",
    "trade_date",
    "number",
    "origin",
    "quantity",
    "amount",
    "start",
    "end",
    "revision",
    "earliest",
    "latest",
    "received_wall",
    "symbol",
    "side",
    "fill_id",
    "event",
    "detail",
)
_NOT_PLAIN = {"symbol", "side", "fill_id", "event", "detail"}
_LEDGERS = tuple(name for name in COLUMNS if name not in _NOT_PLAIN)
# A row is sealed as it will be read: what is a float there is no integer here, and a zero
# has no sign.
_TIMES = ("earliest", "latest", "received_wall")


@attrs.frozen(kw_only=True)
class JournalRecord:
    """One thing that changed what is counted.

    Attributes:
        kind: What it is, such as ``"deliver"``.
        trade_date: The order's date in Korea.
        environment: Which of the broker's worlds.
        account: The account's tag, never its number.
        number: The order.
        origin: ``"live"`` or ``"recovered"``.
        quantity: Shares; below zero in a correction of too many.
        amount: Won.
        start: Shares of the order counted before.
        end: Shares of the order counted with it.
        revision: Corrections of the order so far.
        earliest: Executed at this wall time or later, seconds since the epoch.
        latest: Executed at this wall time or earlier.
        received_wall: When it became known.
        fill_id: Identity of a fill or a correction; no two records have the same.
        detail: What else the ledger needs to go on.
        event: What the user gets; None for what concerns the ledger alone.
        row: Its number in the journal, from 1 without a gap; 0 before it is in one.
    """

    kind: str
    trade_date: date
    environment: str | None = None
    account: str | None = None
    number: str | None = None
    origin: str | None = None
    quantity: int | None = None
    amount: int | Decimal | None = None
    start: int | None = None
    end: int | None = None
    revision: int | None = None
    earliest: float | None = None
    latest: float | None = None
    received_wall: float | None = None
    fill_id: str | None = None
    detail: Mapping[str, Plain] = attrs.field(factory=dict[str, Plain])
    event: AnyEvent | None = attrs.field(default=None, repr=False)
    row: int = 0

    @classmethod
    def from_plain(
        cls,
        plain: Mapping[str, Any],
        *,
        fill_id: str | None = None,
        event: AnyEvent | None = None,
    ) -> JournalRecord:
        """Make one of the ledger's flat mapping; a name that has no column is a detail."""
        columns: dict[str, Any] = {name: plain.get(name) for name in _LEDGERS}
        columns["trade_date"] = date.fromisoformat(plain["trade_date"])
        columns["amount"] = _exact(plain.get("amount"))
        detail = {name: field for name, field in plain.items() if name not in _LEDGERS}
        return cls(**columns, detail=detail, fill_id=fill_id, event=event)

    def to_plain(self) -> dict[str, Any]:
        """Return the ledger's flat mapping; a name that it did not have is None."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in _LEDGERS}
        plain["trade_date"] = self.trade_date.isoformat()
        plain["amount"] = _stored(self.amount)
        return {**plain, **self.detail}

    def to_values(self) -> Values:
        """Return it as a row, the account concealed.

        Raises:
            KXTValidationError: it has an event and no account tag to put into it.
        """
        traded = _trade(self.event)
        by_name: dict[str, Any] = {
            **self.to_plain(),
            "symbol": None if traded is None else traded.instrument.symbol,
            "side": None if traded is None or traded.side is None else str(traded.side),
            "fill_id": self.fill_id,
            "event": self._event_text(),
            "detail": json.dumps(dict(self.detail), separators=(",", ":")),
        }
        for name in _TIMES:
            by_name[name] = None if by_name[name] is None else float(by_name[name]) + 0.0
        return tuple(by_name[name] for name in COLUMNS)

    @classmethod
    def from_values(
        cls, row: int, values: Values, accounts: Mapping[str, str] | None
    ) -> JournalRecord:
        """Return the record of a row.

        Args:
            row: Its number.
            values: As of :meth:`to_values`.
            accounts: Account numbers by tag; an event of another keeps the tag.  None to
                leave the events out.

        Raises:
            KXTJournalError: the values are not those of a record.
        """
        by_name: dict[str, Any] = dict(zip(COLUMNS, values, strict=True))
        text = by_name["event"]
        try:
            plain = {name: by_name[name] for name in _LEDGERS} | json.loads(by_name["detail"])
            event = None
            if text is not None and accounts is not None:
                event = revealed_event(text, accounts.get(by_name["account"]))
            record = cls.from_plain(plain, fill_id=by_name["fill_id"], event=event)
        except (ValueError, TypeError, ArithmeticError) as exc:
            raise KXTJournalError(f"journal row {row} cannot be read") from exc
        return attrs.evolve(record, row=row)

    def _event_text(self) -> str | None:
        if self.event is None:
            return None
        if self.account is None:
            raise KXTValidationError("a record with an event needs the account's tag")
        return concealed_json(self.event, self.account)


def _trade(event: AnyEvent | None) -> FillEvent | None:
    if isinstance(event, FillNotificationEvent):
        return event.fill
    return event if isinstance(event, FillEvent) else None


def _exact(amount: int | str | None) -> int | Decimal | None:
    return Decimal(amount) if isinstance(amount, str) else amount


def _stored(amount: int | Decimal | None) -> int | str | None:
    return str(amount) if isinstance(amount, Decimal) else amount
