"""What the command line means."""

from __future__ import annotations

from pathlib import Path

import pytest

import kxt_trio
from kxt_trio.cli import main
from kxt_trio.cli.arguments import (
    DemoOptions,
    DoctorOptions,
    ExportFormat,
    ExportOptions,
    Feed,
    ListenOptions,
    SettingsOptions,
    SimulateOptions,
    VerifyOptions,
    read_options,
)

NOTHING_GIVEN = SettingsOptions(env_file=None, paper=False, rest=None, websocket=None)


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("demo", DemoOptions(orders=3, speed=1.0, json=False)),
        (
            "demo --orders 7 --speed 2.5 --json",
            DemoOptions(orders=7, speed=2.5, json=True),
        ),
        (
            "fills",
            ListenOptions(feed=Feed.FILLS, settings=NOTHING_GIVEN, json=False, take=None),
        ),
        (
            "events --json --take 2 --paper --env-file kis.env --endpoint-rest http://a "
            "--endpoint-websocket ws://b",
            ListenOptions(
                feed=Feed.EVENTS,
                settings=SettingsOptions(
                    env_file=Path("kis.env"), paper=True, rest="http://a", websocket="ws://b"
                ),
                json=True,
                take=2,
            ),
        ),
        (
            "fills --journal fills.db --consumer books --replay-today",
            ListenOptions(
                feed=Feed.FILLS,
                settings=NOTHING_GIVEN,
                json=False,
                take=None,
                reconcile=True,
                replay_today=True,
                journal=Path("fills.db"),
                consumer="books",
            ),
        ),
        (
            "events --no-reconcile",
            ListenOptions(
                feed=Feed.EVENTS,
                settings=NOTHING_GIVEN,
                json=False,
                take=None,
                reconcile=False,
            ),
        ),
        ("journal verify fills.db", VerifyOptions(path=Path("fills.db"))),
        (
            "journal export fills.db --csv",
            ExportOptions(path=Path("fills.db"), format=ExportFormat.CSV, output=None),
        ),
        (
            "journal export --jsonl --output out.jsonl fills.db",
            ExportOptions(
                path=Path("fills.db"), format=ExportFormat.JSONL, output=Path("out.jsonl")
            ),
        ),
        ("simulate", SimulateOptions(port=0, paper=False, rate=1.0, seed=None)),
        (
            "simulate --port 8080 --paper --rate 20 --seed 7",
            SimulateOptions(port=8080, paper=True, rate=20.0, seed=7),
        ),
        ("doctor", DoctorOptions(settings=NOTHING_GIVEN)),
    ],
)
def test_a_command_line_becomes_options(line, options):
    assert read_options(line.split()) == options


@pytest.mark.parametrize(
    "line",
    [
        "trade",
        "fills extra",
        "fills --take 0",
        "fills --take -1",
        "fills --take many",
        "fills --app-secret abc",
        "fills --consumer books",
        "fills --journal fills.db --consumer=",
        "fills --journal fills.db --no-reconcile",
        "events --replay-today --no-reconcile",
        "events --journal fills.db --consumer books",
        "journal",
        "journal verify",
        "journal repair fills.db",
        "journal export fills.db",
        "journal export fills.db --csv --jsonl",
        "demo --orders 0",
        "demo --speed 0",
        "demo --speed nan",
        "demo --speed inf",
        "demo --speed fast",
        "demo --speed 21",
        "simulate --port 65536",
        "simulate --port -1",
        "simulate --rate -1",
        "simulate --seed x",
    ],
)
def test_a_senseless_command_line_exits_with_2_and_says_so(line, capsys):
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert "kxt-trio" in capsys.readouterr().err


def test_no_command_shows_the_help_and_is_wrong(capsys):
    assert main([]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    for command in ("demo", "fills", "events", "simulate", "doctor", "journal"):
        assert command in shown.err


def test_help_documents_settings_and_exit_codes(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for name in ("KIS_APP_KEY", "KIS_APP_SECRET", "KIS_HTS_ID", "KIS_ENV", "KIS_REST_URL"):
        assert name in text
    for code in ("0  ", "1  ", "2  ", "3  ", "4  ", "5  ", "6  ", "130"):
        assert f"\n  {code}" in text


@pytest.mark.parametrize(
    "command", ["demo", "fills", "events", "simulate", "doctor", "journal", "journal verify"]
)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: kxt-trio {command}")


def test_no_flag_takes_a_secret(capsys):
    for command in ("fills", "events", "doctor"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    text = capsys.readouterr().out.lower()
    assert "--app" not in text
    assert "--secret" not in text
    assert "--hts" not in text


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"kxt-trio {kxt_trio.__version__}\n"
