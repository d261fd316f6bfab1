from __future__ import annotations

import json

import pytest

from kxt_trio.errors import KXTAPIError, KXTAuthenticationError, KXTProtocolError
from kxt_trio.protocol.approval import approval_request, read_approval


def refusal(code: str, words: str = "words") -> bytes:
    return json.dumps({"error_code": code, "error_description": words}).encode()


def test_the_secret_goes_under_secretkey() -> None:
    assert approval_request("key", "secret") == {
        "grant_type": "client_credentials",
        "appkey": "key",
        "secretkey": "secret",
    }


def test_the_key() -> None:
    body = b'{"approval_key": "2c9cd4de-0000-4000-8000-1234567890ab", "later": []}'
    assert read_approval(200, body) == "2c9cd4de-0000-4000-8000-1234567890ab"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "EGW00103"),
        (401, "EGW00105"),
        (400, "EGW09999"),
        (500, "EGW00102"),
        (500, "EGW00103"),
        (500, "EGW00104"),
        (500, "EGW00105"),
        (500, "EGW2004"),
        (500, "EGW02004"),
        (200, "EGW00103"),
    ],
)
def test_refused_keys(status: int, code: str) -> None:
    with pytest.raises(KXTAuthenticationError, match="real and paper") as caught:
        read_approval(status, refusal(code))
    assert caught.value.code == code
    assert f"HTTP {status}, {code}: 'words'" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "EGW00133"),
        (500, "EGW00201"),
        (429, "EGW09999"),
        (408, "EGW09999"),
        (500, "EGW00002"),
        (503, "EGW09999"),
        (200, "EGW09999"),
    ],
)
def test_trouble_that_may_pass(status: int, code: str) -> None:
    with pytest.raises(KXTAPIError) as caught:
        read_approval(status, refusal(code))
    assert (caught.value.code, caught.value.status) == (code, status)


def test_a_refusal_in_the_other_form() -> None:
    body = b'{"rt_cd": "1", "msg_cd": "EGW00201", "msg1": "slow down"}'
    with pytest.raises(KXTAPIError, match="slow down") as caught:
        read_approval(500, body)
    assert caught.value.code == "EGW00201"


@pytest.mark.parametrize("body", [b"", b"<html>private</html>", b"\xff", b"[]", b"null"])
@pytest.mark.parametrize("status", [302, 404, 502])
def test_a_server_that_does_not_speak_json(status: int, body: bytes) -> None:
    with pytest.raises(KXTAPIError, match=f"HTTP {status}") as caught:
        read_approval(status, body)
    assert (caught.value.code, caught.value.status) == (None, status)
    assert "private" not in str(caught.value)


def test_a_refusal_without_a_code() -> None:
    with pytest.raises(KXTAPIError, match="HTTP 403, no code: ''") as caught:
        read_approval(403, b"{}")
    assert caught.value.code is None


@pytest.mark.parametrize(
    "body",
    [b"", b"private", b"[]", b"{}", b'{"approval_key": ""}', b'{"approval_key": ["private"]}'],
)
def test_success_without_a_key(body: bytes) -> None:
    with pytest.raises(KXTProtocolError, match="approval") as caught:
        read_approval(200, body)
    assert "private" not in str(caught.value)


def test_a_key_counts_with_200_only() -> None:
    with pytest.raises(KXTAPIError) as caught:
        read_approval(500, b'{"approval_key": "private"}')
    assert "private" not in str(caught.value)


def test_long_words_are_cut() -> None:
    with pytest.raises(KXTAuthenticationError) as caught:
        read_approval(403, refusal("EGW00103", "x" * 1000))
    assert "x" * 200 in str(caught.value)
    assert "x" * 201 not in str(caught.value)
