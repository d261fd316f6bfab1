"""Messages of a conversation, and conversations at each of their stages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from kxt_trio.models import KST
from kxt_trio.protocol.cipher import NoticeCipher
from kxt_trio.protocol.conversation import (
    Conversation,
    ConversationState,
    Output,
    Subscribed,
    Unreadable,
)

TR_ID = "H0STCNI0"
KEY = "ikznadvwtxbbvoletwjafmzlwcviuyhe"
IV = "cab1c2d7d66ea8eb"
OTHER_KEY = KEY[::-1]
RECEIVED = datetime(2026, 11, 20, 9, 30, 6, tzinfo=KST)
PREFIX = "htsuser1^1234567801^0000000123^^02^0^00^0^005930^"
TAIL = "^00950^000000030^홍길동^^1^N^^10^^삼성전자^"
FILL = PREFIX + "0000000010^000069950^093005^0^2^2" + TAIL + "000070000"
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
