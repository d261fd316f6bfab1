"""Exit codes, and the one line on stderr."""

from __future__ import annotations

import pytest
import trio

import kxt_trio.cli
from kxt_trio import (
    KXTAPIError,
    KXTAuthenticationError,
    KXTConnectionError,
    KXTError,
    KXTJournalError,
    KXTJournalInUseError,
    KXTProtocolError,
    KXTSessionInUseError,
    KXTSlowConsumerError,
    KXTSubscriptionError,
    KXTTimeoutError,
    KXTUnsupportedError,
    KXTValidationError,
)
from kxt_trio.cli import main
from kxt_trio.cli.exits import CommandError, ExitCode, ReaderGoneError, code_of, sole_error

CODES = [
    (KXTValidationError, ExitCode.SETTINGS),
    (KXTUnsupportedError, ExitCode.SETTINGS),
    (KXTAuthenticationError, ExitCode.REFUSED),
    (KXTSubscriptionError, ExitCode.REFUSED),
    (KXTSessionInUseError, ExitCode.REFUSED),
    (KXTAPIError, ExitCode.REFUSED),
    (KXTConnectionError, ExitCode.CONNECTION),
    (KXTTimeoutError, ExitCode.CONNECTION),
    (KXTProtocolError, ExitCode.CONNECTION),
    (KXTJournalError, ExitCode.JOURNAL),
    (KXTJournalInUseError, ExitCode.JOURNAL),
    (KXTSlowConsumerError, ExitCode.FAILURE),
    (KXTError, ExitCode.FAILURE),
]


@pytest.mark.parametrize(("kind", "code"), CODES)
def test_every_error_of_the_library_has_its_code(kind, code):
    assert code_of(kind("no")) is code


def test_the_codes_are_distinct():
    assert len({code.value for code in ExitCode}) == len(ExitCode)


def fail_with(monkeypatch, error):
    async def fail():
        await trio.lowlevel.checkpoint()
        raise error

    monkeypatch.setattr(kxt_trio.cli, "_command", lambda _: fail)


@pytest.mark.parametrize(
    "error",
    [
        KXTConnectionError("gone"),
        ExceptionGroup("a nursery's", [KXTConnectionError("gone")]),
        ExceptionGroup("outer", [ExceptionGroup("inner", [KXTConnectionError("gone")])]),
    ],
)
def test_an_error_is_one_line_and_its_code(error, monkeypatch, capsys):
    fail_with(monkeypatch, error)
    assert main(["demo"]) == 5
    assert capsys.readouterr() == ("", "kxt-trio: gone\n")


def test_a_reader_who_left_is_no_failure(monkeypatch, capsys):
    fail_with(monkeypatch, ReaderGoneError())
    assert main(["demo"]) == 0
    assert capsys.readouterr() == ("", "")


def test_ctrl_c_outside_of_trio_is_no_traceback(monkeypatch, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(kxt_trio.cli, "_command", interrupt)
    assert main(["demo"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_bug_is_not_hidden(monkeypatch):
    fail_with(monkeypatch, ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["demo"])


def test_a_group_of_several_stays_a_group():
    group = ExceptionGroup("two", [CommandError("a"), CommandError("b")])
    assert sole_error(group) is group
