"""``journal``: whether the file is whole, and what is in it."""

from __future__ import annotations

import csv
import io
import json
import signal
import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import trio

from kxt_trio import (
    KST,
    AccountSummary,
    ExecutionReport,
    FillEvent,
    InstrumentRef,
    KXTJournalError,
    ProviderOrderRef,
)
from kxt_trio.cli.arguments import ExportFormat, ExportOptions, VerifyOptions
from kxt_trio.cli.exits import CommandError, ExitCode, code_of
from kxt_trio.cli.journal import export, verify
from kxt_trio.offload import Inline
from kxt_trio.reconcile.journal import open_journal
from kxt_trio.reconcile.journal_records import JournalRecord

ACCOUNT, TAG = "12345678", "c0ffee00c0de"
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


def record(day, number, start, end, *, kind="deliver", origin="live", amount=None):
    quantity = end - start
    event = FillEvent(
        ExecutionReport(
            None,
            ProviderOrderRef("kis", number, account_id=ACCOUNT),
            datetime(day.year, day.month, day.day, 9, 30, tzinfo=KST),
            Decimal(100),
            Decimal(quantity),
        ),
        InstrumentRef("005930", "삼성전자"),
        account=AccountSummary(ACCOUNT, "01"),
    )
    return JournalRecord(
        kind=kind,
        environment="real",
        account=TAG,
        trade_date=day,
        number=number,
        origin=origin if kind == "deliver" else None,
        quantity=quantity,
        amount=100 * quantity if amount is None else amount,
        start=start if kind != "balance" else None,
        end=end if kind != "balance" else None,
        revision=0,
        fill_id=f"{kind}.{day}.{number}.{start}-{end}" if kind != "balance" else None,
        event=event if kind == "deliver" else None,
    )


RECORDS = [
    JournalRecord(kind="began", trade_date=MONDAY),
    record(MONDAY, "7", 0, 50, kind="balance"),
    record(MONDAY, "7", 50, 60),
    record(MONDAY, "8", 0, 1200, origin="recovered", amount=Decimal("120000.5")),
    record(TUESDAY, "7", 0, 30),
    record(TUESDAY, "7", 30, 25, kind="correct"),
    JournalRecord(kind="verified", trade_date=TUESDAY),
]


@pytest.fixture
async def path(tmp_path) -> Path:
    path = tmp_path / "fills.db"
    async with open_journal(path, offload=Inline) as journal:
        await journal.append(RECORDS)
    return path


def tamper(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def test_a_sound_journal_is_summed_up(path, capfd):
    assert await verify(VerifyOptions(path=path)) is ExitCode.OK
    first, second, blank, *table = capfd.readouterr().out.splitlines()
    assert first == f"{path}: sound"
    assert second == "records 7   orders 3   fills 3"
    assert blank == ""
    assert [line.split() for line in table] == [
        ["day", "orders", "fills", "recovered", "corrections", "shares", "won"],
        ["2026-11-23", "2", "2", "1", "0", "1,210", "121,000.5"],
        ["2026-11-24", "1", "1", "0", "1", "25", "2,500"],
    ]
    assert len({len(line) for line in table}) == 1


async def test_an_empty_journal_is_sound(tmp_path, capfd):
    path = tmp_path / "new.db"
    async with open_journal(path, offload=Inline):
        pass
    await verify(VerifyOptions(path=path))
    assert capfd.readouterr().out == f"{path}: sound\nrecords 0   orders 0   fills 0\n"


UNGUARDED = ("DROP TRIGGER rec_refuses_update", "DROP TRIGGER rec_refuses_delete")


async def test_damage_is_one_line_and_1(path, cli):
    tamper(path, *UNGUARDED, "UPDATE rec SET quantity = 11 WHERE row = 3")
    ended = await cli.run("journal", "verify", str(path))
    assert (ended.code, ended.out) == (1, "")
    (line,) = ended.err.splitlines()
    assert line.startswith(f"kxt-trio: {path} is damaged: ")
    assert line.endswith(" more)")


@pytest.mark.parametrize("damage", ["overwritten", "cut off"])
async def test_a_damaged_file_is_1(damage, path):
    content = path.read_bytes()
    if damage == "overwritten":
        path.write_bytes(content[:5000] + b"\xff" * 8000 + content[13000:])
    else:
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CommandError, match="is damaged: ") as raised:
        await verify(VerifyOptions(path=path))
    assert raised.value.code is ExitCode.FAILURE


async def test_what_is_no_journal_is_6(tmp_path):
    other = tmp_path / "other.db"
    tamper(other, "CREATE TABLE mine (a)")
    for path, words in ((other, "not a journal"), (tmp_path / "absent.db", "cannot be opened")):
        with pytest.raises(KXTJournalError, match=words) as raised:
            await verify(VerifyOptions(path=path))
        assert code_of(raised.value) == 6


def options(path, form, output=None):
    return ExportOptions(path=path, format=form, output=output)


async def test_csv_goes_to_stdout(path, capfd):
    assert await export(options(path, ExportFormat.CSV)) is ExitCode.OK
    out = capfd.readouterr().out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["kind"] for row in rows] == [entry.kind for entry in RECORDS]
    assert {row["account"] for row in rows} == {TAG, ""}
    assert ACCOUNT not in out


@pytest.mark.parametrize("before", [None, "something else"])
async def test_json_lines_go_to_a_file(before, path, tmp_path, capfd):
    output = tmp_path / "out.jsonl"
    if before is not None:
        output.write_text(before)
    await export(options(path, ExportFormat.JSONL, output))
    assert capfd.readouterr() == ("", "")
    text = output.read_text()
    events = [json.loads(line)["event"] for line in text.splitlines()]
    assert [event and event["instrument"]["name"] for event in events].count("삼성전자") == 3
    assert TAG in text
    assert ACCOUNT not in text
    assert sorted(tmp_path.glob("*out*")) == [output]


async def test_a_failed_export_leaves_the_file_as_it_was(path, tmp_path):
    tamper(path, *UNGUARDED, "UPDATE rec SET quantity = 11 WHERE row = 3")
    output = tmp_path / "out.csv"
    output.write_text("before")
    with pytest.raises(KXTJournalError, match="row 3 was altered"):
        await export(options(path, ExportFormat.CSV, output))
    assert output.read_text() == "before"
    assert list(tmp_path.glob("*out*")) == [output]


async def test_the_journal_is_not_overwritten_with_its_export(path):
    before = path.read_bytes()
    with pytest.raises(CommandError, match="the journal itself") as raised:
        await export(options(path, ExportFormat.CSV, path))
    assert raised.value.code is ExitCode.USAGE
    assert path.read_bytes() == before


async def test_an_output_that_cannot_be_written(path, tmp_path):
    output = tmp_path / "no" / "such" / "out.csv"
    with pytest.raises(CommandError, match=r"cannot write .*No such file"):
        await export(options(path, ExportFormat.CSV, output))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has this device")
async def test_a_full_device(path):
    with pytest.raises(CommandError, match="cannot write /dev/full: No space"):
        await export(options(path, ExportFormat.JSONL, Path("/dev/full")))


async def test_a_reader_who_leaves_ends_it_quietly(path, cli):
    async with open_journal(path, offload=Inline) as journal:
        many = [record(TUESDAY, "9", at, at + 1) for at in range(2000)]
        await journal.append(many)
    async with cli.started("journal", "export", str(path), "--jsonl") as process:
        await process.stdout.receive_some(1)
        await process.stdout.aclose()
        assert await process.wait() == 0
        assert await process.stderr.receive_some() == b""


async def test_ctrl_c_while_nobody_reads(path, cli):
    async with open_journal(path, offload=Inline) as journal:
        await journal.append([record(TUESDAY, "9", at, at + 1) for at in range(2000)])
    async with cli.started("journal", "export", str(path), "--jsonl") as process:
        await process.stdout.receive_some(1)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert await process.stderr.receive_some() == b""


async def test_ctrl_c_leaves_no_half_of_a_file_behind(path, cli, tmp_path):
    output = tmp_path / "out" / "fills.csv"
    output.parent.mkdir()
    async with open_journal(path, offload=Inline) as journal:
        await journal.append([record(TUESDAY, "9", at, at + 1) for at in range(2000)])
    cli.prelude = (
        "import time\nfrom kxt_trio.reconcile import journal_check\n"
        "rows = journal_check._rows\n"
        "journal_check._rows = lambda c: (time.sleep(0.1) or row for row in rows(c))"
    )
    async with cli.started(
        "journal", "export", str(path), "--csv", "--output", str(output)
    ) as process:
        with trio.fail_after(20):
            while not list(output.parent.iterdir()):
                await trio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("action", [["verify"], ["export", "--jsonl"]])
async def test_without_an_output(path, cli, action):
    async with open_journal(path, offload=Inline) as journal:
        await journal.append([record(TUESDAY, "9", 0, 1)])
    ended = await trio.run_process(
        ["sh", "-c", 'exec "$@" >&-', "sh", *cli.command, "journal", *action, str(path)],
        env=cli.environment,
        capture_stderr=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == b"kxt-trio: cannot write the output: stdout is closed\n"
