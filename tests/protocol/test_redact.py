from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.protocol.redact import quotable, redact


def test_shape_of_a_notice() -> None:
    assert redact("$user_1^5000000001^^02 홍길동|Y") == "$aaaaa9^9999999999^^99 aaa|a"


def test_other_scripts_digits_and_control_characters_are_content() -> None:
    assert redact("٣\x00\n\ufffdé") == "aaaaa"


def test_the_first_400_characters() -> None:
    assert redact("x" * 1000) == "a" * 400


@given(st.text(max_size=500))
def test_nothing_to_read_is_left(text: str) -> None:
    shape = redact(text)
    assert len(shape) == min(len(text), 400)
    assert set(shape) <= set(string.punctuation) - {"_"} | {"9", "a", " "}
    assert redact(shape) == shape


@given(st.text(alphabet=string.punctuation.replace("_", "") + " ", max_size=400))
def test_punctuation_stays(text: str) -> None:
    assert redact(text) == text


def test_the_brokers_words_are_quoted_on_one_line_and_short() -> None:
    assert quotable("ERROR : htsid가\n  잘못 ") == "ERROR : htsid가 잘못"
    assert quotable("x" * 1000) == "x" * 200
    assert quotable(None) is None


def test_what_was_in_the_request_does_not_come_back_out() -> None:
    words = "no tom for key-1 and 1234567801 in OPSP0017"
    assert quotable(words, "tom", "key-1", "") == "no *** for *** and *** in OPSP0017"
