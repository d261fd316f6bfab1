"""The short cut for texts: whatever comes, in whatever pieces, it changes nothing but speed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import TextMessage

from kxt_trio.transport.text_lane import TextLane

LIMIT = 300
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A


def frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    return bytes([first, size] if size < 126 else [first, 126, size >> 8, size & 255]) + payload


def feed(lane: TextLane, pieces: Sequence[bytes]) -> tuple[list[str], bytes]:
    """As the wire does: once the lane is over, the library gets the rest."""
    texts: list[str] = []
    others = b""
    for piece in pieces:
        if lane.is_over:
            others += piece
            continue
        found, passed = lane.feed(piece)
        texts += found
        others += passed
    return texts, others + lane.end()


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(min(edge, len(data)) for edge in at), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def read_by_the_library(data: bytes) -> list[str]:
    """The texts that wsproto finds, up to where it stops."""
    connection = Connection(ConnectionType.CLIENT)
    connection.receive_data(data)
    parts: list[str] = []
    texts: list[str] = []
    for event in connection.events():
        if isinstance(event, TextMessage):
            parts.append(event.data)
            if event.message_finished:
                texts.append("".join(parts))
                parts.clear()
    return texts


WHOLE = st.one_of(
    st.text(max_size=60).map(lambda text: frame(TEXT, text.encode())),
    st.integers(120, 310).map(lambda size: frame(TEXT, b"x" * size)),
    st.sampled_from([PING, PONG]).map(lambda first: frame(first, b"still there?")),
)
ODD = st.one_of(
    st.just(frame(CLOSE, b"\x03\xe8")),
    st.just(frame(BINARY, b"bytes")),
    st.just(frame(0x01, b"one ") + frame(PING, b"") + frame(0x80, b"message")),
    st.just(frame(TEXT, b"\xff not UTF-8")),
    st.just(frame(0xC1, b"a reserved bit")),
    st.just(bytes([TEXT, 0x81, 0, 0, 0, 0, 120])),  # masked, by a server
    st.just(bytes([TEXT, 126, 0, 1, 120])),  # a length longer than it need be
    st.just(bytes([TEXT, 127, *bytes(7), 1, 120])),
    st.just(frame(PING, b"p" * 126)),
    st.binary(max_size=20),
)


@given(frames=st.lists(WHOLE), at=st.lists(st.integers(0, 400)))
def test_texts_are_taken_and_the_rest_is_passed_on(frames: list[bytes], at: list[int]) -> None:
    lane = TextLane(LIMIT)
    short = [one for one in frames if len(one) <= LIMIT + 4]
    texts, others = feed(lane, cut(b"".join(short), at))
    assert texts == read_by_the_library(b"".join(short))
    assert others == b"".join(one for one in short if one[0] != TEXT)


@given(
    before=st.lists(WHOLE),
    odd=ODD,
    after=st.lists(st.one_of(WHOLE, ODD)),
    at=st.lists(st.integers(0, 400)),
)
def test_with_the_lane_or_without_the_same_texts_come(
    before: list[bytes], odd: bytes, after: list[bytes], at: list[int]
) -> None:
    """What the lane takes and what the library finds in the rest: in order, all of it."""
    data = b"".join([*before, odd, *after])
    texts, others = feed(TextLane(LIMIT), cut(data, at))
    assert texts + read_by_the_library(others) == read_by_the_library(data)


@given(
    frames=st.lists(st.one_of(WHOLE, ODD), max_size=6),
    one=st.lists(st.integers(0, 400)),
    other=st.lists(st.integers(0, 400)),
)
def test_it_does_not_matter_where_the_bytes_are_cut(
    frames: list[bytes], one: list[int], other: list[int]
) -> None:
    data = b"".join(frames)
    assert feed(TextLane(LIMIT), cut(data, one)) == feed(TextLane(LIMIT), cut(data, other))


@pytest.mark.parametrize("size", [0, 125, 126, LIMIT])
def test_a_text_of_every_length_up_to_the_limit(size: int) -> None:
    lane = TextLane(LIMIT)
    assert lane.feed(frame(TEXT, b"x" * size)) == (["x" * size], b"")
    assert not lane.is_over


def test_a_text_too_long_is_the_librarys_as_soon_as_its_head_is_there() -> None:
    lane = TextLane(LIMIT)
    head = frame(TEXT, b"x" * (LIMIT + 1))[:4]
    assert lane.feed(head) == ([], head)
    assert lane.is_over


def test_a_limit_below_the_short_length_holds() -> None:
    lane = TextLane(20)
    assert lane.feed(frame(TEXT, b"x" * 20)) == (["x" * 20], b"")
    long = frame(TEXT, b"x" * 21)
    assert lane.feed(long) == ([], long)
