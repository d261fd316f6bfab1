"""The tables of docs/ are the library's: nothing is missing, nothing is made up."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal

import attrs

import kxt_trio
from kxt_trio import (
    KXTAPIError,
    KXTError,
    KXTTimeoutError,
    OrderAcceptedEvent,
    Reconciliation,
    StreamPolicy,
    StreamState,
)
from kxt_trio.cli.arguments import build_parser
from kxt_trio.cli.exits import ExitCode
from kxt_trio.protocol.control import Reply
from kxt_trio.protocol.refusals import MESSAGE_CODES, Advice, refusal_error
from kxt_trio.testing import FakeKIS, Layout

from .pages import DOCS, PAGES, ROOT, TEXTS, table_rows


def test_the_table_of_codes_is_the_librarys():
    rows = {row[0]: row for row in table_rows(PAGES["errors.rst"]) if row[0].startswith("OPSP")}
    assert list(rows) == sorted(MESSAGE_CODES)
    doings = {
        Advice.OK: "goes on",
        Advice.RETRY: "connects again, backing off",
        Advice.FATAL: "gives up",
        Advice.UNKNOWN: "gives up after three tries",
        Advice.RENEW_KEY: "gets a new approval key, at once; gives up after three tries",
        Advice.WAIT: "waits long, longer each time; gives up after six waits",
    }
    for code, (advice, _) in MESSAGE_CODES.items():
        error = refusal_error(Reply(None, None, "1", code, ""), "H0STCNI0")
        raised = "" if advice in (Advice.OK, Advice.RETRY) else type(error).__name__
        assert rows[code][2:] == [doings[advice], raised], code


def test_every_error_has_its_advice():
    advised = set(re.findall(r"\* - :exc:`~kxt_trio\.(\w+)`", PAGES["errors.rst"]))
    assert advised | {"KXTError"} == set(kxt_trio.errors.__all__)
    assert all(issubclass(getattr(kxt_trio, name), KXTError) for name in advised)
    assert {KXTTimeoutError.__name__, KXTAPIError.__name__} < advised


def test_the_table_of_settings_is_the_policys():
    rows = {row[0].strip("`"): row for row in table_rows(PAGES["streams.rst"])}
    for field in attrs.fields(StreamPolicy):
        assert Decimal(rows[field.name][1]) == Decimal(str(field.default)), field.name


def test_the_table_of_reconciliation_is_the_librarys():
    rows = {row[0].strip("`"): row for row in table_rows(PAGES["reconciliation.rst"])}
    for field in attrs.fields(Reconciliation):
        shown = rows[field.name][1].strip('"')
        default = f"{field.default:g}" if type(field.default) is float else field.default
        assert shown == str(default), field.name


def test_every_state_is_explained_and_drawn():
    rows = {row[0].strip("`") for row in table_rows(PAGES["streams.rst"])}
    drawing = (DOCS / "_static" / "states.svg").read_text(encoding="utf-8")
    for state in StreamState:
        assert state.name in rows
        assert f">{state.name}</text>" in drawing


def test_the_exit_codes_are_the_programs():
    rows = [row[0] for row in table_rows(PAGES["cli.rst"])]
    codes = [int(cell) for cell in rows if cell.isdigit()]
    assert codes == list(ExitCode)


def test_every_command_and_option_is_on_its_page():
    parser = build_parser()
    (commands_action,) = (
        action for action in parser._actions if isinstance(action.choices, dict)
    )
    page = PAGES["cli.rst"]
    for name, command in commands_action.choices.items():
        assert f"kxt-trio {name}" in page
        for action in actions_below(command):
            for option in action.option_strings:
                assert option in ("-h", "--help") or f"``{option}" in page, (name, option)


def actions_below(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action.choices, dict):
            for inner in action.choices.values():
                yield from actions_below(inner)


def test_the_fields_that_order_events_share_are_all_listed():
    rows = {row[0].strip("`") for row in table_rows(PAGES["reference.rst"])}
    assert rows == {field.name for field in attrs.fields(OrderAcceptedEvent)}


def test_what_the_broker_of_the_testing_page_can_do_exists():
    verbs = set()
    for row in table_rows(PAGES["testing.rst"]):
        verbs |= set(re.findall(r"``(\w+)", row[0]))
    kis = FakeKIS()
    assert sorted(verb for verb in verbs if not hasattr(kis, verb)) == []
    public = {name for name in dir(kis) if not name.startswith("_")}
    doors = {"respond", "serve_websocket", "credentials", "endpoints", "network", "now"}
    slow = {"rest_latency", "rest_up", "free_session"}
    assert public - doors - slow == verbs
    assert all(f"``{layout.value}``" in PAGES["testing.rst"] for layout in Layout)


def test_every_dependency_has_its_reason():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    declared = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
        *(
            line
            for group in pyproject["dependency-groups"].values()
            for line in group
            if isinstance(line, str)
        ),
    ]
    names = {re.match(r"[\w-]+", line)[0] for line in declared}
    rows = {row[0] for row in table_rows(PAGES["design.rst"])}
    assert names <= rows


def test_the_history_begins_with_this_version():
    versions = re.findall(r"^(\d+\.\d+\.\d+)\n-+$", PAGES["history.rst"], re.MULTILINE)
    assert versions[0] == kxt_trio.__version__


def test_paths_named_in_the_pages_exist():
    for page, text in TEXTS.items():
        for path in re.findall(r"``((?:tests|docs|kxt_trio)/[\w./]+)``", text):
            assert (ROOT / path).exists(), (page, path)
