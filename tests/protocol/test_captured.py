"""Captured traffic, line by line.

``vectors/captured.jsonl`` holds masked captures and the official examples.  Where a client
had printed a reply as a Python dict, it was turned back into the JSON text it came from.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from itertools import product
from pathlib import Path

import attrs
import pytest

from kxt_trio.errors import (
    KXTAuthenticationError,
    KXTSessionInUseError,
    KXTSubscriptionError,
)
from kxt_trio.models import (
    KST,
    AccountSummary,
    ExecutionReport,
    FillEvent,
    InstrumentRef,
    OrderAcceptedEvent,
    OrderAction,
    OrderType,
    ProviderOrderRef,
    Side,
    TimeInForce,
    Venue,
)
from kxt_trio.protocol.cipher import NoticeCipher
from kxt_trio.protocol.control import PingPong, Reply, read_control
from kxt_trio.protocol.conversation import (
    Complaint,
    Conversation,
    ConversationState,
    Ping,
    Refused,
    Subscribed,
    Unreadable,
)
from kxt_trio.protocol.frames import FrameHead, read_data_frame
from kxt_trio.protocol.refusals import Advice

VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parent / "vectors" / "captured.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
NOTICES = [v for v in VECTORS if "plaintext" in v and v["tr_id"].startswith("H0STCNI")]
OTHER_NOTICES = [v for v in VECTORS if "plaintext" in v and v not in NOTICES]
REPLIES = [v for v in VECTORS if v["kind"] == "subscribe_reply"]
KEYS = [v for v in VECTORS if "key" in v]
ERRORS = [v for v in VECTORS if v["kind"] == "error_reply"]
PINGS = [v for v in VECTORS if v["kind"] == "pingpong"]
QUOTES = [v for v in VECTORS if v["kind"] == "data_frame"]

RECEIVED = datetime(2026, 11, 20, 15, 0, 0, tzinfo=KST)


def at(clock: str) -> datetime:
    return datetime.combine(RECEIVED, datetime.strptime(clock, "%H:%M:%S").time(), KST)


def accepted(
    account: str,
    order_id: str,
    symbol: str,
    name: str,
    quantity: int,
    clock: str,
    *,
    side: Side,
    price: int | None = None,
    venue: Venue | None = None,
) -> OrderAcceptedEvent:
    return OrderAcceptedEvent(
        order_ref=ProviderOrderRef("kis", order_id, account_id=account[:8]),
        instrument=InstrumentRef(symbol, name),
        occurred_at=at(clock),
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        action=OrderAction.NEW,
        side=side,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        time_in_force=TimeInForce.DAY,
        order_quantity=Decimal(quantity),
        venue=venue,
        account=AccountSummary(account[:8], account[8:] or None),
        received_at=RECEIVED,
    )


def filled(
    account: str,
    order_id: str,
    symbol: str,
    name: str,
    quantity: int,
    price: int,
    clock: str,
    *,
    of: int,
    limit: int | None = None,
    venue: Venue | None = None,
) -> FillEvent:
    return FillEvent(
        report=ExecutionReport(
            execution_id=None,
            order_ref=ProviderOrderRef("kis", order_id, account_id=account[:8]),
            occurred_at=at(clock),
            price=Decimal(price),
            quantity=Decimal(quantity),
        ),
        instrument=InstrumentRef(symbol, name),
        side=Side.BUY,
        order_quantity=Decimal(of),
        order_price=None if limit is None else Decimal(limit),
        venue=venue,
        account=AccountSummary(account[:8], account[8:] or None),
        received_at=RECEIVED,
    )


PAPER = "5000000001"
OFFICIAL = "1234567801"

#: What each notice in the file says, in the file's order.
EXPECTED = [
    accepted(PAPER, "0000045793", "032350", "롯데관광개발", 10, "14:41:12", side=Side.BUY),
    filled(PAPER, "0000045793", "032350", "롯데관광개발", 3, 8130, "14:41:30", of=10),
    accepted(PAPER, "0000045798", "032350", "롯데관광개발", 5, "14:41:28", side=Side.SELL),
    accepted(
        PAPER,
        "0000001562",
        "027360",
        "아주IB투자",
        1,
        "09:27:01",
        side=Side.BUY,
        price=2200,
        venue=Venue.KRX,
    ),
    filled(
        PAPER,
        "0000005008",
        "069500",
        "KODEX200",
        1,
        43295,
        "14:47:00",
        of=1,
        limit=44000,
        venue=Venue.KRX,
    ),
    accepted(
        "12345678",
        "17214",
        "472150",
        "TIGER 배당커버드콜액티브",
        1,
        "10:45:56",
        side=Side.BUY,
        price=23000,
        venue=Venue.KRX,
    ),
    accepted(OFFICIAL, "0000002891", "136480", "하림", 1, "09:49:41", side=Side.BUY),
    filled(OFFICIAL, "0000002891", "136480", "하림", 1, 3190, "09:49:41", of=1),
]


def ack(tr_id: str, key: str, iv: str) -> str:
    return json.dumps(
        {
            "header": {"tr_id": tr_id, "tr_key": "htsuser1", "encrypt": "N"},
            "body": {
                "rt_cd": "0",
                "msg_cd": "OPSP0000",
                "msg1": "SUBSCRIBE SUCCESS",
                "output": {"iv": iv, "key": key},
            },
        }
    )


def asking(tr_id: str) -> Conversation:
    conversation = Conversation(approval_key="approval", tr_id=tr_id)
    conversation.subscribe("htsuser1")
    return conversation


def complete(event: FillEvent | OrderAcceptedEvent) -> dict[str, object]:
    """Every value of an event; ``==`` leaves out most of them."""
    return attrs.asdict(event, recurse=True)


def test_no_line_is_left_out() -> None:
    groups = (NOTICES, OTHER_NOTICES, REPLIES, ERRORS, PINGS, QUOTES)
    bare_keys = [v for v in KEYS if v["kind"] == "key_iv_pair"]
    assert sum(map(len, groups)) + len(bare_keys) == len(VECTORS)
    assert len(NOTICES) == len(EXPECTED)


@pytest.mark.parametrize(
    ("notice", "expected", "keys"),
    [(n, e, k) for (n, e), k in product(zip(NOTICES, EXPECTED, strict=True), KEYS)],
)
def test_every_notice_under_every_key(
    notice: dict[str, str], expected: FillEvent | OrderAcceptedEvent, keys: dict[str, str]
) -> None:
    tr_id, key, iv = notice["tr_id"], keys["key"], keys["iv"]
    conversation = asking(tr_id)
    assert conversation.receive(ack(tr_id, key, iv), RECEIVED) == [Subscribed()]
    body = NoticeCipher(key, iv).encrypt(notice["plaintext"])
    [event] = conversation.receive(f"1|{tr_id}|001|{body}", RECEIVED)
    assert event == expected
    fields = notice["plaintext"].split("^")
    fields[0] = fields[1] = fields[17] = ""
    assert complete(event) == complete(expected) | {"raw": tuple(fields)}


@pytest.mark.parametrize("notice", OTHER_NOTICES)
def test_notices_of_other_markets_are_not_ours(notice: dict[str, str]) -> None:
    text = f"0|{notice['tr_id']}|001|{notice['plaintext']}"
    [output] = asking("H0STCNI0").receive(text, RECEIVED)
    assert isinstance(output, Unreadable)
    assert output.raw == text


@pytest.mark.parametrize("reply", REPLIES)
def test_every_success_reply(reply: dict[str, str]) -> None:
    conversation = asking(reply["tr_id"])
    message = read_control(reply["raw"])
    assert isinstance(message, Reply)
    assert (message.key, message.iv) == (reply["key"], reply["iv"])
    assert conversation.receive(reply["raw"], RECEIVED) == [Subscribed()]
    assert conversation.state is ConversationState.LIVE


@pytest.mark.parametrize("reply", REPLIES)
def test_a_success_reply_of_another_tr_changes_no_key(reply: dict[str, str]) -> None:
    tr_id = "H0STCNI0"
    key, iv = KEYS[-1]["key"], KEYS[-1]["iv"]
    conversation = asking(tr_id)
    conversation.receive(ack(tr_id, key, iv), RECEIVED)
    [output] = conversation.receive(reply["raw"], RECEIVED)
    assert isinstance(output, Unreadable)
    body = NoticeCipher(key, iv).encrypt(NOTICES[0]["plaintext"])
    assert conversation.receive(f"1|{tr_id}|001|{body}", RECEIVED) == [EXPECTED[0]]


@pytest.mark.parametrize(
    ("error", "kind", "advice"),
    [
        (ERRORS[0], KXTSessionInUseError, Advice.WAIT),
        (ERRORS[1], KXTSubscriptionError, Advice.FATAL),
        (ERRORS[2], KXTSubscriptionError, Advice.FATAL),
        (ERRORS[3], KXTSubscriptionError, Advice.FATAL),
        (ERRORS[4], KXTSubscriptionError, Advice.FATAL),
    ],
)
def test_every_error_reply(error: dict[str, str], kind: type, advice: Advice) -> None:
    conversation = asking(error.get("tr_id", "H0STCNI0"))
    [output] = conversation.receive(error["raw"], RECEIVED)
    assert isinstance(output, Refused)
    assert type(output.error) is kind
    assert not isinstance(output.error, KXTAuthenticationError)
    assert output.advice is advice
    assert conversation.state is ConversationState.IDLE
    code = json.loads(error["raw"])["body"]["msg_cd"]
    assert code in str(output.error)


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_reply_to_nothing(error: dict[str, str]) -> None:
    conversation = Conversation(approval_key="approval", tr_id="H0STCNI0")
    body = json.loads(error["raw"])["body"]
    assert conversation.receive(error["raw"], RECEIVED) == [
        Complaint(body["msg_cd"], body["msg1"])
    ]


@pytest.mark.parametrize(
    ("ping", "sent_at"),
    [
        (PINGS[0], datetime(2023, 10, 4, 16, 4, 55, tzinfo=KST)),
        (PINGS[1], datetime(2024, 10, 11, 12, 18, 18, tzinfo=KST)),
    ],
)
def test_every_pingpong(ping: dict[str, str], sent_at: datetime) -> None:
    assert read_control(ping["raw"]) == PingPong(ping["raw"], sent_at)
    conversation = Conversation(approval_key="approval", tr_id="H0STCNI0")
    payload = ping["raw"].encode()
    assert len(payload) == 59
    assert conversation.receive(ping["raw"], RECEIVED) == [Ping(payload, sent_at)]


@pytest.mark.parametrize("quote", QUOTES)
def test_every_quote_frame(quote: dict[str, str]) -> None:
    head, body = read_data_frame(quote["raw"])
    assert head == FrameHead(encrypted=False, tr_id=quote["tr_id"], count=1)
    assert quote["raw"].endswith(f"|{body}")
    [output] = asking("H0STCNI0").receive(quote["raw"], RECEIVED)
    assert isinstance(output, Unreadable)
