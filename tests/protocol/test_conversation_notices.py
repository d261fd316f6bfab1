from __future__ import annotations

import pytest

from kxt_trio.models import FillEvent, OrderAcceptedEvent
from kxt_trio.protocol.conversation import Ping, Unreadable

from .messages import (
    EVERY_STATE,
    FILL,
    OTHER_KEY,
    PING,
    PREFIX,
    RECEIVED,
    TAIL,
    TR_ID,
    Make,
    assert_unreadable,
    encrypted,
    idle,
    live,
    one,
    plain,
    subscribing,
)

ACCEPTANCE = PREFIX + "0000000030^000070000^093000^0^1^1" + TAIL
BAD = PREFIX + "0000000010^0000x9950^093005^0^2^2" + TAIL + "000070000"


def test_notices() -> None:
    conversation = live()
    accepted = one(conversation.receive(encrypted(ACCEPTANCE), RECEIVED))
    filled = one(conversation.receive(encrypted(FILL), RECEIVED))
    assert isinstance(accepted, OrderAcceptedEvent)
    assert isinstance(filled, FillEvent)
    assert filled.received_at == RECEIVED


def test_equal_fills_are_two_fills() -> None:
    conversation = live()
    outputs = conversation.receive(encrypted(f"{FILL}^{FILL}", count=2), RECEIVED)
    outputs += conversation.receive(encrypted(FILL), RECEIVED)
    assert len(outputs) == 3
    assert all(isinstance(output, FillEvent) for output in outputs)
    assert outputs[0] == outputs[1] == outputs[2]


def test_a_bad_record_does_not_hold_back_the_others() -> None:
    first, bad, last = live().receive(
        encrypted(f"{ACCEPTANCE}^{BAD}^{FILL}", count=3), RECEIVED
    )
    assert isinstance(first, OrderAcceptedEvent)
    assert isinstance(last, FillEvent)
    assert isinstance(bad, Unreadable)
    assert bad.reason == "notice field CNTG_UNPR [10]: expected digits"
    assert bad.raw == BAD
    assert bad.shape.startswith("aaaaaaa9^9999999999^9999999999^^99^9^99^9^999999^")


def test_an_unreadable_record_shows_no_content() -> None:
    output = one(live().receive(encrypted(BAD), RECEIVED))
    assert isinstance(output, Unreadable)
    shown = repr(output)
    assert "CNTG_UNPR" in shown
    content = (field for field in BAD.split("^") if len(field) > 2)
    assert not any(value in shown for value in content)


def test_a_wrong_count_hides_nothing() -> None:
    conversation = live()
    two = f"{FILL}^{FILL}"
    assert_unreadable(conversation.receive(encrypted(two), RECEIVED), two, "too many")
    outputs = conversation.receive(encrypted(two, count=3), RECEIVED)
    assert_unreadable(outputs, two, "cannot make 3 records")


@pytest.mark.parametrize("make", [idle, subscribing])
def test_a_notice_before_the_key(make: Make) -> None:
    text = encrypted(FILL)
    assert_unreadable(make().receive(text, RECEIVED), text, "no key is held")


@EVERY_STATE
def test_a_plain_notice_is_read_as_it_is(make: Make) -> None:
    assert isinstance(one(make().receive(plain(FILL), RECEIVED)), FillEvent)


@EVERY_STATE
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "4 parts"),
        (" " + PING, "4 parts"),
        (f"0|H0STCNT0|001|{FILL}", "not asked for"),
        (encrypted(FILL, tr_id="H0STCNI9"), "not asked for"),
        (f"2|{TR_ID}|001|{FILL}", "flag"),
        (f"0|{TR_ID}|000|{FILL}", "at least 1"),
        (f"0|{TR_ID}|001|", "at least 18 fields"),
        ("{", "not JSON"),
        ("{}", "control message body"),
        ('{"header":{"tr_id":"H0STCNI0"}}', "control message body"),
        ('{"\ud800', "not JSON"),
    ],
)
def test_unreadable_messages(make: Make, text: str, reason: str) -> None:
    conversation = make()
    state = conversation.state
    output = one(conversation.receive(text, RECEIVED))
    assert isinstance(output, Unreadable)
    assert reason in output.reason
    assert conversation.state is state


def test_a_notice_of_another_key() -> None:
    conversation = live()
    text = encrypted(FILL, key=OTHER_KEY)
    assert_unreadable(conversation.receive(text, RECEIVED), text, "of another key")
    assert isinstance(one(conversation.receive(encrypted(FILL), RECEIVED)), FillEvent)


def test_a_lone_surrogate_in_a_pingpong() -> None:
    output = one(live().receive('{"header":{"tr_id":"PINGPONG","x":"\ud800"}}', RECEIVED))
    assert isinstance(output, Ping)
    assert output.sent_at is None
