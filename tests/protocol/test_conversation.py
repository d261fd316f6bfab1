from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.models import KST, FillEvent
from kxt_trio.protocol.conversation import Ping, Released, Unreadable

from .messages import (
    EVERY_STATE,
    FILL,
    IV,
    KEY,
    OTHER_KEY,
    PING,
    RECEIVED,
    SUCCESS,
    TR_ID,
    Make,
    State,
    assert_unreadable,
    encrypted,
    idle,
    live,
    one,
    plain,
    releasing,
    reply,
    subscribing,
)

# What we say


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (idle, State.IDLE),
        (subscribing, State.SUBSCRIBING),
        (live, State.LIVE),
        (releasing, State.RELEASING),
    ],
)
def test_states_are_told(make: Make, state: State) -> None:
    assert make().state is state


def test_requests() -> None:
    conversation = idle()
    request = json.loads(conversation.subscribe("$1234567"))
    assert request["header"]["approval_key"] == "approval-key"
    assert request["header"]["tr_type"] == "1"
    assert request["body"]["input"] == {"tr_id": TR_ID, "tr_key": "$1234567"}
    conversation.receive(SUCCESS, RECEIVED)
    request = json.loads(conversation.release())
    assert request["header"]["tr_type"] == "2"
    assert request["body"]["input"] == {"tr_id": TR_ID, "tr_key": "$1234567"}


@pytest.mark.parametrize("make", [subscribing, live, releasing])
def test_subscribing_twice_is_a_programming_error(make: Make) -> None:
    conversation = make()
    state = conversation.state
    with pytest.raises(RuntimeError, match=f"cannot subscribe while {state.name}"):
        conversation.subscribe("htsuser1")
    assert conversation.state is state


@pytest.mark.parametrize("make", [idle, subscribing, releasing])
def test_releasing_what_is_not_live_is_a_programming_error(make: Make) -> None:
    conversation = make()
    with pytest.raises(RuntimeError, match="cannot release while"):
        conversation.release()


@EVERY_STATE
def test_repr_shows_no_secret(make: Make) -> None:
    shown = repr(make())
    assert TR_ID in shown
    assert not any(s in shown for s in ("approval-key", "htsuser1", KEY, IV))


# Heartbeat


@EVERY_STATE
def test_pingpong_is_answered_in_every_state(make: Make) -> None:
    conversation = make()
    state = conversation.state
    sent_at = datetime(2026, 11, 20, 9, 30, 6, tzinfo=KST)
    assert conversation.receive(PING, RECEIVED) == [Ping(PING.encode(), sent_at)]
    assert conversation.state is state


def test_a_pingpong_that_no_pong_can_answer() -> None:
    text = json.dumps({"header": {"tr_id": "PINGPONG", "filler": "x" * 125}})
    assert_unreadable(live().receive(text, RECEIVED), text, "longer than a pong")


# Anything at all

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["0", "1", "9", "(null)", TR_ID, "PINGPONG", "H0STASP0", KEY, IV]),
    st.from_regex(r"OPSP[089]00[0-9]", fullmatch=True),
)
OBJECTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "header",
                    "body",
                    "output",
                    "tr_id",
                    "tr_key",
                    "rt_cd",
                    "msg_cd",
                    "msg1",
                    "key",
                    "iv",
                    "datetime",
                ]
            ),
            inner,
        ),
    ),
    max_leaves=20,
)
HOSTILE = st.one_of(
    st.text(),
    st.text(st.characters()),
    st.text(alphabet="01|^{}[]\":, HSTCNI'"),
    st.text().map(lambda text: "{" + text),
    st.text().map(plain),
    st.text().map(encrypted),
    st.text().map(lambda text: f"1|{TR_ID}|001|{text}"),
    st.lists(st.text(max_size=10), min_size=18, max_size=30).map("^".join).map(encrypted),
    OBJECTS.map(json.dumps),
    st.fixed_dictionaries({"header": OBJECTS, "body": OBJECTS}).map(json.dumps),
)


@given(st.sampled_from([idle, subscribing, releasing]), st.lists(HOSTILE, max_size=5))
def test_receive_never_raises(make: Make, texts: list[str]) -> None:
    conversation = make()
    for text in texts:
        for output in conversation.receive(text, RECEIVED):
            assert repr(output)


@given(HOSTILE.filter(lambda text: "OPSP" not in text and '"key"' not in text))
def test_the_next_good_frame_still_arrives(text: str) -> None:
    conversation = live()
    conversation.receive(text, RECEIVED)
    assert conversation.state is State.LIVE
    assert isinstance(one(conversation.receive(encrypted(FILL), RECEIVED)), FillEvent)


# What comes together


def test_what_comes_together_is_read_in_order_whatever_is_between() -> None:
    texts = [encrypted(FILL), PING, encrypted(FILL[:40]), plain(FILL), encrypted(FILL)]
    outputs = list(live().receive_all(texts, RECEIVED))
    assert [type(output) for output in outputs] == [
        FillEvent,
        Ping,
        Unreadable,
        FillEvent,
        FillEvent,
    ]


def test_notices_alone_are_read_in_order_the_damaged_between_them() -> None:
    texts = [encrypted(FILL), encrypted("x")[:-4], "1|H0STCNI9|001|aGk=", plain(FILL)]
    outputs = live().receive_all([*texts, encrypted(FILL)], RECEIVED)
    assert [type(output) for output in outputs] == [
        FillEvent,
        Unreadable,
        Unreadable,
        FillEvent,
        FillEvent,
    ]


def test_a_text_that_changes_the_state_waits_for_those_before_it() -> None:
    """Whoever takes the fill still sees whose it is, though the end came with it."""
    conversation = live()
    outputs = iter(
        conversation.receive_all([encrypted(FILL), reply("0", "OPSP0001"), SUCCESS], RECEIVED)
    )
    assert isinstance(next(outputs), FillEvent)
    assert (conversation.hts_id, conversation.state) == ("htsuser1", State.LIVE)
    assert next(outputs) == Released()
    assert (conversation.hts_id, conversation.state) == ("", State.IDLE)
    assert [type(output) for output in outputs] == [Unreadable]


def test_a_new_key_is_for_what_comes_after_it() -> None:
    texts = [encrypted(FILL), reply("0", "OPSP0000", key=OTHER_KEY)]
    texts += [encrypted(FILL, key=OTHER_KEY), encrypted(FILL)]
    outputs = list(live().receive_all(texts, RECEIVED))
    assert [type(output) for output in outputs] == [FillEvent, FillEvent, Unreadable]
