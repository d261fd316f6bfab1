"""Journals that are not opened: in use, altered, or of another account."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import (
    Environment,
    KXTConnectionError,
    KXTJournalError,
    KXTJournalInUseError,
    KXTSubscriptionError,
    KXTValidationError,
    Reconciliation,
    StreamState,
)
from kxt_trio.testing import FakeKIS

from .trading import client_of, opened, take, trade

# -- refusals ----------------------------------------------------------------------


async def test_a_second_client_is_refused_at_the_line_that_opens_it(path, autojump_clock):
    async with FakeKIS() as kis, opened(kis, path) as fills:
        for second in (opened(kis, path), client_of(kis, path)):
            with pytest.raises(KXTJournalInUseError, match=r"fills\.db is being written"):
                async with second:
                    pytest.fail("it must not get here")
        trade(kis, 1)
        assert await take(fills, 1) == [1]


@pytest.mark.parametrize(
    "changes",
    [
        {"account_no": None, "account_product_code": None},
        {"reconcile": Reconciliation(enabled=False)},
    ],
)
async def test_a_journal_needs_something_to_count(path, changes):
    async with FakeKIS() as kis:
        with pytest.raises(KXTValidationError, match="a journal needs an account_no"):
            client_of(kis, path, **changes)
        assert not path.exists()


async def test_what_is_no_journal_is_refused_at_the_line_that_opens_it(path, autojump_clock):
    path.write_bytes(b"these are my notes\n" * 100)
    async with FakeKIS() as kis:
        with pytest.raises(KXTJournalError, match=r"fills\.db"):
            async with opened(kis, path):
                pytest.fail("it must not get here")
        assert kis.connects == []


async def test_an_altered_journal_is_refused_at_the_line_that_opens_it(path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path) as fills:
            trade(kis, 1)
            await take(fills, 1)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("DROP TRIGGER rec_refuses_update")
            connection.execute("UPDATE rec SET quantity = 2 WHERE kind = 'deliver'")
        with pytest.raises(KXTJournalError, match=r"row \d+ was altered"):
            async with opened(kis, path):
                pytest.fail("it must not get here")
        assert len(kis.connects) == 1


async def test_a_wrong_hts_id_is_still_told_as_that(path, autojump_clock):
    async with FakeKIS() as kis:
        with pytest.raises(KXTSubscriptionError):
            async with opened(kis, path, hts_id="somebody"):
                pytest.fail("it must not get here")


async def test_a_failed_link_does_not_hide_the_backlog(path, autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis, path):
            trade(kis, 1, 2)
            await wait_all_tasks_blocked()
        kis.refuse_connections(times=1_000)
        async with client_of(kis, path) as client:
            fills = client.stream_fill_updates()
            await trio.sleep(60)
            assert fills.state is StreamState.FAILED
            assert await take(fills, 2) == [1, 2]
            with pytest.raises(KXTConnectionError):
                await fills.receive()


# -- whose journal -----------------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [{"account_no": "87654321"}, {"environment": Environment.PAPER}]
)
async def test_a_journal_of_another_account_is_refused(path, changes, autojump_clock):
    async with FakeKIS() as kis, opened(kis, path):
        pass
    async with FakeKIS(**changes) as kis:
        with pytest.raises(KXTJournalError, match="give each its own"):
            async with opened(kis, path):
                pytest.fail("it must not get here")
