"""The command line as typed options."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TypeAlias

import attrs

from kxt_trio import __version__

__all__ = [
    "DemoOptions",
    "DoctorOptions",
    "ExportFormat",
    "ExportOptions",
    "Feed",
    "ListenOptions",
    "Options",
    "SettingsOptions",
    "SimulateOptions",
    "VerifyOptions",
    "build_parser",
    "read_options",
]

_DESCRIPTION = "Order fills of a Korea Investment & Securities (KIS) account, as they happen."

_EPILOG = """\
settings (environment, or the file given with --env-file):
  KIS_APP_KEY, KIS_APP_SECRET   the pair of keys of the account
  KIS_HTS_ID                    the ID you log in to HTS or MTS with
  KIS_ACCOUNT_NO                12345678 or 12345678-01; only its notices are shown, and
                                its fills are held against the broker's totals
  KIS_ACCOUNT_PRODUCT_CODE      01, where KIS_ACCOUNT_NO does not carry it
  KIS_ENV                       real (the default) or paper
  KIS_REST_URL, KIS_WEBSOCKET_URL
                                other addresses than the broker's own; both or neither

exit codes:
  0    done, or whoever read the output has left
  1    failed: the demo's totals differ, the clock is wrong, the output cannot be
       written, the port is taken, a journal that was to be verified is damaged
  2    the command line makes no sense
  3    a setting is missing or cannot be used
  4    the broker refused the keys, the HTS ID or a second session
  5    the broker cannot be reached or understood
  6    the journal cannot be used: absent, damaged, in use, the disk full
  130  ended by Ctrl-C (143: by kill)
"""

_KEYS_NOTE = "Keys come from the environment or a file, never from the command line."
_MAX_PORT = 65535
_FASTEST = 20
_CONSUMER = "default"


class Feed(Enum):
    """What to listen to."""

    FILLS = "fills"
    EVENTS = "events"


@attrs.frozen(kw_only=True)
class DemoOptions:
    """``kxt-trio demo``."""

    orders: int
    speed: float
    json: bool


@attrs.frozen(kw_only=True)
class SettingsOptions:
    """Where the settings come from, and what beats them."""

    env_file: Path | None
    paper: bool
    rest: str | None
    websocket: str | None


@attrs.frozen(kw_only=True)
class ListenOptions:
    """``kxt-trio fills`` and ``kxt-trio events``."""

    feed: Feed
    settings: SettingsOptions
    json: bool
    take: int | None
    reconcile: bool = True
    replay_today: bool = False
    journal: Path | None = None
    consumer: str = _CONSUMER


@attrs.frozen(kw_only=True)
class SimulateOptions:
    """``kxt-trio simulate``.  ``rate`` is fills per second."""

    port: int
    paper: bool
    rate: float
    seed: int | None


@attrs.frozen(kw_only=True)
class DoctorOptions:
    """``kxt-trio doctor``."""

    settings: SettingsOptions


class ExportFormat(Enum):
    """How records are written."""

    CSV = "csv"
    JSONL = "jsonl"


@attrs.frozen(kw_only=True)
class VerifyOptions:
    """``kxt-trio journal verify``."""

    path: Path


@attrs.frozen(kw_only=True)
class ExportOptions:
    """``kxt-trio journal export``.  Without ``output`` to stdout."""

    path: Path
    format: ExportFormat
    output: Path | None


#: One command and what it was asked.
Options: TypeAlias = (
    DemoOptions
    | ListenOptions
    | SimulateOptions
    | DoctorOptions
    | VerifyOptions
    | ExportOptions
)


def read_options(argv: Sequence[str] | None) -> Options | None:
    """Return what was asked for, None where no command was named.

    Raises:
        SystemExit: with 0 after ``--help`` and ``--version``, with 2 for a command line
            that makes no sense.
    """
    parser = build_parser()
    given = parser.parse_args(argv)
    match given.command:
        case None:
            return None
        case "demo":
            return DemoOptions(orders=given.orders, speed=given.speed, json=given.json)
        case "simulate":
            return SimulateOptions(
                port=given.port, paper=given.paper, rate=given.rate, seed=given.seed
            )
        case "doctor":
            return DoctorOptions(settings=_settings(given))
        case "journal" if given.action == "verify":
            return VerifyOptions(path=given.path)
        case "journal":
            return ExportOptions(path=given.path, format=given.format, output=given.output)
        case feed:
            return _listen_options(parser, Feed(feed), given)


def _listen_options(
    parser: argparse.ArgumentParser, feed: Feed, given: argparse.Namespace
) -> ListenOptions:
    for wanted in ("journal", "replay_today"):
        if given.no_reconcile and getattr(given, wanted):
            parser.error(f"--{wanted.replace('_', '-')} and --no-reconcile exclude each other")
    consumer = getattr(given, "consumer", None)
    if consumer is not None and given.journal is None:
        parser.error("--consumer needs --journal")
    return ListenOptions(
        feed=feed,
        settings=_settings(given),
        json=given.json,
        take=given.take,
        reconcile=not given.no_reconcile,
        replay_today=given.replay_today,
        journal=given.journal,
        consumer=consumer or _CONSUMER,
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="kxt-trio",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kxt-trio {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, (fill_in, summary, description) in _COMMANDS.items():
        fill_in(commands.add_parser(name, help=summary, description=description))
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--orders", type=_count, default=3, metavar="N", help="orders to place (default: 3)"
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help=f"2 is twice as fast; at most {_FASTEST}",
    )
    parser.add_argument(
        "--json", action="store_true", help="the fills and a summary as JSON lines"
    )


def _add_fills(parser: argparse.ArgumentParser) -> None:
    _add_listen(parser)
    parser.add_argument(
        "--consumer",
        type=_name,
        metavar="NAME",
        help="who reads the journal: each goes on where it was (default: default)",
    )


def _add_listen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON lines on a terminal, too")
    parser.add_argument(
        "--take", type=_count, metavar="N", help="end after N of them, with exit code 0"
    )
    parser.add_argument(
        "--journal",
        type=Path,
        metavar="PATH",
        help="record every fill in this file before it is shown, and go on from there; "
        "made if need be",
    )
    parser.add_argument(
        "--replay-today",
        action="store_true",
        help="begin with what was filled earlier today, one recovered fill an order; not "
        "for a journal that knows the day",
    )
    parser.add_argument(
        "--no-reconcile",
        action="store_true",
        help="notices only: what the broker's totals have beyond them is not looked for",
    )
    _add_settings(parser)


def _add_simulate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=_port, default=0, metavar="N", help="TCP port (default: a free one)"
    )
    parser.add_argument("--paper", action="store_true", help="be the paper trading side")
    parser.add_argument(
        "--rate", type=_positive, default=1.0, metavar="R", help="fills per second (default: 1)"
    )
    parser.add_argument("--seed", type=int, metavar="S", help="the same orders every time")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--env-file",
        type=Path,
        metavar="FILE",
        help="take the settings from KEY=VALUE lines, and none from the environment",
    )
    parser.add_argument("--paper", action="store_true", help="paper trading, as KIS_ENV=paper")
    parser.add_argument("--endpoint-rest", metavar="URL", help="instead of KIS_REST_URL")
    parser.add_argument(
        "--endpoint-websocket", metavar="URL", help="instead of KIS_WEBSOCKET_URL"
    )


def _add_journal(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify",
        help="check that a journal is whole",
        description="Check a journal, in use or not: that SQLite finds no fault, that every "
        "record is as it was written and none is missing, that the fills of every order "
        "join end to start.  Then say what is in it.",
    )
    export = actions.add_parser(
        "export",
        help="write a journal's records as text",
        description="Write the records of a journal, in use or not, oldest first.  Accounts "
        "appear as tags.",
    )
    for action in (verify, export):
        action.add_argument("path", type=Path, metavar="PATH", help="the journal")
    formats = export.add_mutually_exclusive_group(required=True)
    for kind, content in (
        (ExportFormat.CSV, "a line for each record, without the events themselves"),
        (ExportFormat.JSONL, "a JSON object for each record, with everything"),
    ):
        formats.add_argument(
            f"--{kind.value}", dest="format", action="store_const", const=kind, help=content
        )
    export.add_argument(
        "--output", type=Path, metavar="FILE", help="write there instead of to stdout"
    )


_LISTENED = "a live table on a terminal, JSON lines where the output is piped"

#: What fills in each command's parser, its line in the list of commands, and its help.
_COMMANDS: Mapping[str, tuple[Callable[[argparse.ArgumentParser], None], str, str]] = {
    "demo": (
        _add_demo,
        "watch it work in fifteen seconds; no keys needed",
        "Start a stand-in broker on this machine, fill a few orders, cut the link, fill on, "
        "mend it, lose a notice; then hold what the broker filled against what arrived.",
    ),
    Feed.FILLS.value: (
        _add_fills,
        "show every fill of your account as it happens",
        f"Show every fill of your account as it happens: {_LISTENED}.  {_KEYS_NOTE}",
    ),
    Feed.EVENTS.value: (
        _add_listen,
        "show everything that happens to your orders",
        f"Show everything that happens to your orders: {_LISTENED}.  {_KEYS_NOTE}",
    ),
    "simulate": (
        _add_simulate,
        "run the stand-in broker for other programs on this machine",
        "Run the stand-in broker on the loopback interface, with random orders that are "
        "filled bit by bit.  The settings to reach it go to stdout, what it does to stderr.",
    ),
    "doctor": (
        _add_settings,
        "check the settings, the clock and the broker's answers, one by one",
        f"Check one thing after the other and say what to do.  {_KEYS_NOTE}  Takes the app "
        "key's only session for a moment: stop other programs that use it.",
    ),
    "journal": (
        _add_journal,
        "look into the file that --journal writes",
        "Check a journal, or write its records as text.",
    ),
}


def _settings(given: argparse.Namespace) -> SettingsOptions:
    return SettingsOptions(
        env_file=given.env_file,
        paper=given.paper,
        rest=given.endpoint_rest,
        websocket=given.endpoint_websocket,
    )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError("must be a whole number, 1 or more")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _MAX_PORT):
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {_MAX_PORT}")
    return int(text)


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be blank")
    return text


def _speed(text: str) -> float:
    value = _positive(text)
    if value > _FASTEST:
        raise argparse.ArgumentTypeError(f"must be at most {_FASTEST}")
    return value


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("must be a number above 0")
    return value
