from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from kxt_trio.errors import KXTAPIError, KXTAuthenticationError, KXTProtocolError
from kxt_trio.models import KST
from kxt_trio.protocol.token import Token, read_token, token_request

DATE = {"date": "Fri, 20 Nov 2026 00:00:00 GMT"}


def answer(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_the_secret_goes_under_appsecret() -> None:
    assert token_request("key", "secret") == {
        "grant_type": "client_credentials",
        "appkey": "key",
        "appsecret": "secret",
    }


def test_the_token_and_its_end() -> None:
    body = answer(
        access_token="private",
        token_type="Bearer",
        expires_in=86400,
        access_token_token_expired="2026-11-21 09:00:00",
    )
    token = read_token(200, {}, body)
    assert token == Token("private", datetime(2026, 11, 21, 9, tzinfo=KST))
    assert "private" not in repr(token)


def test_an_end_that_is_told_as_a_time_to_go() -> None:
    token = read_token(200, DATE, answer(access_token="private", expires_in=3600))
    assert token.expires_at == datetime(2026, 11, 20, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({}, {}),
        ({}, {"expires_in": 3600}),
        ({"date": "yesterday"}, {"expires_in": 3600}),
        (DATE, {"expires_in": "soon"}),
        (DATE, {"expires_in": 10**20}),
        (DATE, {"access_token_token_expired": "2026-11-21"}),
    ],
)
def test_a_token_without_an_end(headers, fields) -> None:
    with pytest.raises(KXTProtocolError, match="no readable end") as caught:
        read_token(200, headers, answer(access_token="private", **fields))
    assert "private" not in str(caught.value)


@pytest.mark.parametrize("body", [b"", b"private", b"[]", b"{}", b'{"access_token": ""}'])
def test_success_without_a_token(body) -> None:
    with pytest.raises(KXTProtocolError, match="token") as caught:
        read_token(200, DATE, body)
    assert "private" not in str(caught.value)


def test_asked_twice_in_a_minute() -> None:
    body = answer(error_code="EGW00133", error_description="1분당 1회")
    with pytest.raises(KXTAPIError, match="no access token for now") as caught:
        read_token(403, {}, body)
    assert (caught.value.code, caught.value.status) == ("EGW00133", 403)


@pytest.mark.parametrize(("status", "code"), [(403, "EGW00103"), (500, "EGW02004"), (400, "X")])
def test_refused_keys(status, code) -> None:
    with pytest.raises(KXTAuthenticationError, match="real and paper") as caught:
        read_token(status, {}, answer(error_code=code))
    assert caught.value.code == code


def test_a_server_that_does_not_speak_json() -> None:
    with pytest.raises(KXTAPIError, match="HTTP 503") as caught:
        read_token(503, {}, b"<html>private</html>")
    assert "private" not in str(caught.value)


def test_a_token_is_not_used_to_its_last_second() -> None:
    token = Token("private", datetime(2026, 11, 21, 9, tzinfo=KST))
    assert token.good_at(token.expires_at - timedelta(minutes=6))
    assert not token.good_at(token.expires_at - timedelta(minutes=5))
