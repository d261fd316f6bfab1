from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from kxt_trio import KST
from kxt_trio.testing.issued_keys import IssuedKeys

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=KST)


@pytest.fixture
def keys() -> IssuedKeys:
    return IssuedKeys(Random(0))


def test_approval_keys_are_uuids_and_all_stay_good_for_a_day(keys):
    first, second = keys.issue_approval_key(NOW), keys.issue_approval_key(NOW)
    assert UUID(first) != UUID(second)
    later = NOW + timedelta(hours=24)
    for key in (first, second):
        assert keys.accepts_approval_key(key, later - timedelta(seconds=1))
        assert not keys.accepts_approval_key(key, later)


def test_expired_and_unknown_approval_keys_are_not_accepted(keys):
    key = keys.issue_approval_key(NOW)
    keys.expire_approval_keys()
    assert not keys.accepts_approval_key(key, NOW)
    assert not keys.accepts_approval_key("made up", NOW)


def test_a_token_is_the_same_for_six_hours_and_asked_for_once_a_minute(keys):
    token = keys.issue_token(NOW)
    assert keys.issue_token(NOW + timedelta(seconds=59)) is None
    assert keys.issue_token(NOW + timedelta(minutes=1)) == token
    assert keys.issue_token(NOW + timedelta(hours=6)) != token
    assert keys.token(token.value) == token
    assert token.expires_at == NOW + timedelta(hours=24)
    assert token.value not in repr(token)


def test_expired_tokens_are_remembered_as_such(keys):
    token = keys.issue_token(NOW)
    keys.expire_tokens(NOW)
    assert keys.token(token.value).expires_at <= NOW
    assert keys.issue_token(NOW + timedelta(minutes=1)).value != token.value
