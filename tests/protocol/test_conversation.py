from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.errors import (
    KXTAuthenticationError,
    KXTProtocolError,
    KXTSessionInUseError,
    KXTSubscriptionError,
)
from kxt_trio.models import KST, FillEvent, OrderAcceptedEvent
from kxt_trio.protocol.cipher import NoticeCipher
from kxt_trio.protocol.conversation import (
    Complaint,
    Conversation,
    ConversationState,
    Output,
    Ping,
    Refused,
    Released,
    Subscribed,
    Unreadable,
)
from kxt_trio.protocol.refusals import Advice

TR_ID = "H0STCNI0"
KEY = "ikznadvwtxbbvoletwjafmzlwcviuyhe"
IV = "cab1c2d7d66ea8eb"
OTHER_KEY = KEY[::-1]
RECEIVED = datetime(2026, 11, 20, 9, 30, 6, tzinfo=KST)
PREFIX = "htsuser1^1234567801^0000000123^^02^0^00^0^005930^"
TAIL = "^00950^000000030^홍길동^^1^N^^10^^삼성전자^"
ACCEPTANCE = PREFIX + "0000000030^000070000^093000^0^1^1" + TAIL
FILL = PREFIX + "0000000010^000069950^093005^0^2^2" + TAIL + "000070000"
BAD = PREFIX + "0000000010^0000x9950^093005^0^2^2" + TAIL + "000070000"
PING = '{"header":{"tr_id":"PINGPONG","datetime":"20261120093006"}}'

State = ConversationState


def encrypted(plaintext: str, count: int = 1, key: str = KEY, tr_id: str = TR_ID) -> str:
    return f"1|{tr_id}|{count:03}|{NoticeCipher(key, IV).encrypt(plaintext)}"


def plain(plaintext: str) -> str:
    return f"0|{TR_ID}|001|{plaintext}"


def reply(
    rt_cd: str, msg_cd: str, *, tr_id: str | None = TR_ID, key: str | None = None, iv: str = IV
) -> str:
    body: dict[str, object] = {"rt_cd": rt_cd, "msg_cd": msg_cd, "msg1": "words"}
    if key is not None:
        body["output"] = {"key": key, "iv": iv}
    header = {} if tr_id is None else {"tr_id": tr_id, "tr_key": "htsuser1"}
    return json.dumps({"header": header, "body": body})


SUCCESS = reply("0", "OPSP0000", key=KEY)


def idle() -> Conversation:
    return Conversation(approval_key="approval-key", tr_id=TR_ID)


def subscribing() -> Conversation:
    conversation = idle()
    conversation.subscribe("htsuser1")
    return conversation


def live() -> Conversation:
    conversation = subscribing()
    assert conversation.receive(SUCCESS, RECEIVED) == [Subscribed()]
    return conversation


def releasing() -> Conversation:
    conversation = live()
    conversation.release()
    return conversation


EVERY_STATE = pytest.mark.parametrize("make", [idle, subscribing, live, releasing])
Make = Callable[[], Conversation]


def one(outputs: list[Output]) -> Output:
    [output] = outputs
    return output


def assert_unreadable(outputs: list[Output], raw: str, reason: str) -> None:
    output = one(outputs)
    assert isinstance(output, Unreadable)
    assert output.raw == raw
    assert reason in output.reason


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


# Notices


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
