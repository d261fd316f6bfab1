from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.protocol.redact import redact


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
