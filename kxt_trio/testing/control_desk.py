"""What the broker answers to JSON on the websocket.  Sans-IO, one per connection.

Replies, codes and texts are those of captures and of the portal's error list.  Refusals
on session or parse level (``rt_cd`` 9) do not name the TR they are about.
"""

from __future__ import annotations

import json
import string
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random
from typing import Any

import attrs

from kxt_trio.protocol.cipher import NoticeCipher
from kxt_trio.protocol.notices import notice_tr_id
from kxt_trio.protocol.structure import is_object
from kxt_trio.settings import Credentials

from .issued_keys import IssuedKeys

__all__ = ["ControlDesk", "Refusal", "is_pingpong", "is_release"]

_SUBSCRIBED, _RELEASED = "OPSP0000", "OPSP0001"
_TEXTS = {
    _SUBSCRIBED: "SUBSCRIBE SUCCESS",
    _RELEASED: "UNSUBSCRIBE SUCCESS",
    "OPSP0002": "ALREADY IN SUBSCRIBE",
    "OPSP0003": "UNSUBSCRIBE ERROR(not found!)",
    "OPSP0007": "SUBSCRIBE INTERNAL ERROR",
    "OPSP0008": "MAX SUBSCRIBE OVER",
    "OPSP0009": "SUBSCRIBE ERROR : mci send failed",
    "OPSP0010": "SUBSCRIBE WARNNING : invalid appkey",
    "OPSP0011": "invalid approval : NOT FOUND",
    "OPSP0017": "ERROR : htsid가잘못되었습니다",
    "OPSP8991": "JSON PARSING ERROR : invalid tr_id",
    "OPSP8992": "JSON PARSING ERROR : invalid tr_key",
    "OPSP8993": "JSON PARSING ERROR : invalid tr_key",
    "OPSP8994": "JSON PARSING ERROR : personalseckey not found",
    "OPSP8995": "JSON PARSING ERROR : appsecret not found",
    "OPSP8996": "ALREADY IN USE appkey",
    "OPSP8997": "JSON PARSING ERROR : invalid tr_type",
    "OPSP8998": "JSON PARSING ERROR : invalid custtype",
    "OPSP8999": "resource not available (ALLOC_CALL_PARAM)",
    "OPSP9990": "tr_key not found",
    "OPSP9991": "input not found",
    "OPSP9992": "body not found",
    "OPSP9993": "internal error",
    "OPSP9994": "INVALID appkey",
    "OPSP9995": "resource not available",
    "OPSP9996": "appkey not found",
    "OPSP9997": "custtype not found",
    "OPSP9998": "header not found",
    "OPSP9999": "JSON PARSING ERROR : invalid json format",
}
# Refusals of the business itself; every other one is of the session or the parser.
_BUSINESS = frozenset({"0002", "0003", "0007", "0008", "0009", "0010", "0011"})
_REGISTER, _RELEASE = "1", "2"
_KEY_LETTERS, _IV_DIGITS = 32, 16


@attrs.frozen
class Refusal:
    """How a request is refused; ``msg1`` None for the broker's usual words."""

    msg_cd: str
    msg1: str | None = None

    @property
    def words(self) -> str:
        """What the broker says."""
        return _TEXTS.get(self.msg_cd, "REFUSED") if self.msg1 is None else self.msg1

    @property
    def rt_cd(self) -> str:
        """``"1"`` business, ``"9"`` session or parse level."""
        return "1" if self.msg_cd.removeprefix("OPSP") in _BUSINESS else "9"


class ControlDesk:
    """Decides about one connection's requests.

    Args:
        credentials: Whom the broker serves, and in which environment.
        keys: The approval keys it has issued.
        refusals: What the next subscriptions are refused with, whatever they say.
        is_taken: Whether another session holds the app key.
        random: Source of the notices' key and iv.
    """

    def __init__(
        self,
        credentials: Credentials,
        keys: IssuedKeys,
        *,
        refusals: deque[Refusal],
        is_taken: Callable[[], bool],
        random: Random,
    ) -> None:
        self._hts_id = credentials.hts_id
        self._tr_id = notice_tr_id(credentials.environment)
        self._keys = keys
        self._refusals = refusals
        self._is_taken = is_taken
        self._random = random
        #: Encrypts this connection's notices; None while it is not subscribed.
        self.cipher: NoticeCipher | None = None

    def answer(self, message: Any, now: datetime) -> str:
        """Return the reply to a request; ``message`` is parsed JSON, None if it was none."""
        refusal = _fault_of_form(message) or self._fault_of_content(message, now)
        if refusal is not None:
            return _refused(refusal, message)
        if is_release(message):
            self.cipher = None
            return _reply(message, "0", _RELEASED, _TEXTS[_RELEASED])
        key = "".join(self._random.choices(string.ascii_lowercase, k=_KEY_LETTERS))
        iv = "".join(self._random.choices(string.hexdigits[:16], k=_IV_DIGITS))
        self.cipher = NoticeCipher(key, iv)
        output = {"iv": iv, "key": key}
        return _reply(message, "0", _SUBSCRIBED, _TEXTS[_SUBSCRIBED], output)

    def frame(self, *plaintexts: str) -> str | None:
        """Return the data frame with these records; None when not subscribed."""
        if self.cipher is None:
            return None
        body = self.cipher.encrypt("^".join(plaintexts))
        return f"1|{self._tr_id}|{len(plaintexts):03d}|{body}"

    def _fault_of_content(self, message: Any, now: datetime) -> Refusal | None:
        header, asked = message["header"], message["body"]["input"]
        releasing = is_release(message)
        if self._refusals and not releasing:
            return self._refusals.popleft()
        if asked["tr_id"] != self._tr_id:
            return Refusal("OPSP8991")
        if releasing:
            return None if self.cipher is not None else Refusal("OPSP0003")
        if not self._keys.accepts_approval_key(str(header.get("approval_key")), now):
            return Refusal("OPSP0011")
        if self._is_taken():
            return Refusal("OPSP8996")
        if asked["tr_key"] != self._hts_id:
            return Refusal("OPSP0017")
        return None if self.cipher is None else Refusal("OPSP0002")


def is_pingpong(message: object) -> bool:
    """Whether parsed JSON is a PINGPONG, or the echo of one."""
    header = message.get("header") if is_object(message) else None
    return is_object(header) and header.get("tr_id") == "PINGPONG"


def is_release(message: object) -> bool:
    """Whether parsed JSON asks to end a subscription."""
    header = message.get("header") if is_object(message) else None
    return is_object(header) and header.get("tr_type") == _RELEASE


def _fault_of_form(message: object) -> Refusal | None:
    if not is_object(message):
        return Refusal("OPSP9999")
    header, body = message.get("header"), message.get("body")
    if not is_object(header):
        return Refusal("OPSP9998")
    if is_pingpong(message):  # an echo that is not the same text
        return Refusal("OPSP8993")
    if not is_object(body):
        return Refusal("OPSP9992")
    asked = body.get("input")
    if not is_object(asked):
        return Refusal("OPSP9991")
    return _fault_of_fields(header, asked)


def _fault_of_fields(header: Mapping[str, Any], asked: Mapping[str, Any]) -> Refusal | None:
    if header.get("tr_type") not in (_REGISTER, _RELEASE):
        return Refusal("OPSP8997")
    if header.get("custtype") not in ("P", "B"):
        return Refusal("OPSP8998" if "custtype" in header else "OPSP9997")
    if not isinstance(asked.get("tr_id"), str):
        return Refusal("OPSP8991")
    if not isinstance(asked.get("tr_key"), str):
        return Refusal("OPSP9990")
    return None


def _refused(refusal: Refusal, message: object) -> str:
    about = message if refusal.rt_cd == "1" else None
    return _reply(about, refusal.rt_cd, refusal.msg_cd, refusal.words)


def _reply(
    about: Any, rt_cd: str, msg_cd: str, msg1: str, output: Mapping[str, str] | None = None
) -> str:
    asked = {"tr_id": "(null)", "tr_key": ""} if about is None else about["body"]["input"]
    body: dict[str, object] = {"rt_cd": rt_cd, "msg_cd": msg_cd, "msg1": msg1}
    if output is not None:
        body["output"] = output
    header = {"tr_id": asked["tr_id"], "tr_key": asked["tr_key"], "encrypt": "N"}
    return json.dumps(
        {"header": header, "body": body}, ensure_ascii=False, separators=(",", ":")
    )
