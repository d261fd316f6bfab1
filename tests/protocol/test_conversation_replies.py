from __future__ import annotations

import pytest

from kxt_trio.errors import (
    KXTAuthenticationError,
    KXTProtocolError,
    KXTSessionInUseError,
    KXTSubscriptionError,
)
from kxt_trio.models import FillEvent
from kxt_trio.protocol.conversation import Complaint, Refused, Released, Subscribed
from kxt_trio.protocol.refusals import Advice

from .messages import (
    EVERY_STATE,
    FILL,
    KEY,
    OTHER_KEY,
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
    releasing,
    reply,
    subscribing,
)

# Success


@pytest.mark.parametrize("tr_id", [TR_ID, "(null)", "", None])
def test_a_success_answers_the_request_in_flight(tr_id: str | None) -> None:
    conversation = subscribing()
    text = reply("0", "OPSP0000", tr_id=tr_id, key=KEY)
    assert conversation.receive(text, RECEIVED) == [Subscribed()]
    assert isinstance(one(conversation.receive(encrypted(FILL), RECEIVED)), FillEvent)


@pytest.mark.parametrize("rt_cd", ["0", "1", "9"])
def test_already_subscribed_with_a_key_is_a_success(rt_cd: str) -> None:
    conversation = subscribing()
    text = reply(rt_cd, "OPSP0002", key=KEY)
    assert conversation.receive(text, RECEIVED) == [Subscribed()]
    assert isinstance(one(conversation.receive(encrypted(FILL), RECEIVED)), FillEvent)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (reply("1", "OPSP0002"), "OPSP0002"),
        (reply("1", "OPSP0002", tr_id="(null)"), "OPSP0002"),
        (reply("0", "OPSP0000"), "OPSP0000"),
        (reply("0", "OPSP0001"), "OPSP0001"),
        (reply("0", ""), "no code"),
        (reply("0", "OPSP0000", key=""), "OPSP0000"),
        (reply("0", "OPSP0000", key=KEY, iv=""), "OPSP0000"),
    ],
)
def test_success_without_a_key_needs_a_new_connection(text: str, what: str) -> None:
    conversation = subscribing()
    output = one(conversation.receive(text, RECEIVED))
    assert isinstance(output, Refused)
    assert output.advice is Advice.RETRY
    assert isinstance(output.error, KXTProtocolError)
    assert what in str(output.error)
    assert "key of the notices is missing" in str(output.error)
    assert "new connection" in str(output.error)
    assert conversation.state is State.IDLE


def test_success_with_an_unusable_key() -> None:
    conversation = subscribing()
    output = one(conversation.receive(reply("0", "OPSP0000", key="short"), RECEIVED))
    assert isinstance(output, Refused)
    assert output.advice is Advice.RETRY
    assert "expected 32 ASCII characters" in str(output.error)
    assert conversation.state is State.IDLE


def test_already_subscribed_keeps_the_key_that_is_held() -> None:
    conversation = live()
    assert conversation.receive(reply("1", "OPSP0002"), RECEIVED) == []
    assert conversation.state is State.LIVE
    assert isinstance(one(conversation.receive(encrypted(FILL), RECEIVED)), FillEvent)


def test_a_later_success_brings_its_key() -> None:
    conversation = live()
    assert conversation.receive(reply("0", "OPSP0000", key=OTHER_KEY), RECEIVED) == []
    text = encrypted(FILL, key=OTHER_KEY)
    assert isinstance(one(conversation.receive(text, RECEIVED)), FillEvent)


def test_a_later_success_with_an_unusable_key_changes_nothing() -> None:
    conversation = live()
    text = reply("0", "OPSP0000", key="short")
    assert_unreadable(conversation.receive(text, RECEIVED), text, "notice key")
    assert isinstance(one(conversation.receive(encrypted(FILL), RECEIVED)), FillEvent)


@EVERY_STATE
def test_a_success_of_another_tr_is_not_ours(make: Make) -> None:
    conversation = make()
    state = conversation.state
    text = reply("0", "OPSP0000", tr_id="H0STASP0", key=OTHER_KEY)
    assert_unreadable(conversation.receive(text, RECEIVED), text, "nothing that was asked")
    assert conversation.state is state


@pytest.mark.parametrize("tr_id", [TR_ID, "(null)", None])
def test_a_success_nobody_asked_for(tr_id: str | None) -> None:
    conversation = idle()
    text = reply("0", "OPSP0000", tr_id=tr_id, key=KEY)
    assert_unreadable(conversation.receive(text, RECEIVED), text, "nothing that was asked")
    assert conversation.state is State.IDLE
    text = encrypted(FILL)
    assert_unreadable(conversation.receive(text, RECEIVED), text, "no key is held")


def test_a_success_of_no_tr_while_nothing_is_in_flight() -> None:
    conversation = live()
    text = reply("0", "OPSP0000", tr_id=None, key=OTHER_KEY)
    assert_unreadable(conversation.receive(text, RECEIVED), text, "nothing that was asked")
    assert isinstance(one(conversation.receive(encrypted(FILL), RECEIVED)), FillEvent)


# Release


@pytest.mark.parametrize(
    "text",
    [
        reply("0", "OPSP0001"),
        reply("0", "OPSP0001", tr_id=None),
        reply("0", "OPSP0001", key=KEY),
        reply("1", "OPSP0003"),
        reply("1", "OPSP0003", tr_id="(null)"),
    ],
)
def test_released(text: str) -> None:
    conversation = releasing()
    assert conversation.receive(text, RECEIVED) == [Released()]
    assert conversation.state is State.IDLE
    late = encrypted(FILL)
    assert_unreadable(conversation.receive(late, RECEIVED), late, "no key is held")


def test_released_unasked() -> None:
    conversation = live()
    assert conversation.receive(reply("0", "OPSP0001"), RECEIVED) == [Released()]
    assert conversation.state is State.IDLE


def test_it_tells_whose_notices_it_is_about() -> None:
    conversation = idle()
    assert conversation.hts_id == ""
    conversation.subscribe("htsuser1")
    assert conversation.hts_id == "htsuser1"


def test_notices_are_read_until_the_release_is_acknowledged() -> None:
    conversation = releasing()
    assert isinstance(one(conversation.receive(encrypted(FILL), RECEIVED)), FillEvent)


def test_a_connection_can_be_used_again() -> None:
    conversation = releasing()
    conversation.receive(reply("0", "OPSP0001"), RECEIVED)
    conversation.subscribe("htsuser1")
    text = reply("0", "OPSP0000", key=OTHER_KEY)
    assert conversation.receive(text, RECEIVED) == [Subscribed()]
    text = encrypted(FILL, key=OTHER_KEY)
    assert isinstance(one(conversation.receive(text, RECEIVED)), FillEvent)


def test_a_refused_release_leaves_the_subscription() -> None:
    conversation = releasing()
    output = one(conversation.receive(reply("9", "OPSP9999", tr_id=None), RECEIVED))
    assert isinstance(output, Refused)
    assert output.advice is Advice.FATAL
    assert conversation.state is State.LIVE
    assert isinstance(one(conversation.receive(encrypted(FILL), RECEIVED)), FillEvent)


# Refusals


@pytest.mark.parametrize("tr_id", [TR_ID, "(null)", "", None])
@pytest.mark.parametrize(
    ("rt_cd", "msg_cd", "kind", "advice"),
    [
        ("9", "OPSP8996", KXTSessionInUseError, Advice.WAIT),
        ("1", "OPSP0011", KXTAuthenticationError, Advice.RENEW_KEY),
        ("9", "OPSP0017", KXTSubscriptionError, Advice.FATAL),
        ("0", "OPSP0017", KXTSubscriptionError, Advice.FATAL),
        ("1", "OPSP4711", KXTSubscriptionError, Advice.UNKNOWN),
    ],
)
def test_refused(
    rt_cd: str, msg_cd: str, kind: type, advice: Advice, tr_id: str | None
) -> None:
    conversation = subscribing()
    output = one(conversation.receive(reply(rt_cd, msg_cd, tr_id=tr_id), RECEIVED))
    assert isinstance(output, Refused)
    assert type(output.error) is kind
    assert str(output.error).startswith(TR_ID)
    assert output.advice is advice
    assert conversation.state is State.IDLE


def test_after_a_refusal_one_may_ask_again() -> None:
    conversation = subscribing()
    conversation.receive(reply("9", "OPSP0007"), RECEIVED)
    conversation.subscribe("htsuser1")
    assert conversation.receive(SUCCESS, RECEIVED) == [Subscribed()]


@pytest.mark.parametrize("tr_id", [TR_ID, "(null)", None])
@pytest.mark.parametrize("make", [idle, live])
def test_an_error_reply_to_nothing(make: Make, tr_id: str | None) -> None:
    conversation = make()
    state = conversation.state
    text = reply("9", "OPSP8993", tr_id=tr_id)
    assert conversation.receive(text, RECEIVED) == [Complaint("OPSP8993", "words")]
    assert conversation.state is state


@EVERY_STATE
def test_an_error_reply_that_names_another_tr(make: Make) -> None:
    conversation = make()
    state = conversation.state
    text = reply("1", "OPSP0008", tr_id="HDFSASP0")
    assert conversation.receive(text, RECEIVED) == [Complaint("OPSP0008", "words")]
    assert conversation.state is state
