"""Control messages: requests we send, replies and PINGPONG we get.  All are JSON.

There is no request id.  Replies name their TR, except that refusals often say
``"(null)"``, ``""`` or nothing instead (genuine captures), so who asks has to keep one
request in flight at a time.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import attrs

from kxt_trio.models import KST

from .structure import is_object, read_json, read_object

__all__ = ["PingPong", "Reply", "read_control", "release_request", "subscribe_request"]

_REGISTER = "1"
# Some official docstrings say "0"; the portal sheet and working clients use "2".
_RELEASE = "2"


@attrs.frozen
class Reply:
    """The answer to a request.

    Attributes:
        tr_id: The TR it is about, None where the broker did not say.
        tr_key: The HTS ID it is about, where the broker said.
        rt_cd: ``"0"`` success, ``"1"`` business refusal, ``"9"`` session or parse level.
        msg_cd: The code, such as ``"OPSP0000"``.
        msg1: The broker's words.
        key: AES key of the notices, with the success of a subscription.
        iv: AES initialisation vector, likewise.
    """

    tr_id: str | None
    tr_key: str | None = attrs.field(repr=False)
    rt_cd: str
    msg_cd: str | None
    msg1: str | None
    key: str | None = attrs.field(default=None, repr=False)
    iv: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class PingPong:
    """The broker's heartbeat: a text message that wants its own bytes back.

    ``sent_at`` is the broker's clock in KST, None where it cannot be read.
    """

    text: str
    sent_at: datetime | None


def read_control(text: str) -> Reply | PingPong:
    """Read a control message.

    Raises:
        KXTProtocolError: not JSON, or not of a documented shape.
    """
    message = read_json(text, _Message, "control message")
    header = read_object(message.header, _Header, "control message header")
    if header.tr_id == "PINGPONG":
        return PingPong(text, _sent_at(header.datetime))
    body = read_object(message.body, _Body, "control message body")
    output = body.output if is_object(body.output) else {}
    keys = read_object(output, _Keys, "control message output")
    return Reply(
        header.tr_id, header.tr_key, body.rt_cd, body.msg_cd, body.msg1, keys.key, keys.iv
    )


def subscribe_request(
    approval_key: str, tr_id: str, tr_key: str, *, custtype: str = "P"
) -> str:
    """Return the text that registers for a notice TR.

    Args:
        approval_key: The websocket approval key.
        tr_id: The notice TR, such as ``"H0STCNI0"``.
        tr_key: The HTS ID, exactly as the user logs in with.
        custtype: ``"P"`` individual, ``"B"`` corporation.
    """
    return _request(_REGISTER, approval_key, tr_id, tr_key, custtype)


def release_request(approval_key: str, tr_id: str, tr_key: str, *, custtype: str = "P") -> str:
    """Return the text that undoes :func:`subscribe_request` with the same arguments."""
    return _request(_RELEASE, approval_key, tr_id, tr_key, custtype)


def _request(tr_type: str, approval_key: str, tr_id: str, tr_key: str, custtype: str) -> str:
    return json.dumps(
        {
            "header": {
                "approval_key": approval_key,
                "custtype": custtype,
                "tr_type": tr_type,
                "content-type": "utf-8",
            },
            "body": {"input": {"tr_id": tr_id, "tr_key": tr_key}},
        },
        ensure_ascii=False,
    )


def _sent_at(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text or "", "%Y%m%d%H%M%S").replace(tzinfo=KST)
    except ValueError:
        return None


@attrs.frozen(eq=False, repr=False)
class _Header:
    tr_id: str | None = None
    tr_key: str | None = None
    datetime: str | None = None


@attrs.frozen(eq=False, repr=False)
class _Body:
    rt_cd: str
    msg_cd: str | None = None
    msg1: str | None = None
    output: Any = None


@attrs.frozen(eq=False, repr=False)
class _Keys:
    key: str | None = None
    iv: str | None = None


@attrs.frozen(eq=False, repr=False)
class _Message:
    header: Any = attrs.field(factory=dict[str, Any])
    body: Any = None
