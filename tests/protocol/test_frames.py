from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.errors import KXTProtocolError
from kxt_trio.protocol.frames import FrameHead, read_data_frame, split_records


def test_plain_and_encrypted() -> None:
    plain = FrameHead(encrypted=False, tr_id="H0STCNT0", count=2)
    assert read_data_frame("0|H0STCNT0|002|a^b") == (plain, "a^b")
    encrypted = FrameHead(encrypted=True, tr_id="H0STCNI0", count=1)
    assert read_data_frame("1|H0STCNI0|001|aGk=") == (encrypted, "aGk=")


def test_a_bar_in_the_body_stays_in_the_body() -> None:
    _, body = read_data_frame("0|TR|001|a|b^c|d")
    assert body == "a|b^c|d"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "4 parts"),
        ("1|H0STCNI0|001", "got 3"),
        ("2|H0STCNI0|001|x", "flag"),
        ("|H0STCNI0|001|x", "flag"),
        ("1||001|x", "TR id"),
        ("1|H0STCNI0||x", "count"),
        ("1|H0STCNI0|1x|x", "count"),
        ("1|H0STCNI0|-1|x", "count"),
        ("1|H0STCNI0|٠٠١|x", "count"),
        ("1|H0STCNI0|0001|x", "count"),
    ],
)
def test_what_is_wrong_is_said(text: str, what: str) -> None:
    with pytest.raises(KXTProtocolError, match=what):
        read_data_frame(text)


@given(st.integers(1, 40), st.integers(1, 20))
def test_records_come_back_as_they_were_joined(width: int, count: int) -> None:
    records = [[f"{row}.{column}" for column in range(width)] for row in range(count)]
    plaintext = "^".join("^".join(record) for record in records)
    assert split_records(plaintext, count) == records


@pytest.mark.parametrize("width", [23, 26])
def test_a_wrong_count_never_hides_a_record(width: int) -> None:
    two = "^".join(["x"] * width * 2)
    with pytest.raises(KXTProtocolError, match="too many for a count of 1"):
        split_records(two, 1)
    with pytest.raises(KXTProtocolError, match="cannot make 3 records"):
        split_records(two, 3)


@pytest.mark.parametrize("count", [0, -1])
def test_no_records_at_all(count: int) -> None:
    with pytest.raises(KXTProtocolError, match="at least 1"):
        split_records("a^b", count)


def test_more_records_than_fields() -> None:
    with pytest.raises(KXTProtocolError, match="1 fields cannot make 2 records"):
        split_records("a", 2)
