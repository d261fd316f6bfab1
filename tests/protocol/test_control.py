from __future__ import annotations

import json
from datetime import datetime

import pytest

from kxt_trio.errors import KXTProtocolError
from kxt_trio.models import KST
from kxt_trio.protocol.control import (
    PingPong,
    Reply,
    read_control,
    release_request,
    subscribe_request,
)


def reply(header: object, **body: object) -> str:
    return json.dumps({"header": header, "body": {"rt_cd": "0", **body}})


def test_requests() -> None:
    expected = {
        "header": {
            "approval_key": "approval",
            "custtype": "P",
            "tr_type": "1",
            "content-type": "utf-8",
        },
        "body": {"input": {"tr_id": "H0STCNI0", "tr_key": "$1234567"}},
    }
    assert json.loads(subscribe_request("approval", "H0STCNI0", "$1234567")) == expected
    expected["header"]["tr_type"] = "2"
    assert json.loads(release_request("approval", "H0STCNI0", "$1234567")) == expected
    expected["header"]["custtype"] = "B"
    text = release_request("approval", "H0STCNI0", "$1234567", custtype="B")
    assert json.loads(text) == expected


def test_requests_keep_every_character() -> None:
    assert '"tr_key": "$홍Gil"' in subscribe_request("a", "H0STCNI0", "$홍Gil")


def test_success() -> None:
    text = reply(
        {"tr_id": "H0STCNI0", "tr_key": "id", "encrypt": "N", "later": 1},
        msg_cd="OPSP0000",
        msg1="SUBSCRIBE SUCCESS",
        output={"iv": "i", "key": "k", "later": {}},
    )
    assert read_control(text) == Reply(
        "H0STCNI0", "id", "0", "OPSP0000", "SUBSCRIBE SUCCESS", "k", "i"
    )


def test_repr_shows_neither_key_nor_hts_id() -> None:
    shown = repr(Reply("H0STCNI0", "my-id", "0", "OPSP0000", "ok", "the-key", "the-iv"))
    assert "OPSP0000" in shown
    assert not any(secret in shown for secret in ("my-id", "the-key", "the-iv"))


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"tr_id": "", "tr_key": ""},
        {"tr_id": "(null)", "tr_key": "(null)"},
        {"tr_id": None, "tr_key": None},
    ],
)
def test_absent_texts_are_none(header: dict[str, str | None]) -> None:
    message = read_control(reply(header, msg_cd="", msg1="(null)"))
    assert message == Reply(None, None, "0", None, None)


def test_no_header_at_all() -> None:
    text = '{"body":{"rt_cd":"9","msg_cd":"OPSP9998","msg1":"header not found"}}'
    assert read_control(text) == Reply(None, None, "9", "OPSP9998", "header not found")


def test_numbers_without_quotes() -> None:
    text = '{"header":{"tr_id":"H0STCNI0","tr_key":5},"body":{"rt_cd":1,"msg_cd":8}}'
    assert read_control(text) == Reply("H0STCNI0", "5", "1", "8", None)


@pytest.mark.parametrize("output", [None, "", [], {}, {"key": "", "iv": None}])
def test_output_without_keys(output: object) -> None:
    message = read_control(reply({"tr_id": "H0STCNI0"}, output=output))
    assert message == Reply("H0STCNI0", None, "0", None, None)


@pytest.mark.parametrize(
    ("header", "sent_at"),
    [
        ({"datetime": "20241011121818"}, datetime(2024, 10, 11, 12, 18, 18, tzinfo=KST)),
        ({"datetime": 20241011121818}, datetime(2024, 10, 11, 12, 18, 18, tzinfo=KST)),
        ({"datetime": "20241311121818"}, None),
        ({"datetime": ""}, None),
        ({}, None),
    ],
)
def test_pingpong(header: dict[str, str], sent_at: datetime | None) -> None:
    text = json.dumps({"header": {"tr_id": "PINGPONG", **header}})
    assert read_control(text) == PingPong(text, sent_at)


def test_pingpong_whatever_its_body() -> None:
    text = '{"header":{"tr_id":"PINGPONG"},"body":[1]}'
    assert read_control(text) == PingPong(text, None)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ('{"header":' * 100_000, "not JSON"),
        ('{"body":{"rt_cd":' + "1" * 5000 + "}}", "not JSON"),
        ("[]", "object"),
        ('"tr_id"', "object"),
        ("7", "object"),
        ("{}", "body"),
        ('{"header":[]}', "header"),
        ('{"header":null}', "header"),
        ('{"header":{"tr_id":["private"]}}', "tr_id"),
        ('{"header":{"tr_id":true}}', "tr_id"),
        ('{"header":{},"body":"private"}', "body"),
        ('{"header":{},"body":{}}', "rt_cd"),
        ('{"header":{},"body":{"rt_cd":null}}', "rt_cd"),
        ('{"header":{},"body":{"rt_cd":1.5}}', "rt_cd"),
        ('{"header":{},"body":{"rt_cd":"0","output":{"key":["private"]}}}', "key"),
    ],
)
def test_unreadable(text: str, where: str) -> None:
    with pytest.raises(KXTProtocolError, match=where) as caught:
        read_control(text)
    assert "private" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "control message: expected an object"),
        ('{"header":7}', "control message header: expected an object"),
        ('{"header":{"tr_key":[]}}', "control message header: tr_key: expected a text"),
        ('{"header":{},"body":{}}', "control message body: rt_cd is missing"),
    ],
)
def test_an_error_says_where_and_what(text: str, message: str) -> None:
    with pytest.raises(KXTProtocolError) as caught:
        read_control(text)
    assert str(caught.value) == message
