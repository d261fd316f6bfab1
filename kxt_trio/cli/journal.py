"""``kxt-trio journal``: is the file whole, what is in it, and all of it as text."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, TextIO, TypeVar

import attrs
import trio

from kxt_trio import KXTJournalError
from kxt_trio.reconcile.journal_check import export_csv, export_jsonl, verify_journal

from .arguments import ExportFormat, ExportOptions, VerifyOptions
from .exits import CommandError, ExitCode, ReaderGoneError
from .lines import GONE, LineWriter, stdout_descriptor
from .rows import grouped

__all__ = ["export", "verify"]

_T = TypeVar("_T")

_WRITERS = {ExportFormat.CSV: export_csv, ExportFormat.JSONL: export_jsonl}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


async def verify(options: VerifyOptions) -> ExitCode:
    """Check a journal and say what is in it.

    Raises:
        CommandError: it is damaged.
        KXTJournalError: it cannot be opened, or is not a journal.
        ReaderGoneError: nobody reads the output any more.
    """
    contents = await _in_thread(partial(_verify, options.path))
    await LineWriter().write("\n".join(contents.lines(options.path)))
    return ExitCode.OK


async def export(options: ExportOptions) -> ExitCode:
    """Write a journal's records as text.

    Raises:
        CommandError: the output cannot be written.
        KXTJournalError: the journal cannot be opened, is damaged, or is none.
        ReaderGoneError: nobody reads the output any more.
    """
    write = partial(_WRITERS[options.format], options.path)
    if options.output is None:
        await _in_thread(partial(_to_descriptor, write, stdout_descriptor()))
    else:
        await _to_file(write, options.path, options.output)
    return ExitCode.OK


async def _in_thread(function: Callable[[], _T]) -> _T:
    return await trio.to_thread.run_sync(function, abandon_on_cancel=True)


# Verify


def _verify(path: Path) -> _Contents:
    try:
        contents = _Contents()
        report = verify_journal(path)
        if report.sound:
            export_jsonl(path, contents)
            return contents
        first, *others = report.problems
    except KXTJournalError as exc:
        if not _is_damage(exc.__cause__):
            raise
        first, others = str(exc), []
    more = f" (and {len(others)} more)" if others else ""
    raise CommandError(f"{path} is damaged: {first}{more}")


def _is_damage(cause: BaseException | None) -> bool:
    code = getattr(cause, "sqlite_errorcode", None)
    return isinstance(cause, UnicodeDecodeError) or (
        code is not None and code & 0xFF in _DAMAGE
    )


@attrs.define
class _Day:
    """One trade date.  Shares and won are those delivered, corrections included."""

    orders: set[str] = attrs.field(factory=set[str])
    fills: int = 0
    recovered: int = 0
    corrections: int = 0
    shares: Decimal = Decimal(0)
    won: Decimal = Decimal(0)

    def take(self, record: dict[str, Any]) -> None:
        """Count a record."""
        if record["kind"] == "deliver":
            self.fills += 1
            self.recovered += record["origin"] == "recovered"
        elif record["kind"] == "correct":
            self.corrections += 1
        else:  # what the broker had before, and what was found to agree
            return
        self.orders.add(record["number"])
        self.shares += record["quantity"]
        self.won += Decimal(record["amount"])


class _Contents(io.StringIO):
    """What is in a journal: takes its export, record by record, and keeps the sums."""

    def __init__(self) -> None:
        super().__init__()
        self.records = 0
        self.days: dict[str, _Day] = {}

    def write(self, line: str) -> int:
        """Count the record of a line."""
        record = json.loads(line)
        self.records += 1
        self.days.setdefault(record["trade_date"], _Day()).take(record)
        return len(line)

    def lines(self, path: Path) -> Iterator[str]:
        """Yield it for people."""
        days = self.days.values()
        orders = sum(len(day.orders) for day in days)
        fills = sum(day.fills for day in days)
        yield f"{path}: sound"
        yield f"records {self.records:,}   orders {orders:,}   fills {fills:,}"
        if orders:
            yield ""
            yield _line("day", "orders", "fills", "recovered", "corrections", "shares", "won")
        for date, day in sorted(self.days.items()):
            if day.orders:
                counts = (len(day.orders), day.fills, day.recovered, day.corrections)
                yield _line(
                    date,
                    *(f"{count:,}" for count in counts),
                    grouped(day.shares),
                    grouped(day.won),
                )


def _line(day: str, *figures: str) -> str:
    widths = (8, 8, 11, 13, 11, 17)
    return f"{day:<10}" + "".join(
        f"{figure:>{width}}" for figure, width in zip(figures, widths, strict=True)
    )


# Export


def _to_descriptor(write: Callable[[TextIO], int], descriptor: int) -> None:
    try:
        with open(descriptor, "w", encoding="utf-8", newline="", closefd=False) as out:
            write(out)
    except OSError as exc:
        if exc.errno in GONE:
            raise ReaderGoneError from None
        raise CommandError(f"cannot write the output: {exc.strerror}") from exc


async def _to_file(write: Callable[[TextIO], int], journal: Path, output: Path) -> None:
    """Write a file as a whole or not at all; what is no plain file is written into."""
    try:
        if output.exists() and journal.exists() and output.samefile(journal):
            raise CommandError("--output is the journal itself", ExitCode.USAGE)
        if output.exists() and not output.is_file():
            await _in_thread(partial(_write_to, output, write))
        else:
            await _replace(write, output)
    except OSError as exc:
        raise CommandError(f"cannot write {output}: {exc.strerror}") from exc


async def _replace(write: Callable[[TextIO], int], output: Path) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    draft = Path(name)

    def fill_draft() -> None:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
            write(out)
        draft.replace(output)

    try:
        await _in_thread(fill_draft)
    finally:  # also when Ctrl-C leaves the thread to itself
        draft.unlink(missing_ok=True)


def _write_to(output: Path, write: Callable[[TextIO], int]) -> None:
    with output.open("w", encoding="utf-8", newline="") as out:
        write(out)
