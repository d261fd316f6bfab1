"""The state table of one connection.

The session writes what :meth:`Conversation.subscribe` and :meth:`Conversation.release`
return, hands the texts it receives to :meth:`Conversation.receive_all`, and acts on what
comes out.  A conversation is thrown away with its connection, and its key with it.

.. code-block:: text

    input              IDLE           SUBSCRIBING        LIVE             RELEASING
    -----------------  -------------  -----------------  ---------------  ----------------
    subscribe()        > SUBSCRIBING  RuntimeError       RuntimeError     RuntimeError
    release()          RuntimeError   RuntimeError       > RELEASING      RuntimeError
    success with key   Unreadable     Subscribed > LIVE  key taken over   Released > IDLE
    success without    Unreadable     Refused > IDLE     nothing          Released > IDLE
    release success    Unreadable     Refused > IDLE     Released > IDLE  Released > IDLE
    refusal            Complaint      Refused > IDLE     Complaint        Refused > LIVE
    encrypted notice   Unreadable     Unreadable         events           events
    plain notice       events         events             events           events
    PINGPONG           Ping           Ping               Ping             Ping
    anything else      Unreadable     Unreadable         Unreadable       Unreadable

A reply that names no TR answers the request in flight; one that names another TR is never
ours, so its success is Unreadable and its refusal a Complaint.  ``OPSP0002`` (already
subscribed) is a success, and ``OPSP0003`` (nothing to release) too; neither is known to
bring a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum

import attrs

from kxt_trio.errors import KXTProtocolError

from .cipher import NoticeCipher, damaged_notice
from .control import PingPong, Reply, read_control, release_request, subscribe_request
from .frames import FrameHead, read_data_frame, split_records
from .notices.domestic_stock import read_record
from .outputs import (
    Complaint,
    Output,
    Ping,
    Refused,
    Released,
    Subscribed,
    Unreadable,
)
from .redact import quotable, redact
from .refusals import RELEASED, Advice, advice_for, refusal_error

__all__ = [
    "Complaint",
    "Conversation",
    "ConversationState",
    "Output",
    "Ping",
    "Refused",
    "Released",
    "Subscribed",
    "Unreadable",
]

# RFC 6455: a control frame carries no more.
_MAX_PONG = 125


class ConversationState(Enum):
    """How far a conversation has come."""

    #: Nothing is subscribed.
    IDLE = "idle"
    #: The subscription is asked for and not yet answered.
    SUBSCRIBING = "subscribing"
    #: Subscribed; the key of the notices is held.
    LIVE = "live"
    #: The release is asked for and not yet answered; notices are still read.
    RELEASING = "releasing"


class Conversation:
    """What is said on one connection, about one TR.  ``repr`` shows no key.

    Args:
        approval_key: The websocket approval key.
        tr_id: The notice TR, such as ``"H0STCNI0"``.
    """

    def __init__(self, *, approval_key: str, tr_id: str) -> None:
        self._approval_key = approval_key
        self._tr_id = tr_id
        self._state = ConversationState.IDLE
        self._hts_id = ""
        self._cipher: NoticeCipher | None = None

    def __repr__(self) -> str:
        return f"<Conversation about {self._tr_id}: {self._state.name}>"

    @property
    def state(self) -> ConversationState:
        """How far it has come."""
        return self._state

    @property
    def hts_id(self) -> str:
        """Whose notices it is about; empty while idle."""
        return self._hts_id

    def subscribe(self, hts_id: str) -> str:
        """Return the text that asks for the notices of this HTS ID.

        Raises:
            RuntimeError: the conversation is not idle.
        """
        self._require(ConversationState.IDLE, "subscribe")
        self._state = ConversationState.SUBSCRIBING
        self._hts_id = hts_id
        return subscribe_request(self._approval_key, self._tr_id, hts_id)

    def release(self) -> str:
        """Return the text that ends the subscription.

        Raises:
            RuntimeError: the conversation is not live.
        """
        self._require(ConversationState.LIVE, "release")
        self._state = ConversationState.RELEASING
        return release_request(self._approval_key, self._tr_id, self._hts_id)

    def receive(self, text: str, received_at: datetime) -> list[Output]:
        """Take one text from the broker; as :meth:`receive_all`."""
        return list(self.receive_all([text], received_at))

    def receive_all(self, texts: Sequence[str], received_at: datetime) -> Iterable[Output]:
        """Take texts from the broker; never raises, whatever they say.

        Args:
            texts: The messages, in order.
            received_at: When they arrived, an aware time.

        Returns:
            What follows from them, in order; what cannot be read does not hold back
            anything else.  The state is as of what was taken: a text that changes it is
            not looked at before all that came before it has been taken.
        """
        for text in texts:
            if text.startswith("{"):
                return self._receive_mixed(texts, received_at)
        return self._receive_notices(texts, received_at)

    def _receive_mixed(self, texts: Sequence[str], received_at: datetime) -> Iterator[Output]:
        notices: list[str] = []
        for text in texts:
            if not text.startswith("{"):
                notices.append(text)
                continue
            yield from self._receive_notices(notices, received_at)
            notices = []
            yield from self._receive_control(text)
        yield from self._receive_notices(notices, received_at)

    def _require(self, state: ConversationState, verb: str) -> None:
        if self._state is not state:
            raise RuntimeError(f"cannot {verb} while {self._state.name}")

    def _receive_notices(self, texts: Sequence[str], received_at: datetime) -> list[Output]:
        """Read data frames; the encrypted ones are decrypted together, which is quicker."""
        frames: list[tuple[FrameHead, str] | Unreadable] = []
        locked: list[str] = []
        for text in texts:
            try:
                head, body = read_data_frame(text)
                if head.tr_id != self._tr_id:
                    raise KXTProtocolError("data frame: of a TR that was not asked for")
                if head.encrypted:
                    if self._cipher is None:
                        raise KXTProtocolError("encrypted notice: no key is held")
                    locked.append(body)
                frames.append((head, body))
            except KXTProtocolError as exc:
                frames.append(_unreadable(exc, text))
        plaintexts = iter(self._cipher.decrypt_all(locked) if self._cipher else ())
        outputs: list[Output] = []
        for text, frame in zip(texts, frames, strict=True):
            if isinstance(frame, Unreadable):
                outputs.append(frame)
                continue
            head, body = frame
            plaintext = next(plaintexts) if head.encrypted else body
            if plaintext is None:
                outputs.append(_unreadable(damaged_notice(), text))
            else:
                _read_records(plaintext, head.count, text, received_at, outputs)
        return outputs

    def _receive_control(self, text: str) -> list[Output]:
        try:
            message = read_control(text)
            if isinstance(message, PingPong):
                return [_ping(message, text)]
            words = quotable(message.msg1, self._hts_id, self._approval_key)
            message = attrs.evolve(message, msg1=words)
            advice = advice_for(message)
            if advice is Advice.OK:
                return self._receive_success(message)
        except KXTProtocolError as exc:
            return [_unreadable(exc, text)]
        return self._receive_refusal(message, advice)

    def _receive_success(self, reply: Reply) -> list[Output]:
        if not self._is_ours(reply):
            raise KXTProtocolError("control message: success of nothing that was asked for")
        if self._state is ConversationState.SUBSCRIBING:
            return [self._subscribed(reply)]
        if self._state is ConversationState.RELEASING or reply.msg_cd == RELEASED:
            self._forget()
            return [Released()]
        if reply.key and reply.iv:
            self._cipher = NoticeCipher(reply.key, reply.iv)
        return []

    def _receive_refusal(self, reply: Reply, advice: Advice) -> list[Output]:
        if not self._is_ours(reply) or not self._in_flight:
            return [Complaint(reply.msg_cd, reply.msg1)]
        if self._state is ConversationState.RELEASING:
            self._state = ConversationState.LIVE
        else:
            self._forget()
        return [Refused(refusal_error(reply, self._tr_id), advice)]

    def _subscribed(self, reply: Reply) -> Subscribed | Refused:
        try:
            self._cipher = _cipher_of(reply)
        except KXTProtocolError as exc:
            self._forget()
            return Refused(exc, Advice.RETRY)
        self._state = ConversationState.LIVE
        return Subscribed()

    @property
    def _in_flight(self) -> bool:
        return self._state in (ConversationState.SUBSCRIBING, ConversationState.RELEASING)

    def _is_ours(self, reply: Reply) -> bool:
        if reply.tr_id is None:
            return self._in_flight
        return reply.tr_id == self._tr_id and self._state is not ConversationState.IDLE

    def _forget(self) -> None:
        self._state = ConversationState.IDLE
        self._hts_id = ""
        self._cipher = None


def _cipher_of(reply: Reply) -> NoticeCipher:
    if reply.key and reply.iv:
        return NoticeCipher(reply.key, reply.iv)
    raise KXTProtocolError(
        f"subscribed ({reply.msg_cd or 'no code'}), but the key of the notices is missing; "
        "a new connection is needed to get one"
    )


def _ping(message: PingPong, text: str) -> Ping:
    payload = text.encode("utf-8", errors="replace")
    if len(payload) > _MAX_PONG:
        raise KXTProtocolError("PINGPONG: longer than a pong can carry back")
    return Ping(payload, message.sent_at)


def _read_records(
    plaintext: str, count: int, frame: str, received_at: datetime, outputs: list[Output]
) -> None:
    try:
        records = split_records(plaintext, count)
    except KXTProtocolError as exc:
        outputs.append(_unreadable(exc, plaintext or frame))
        return
    for record in records:
        try:
            outputs.append(read_record(record, received_at))
        except KXTProtocolError as exc:
            outputs.append(_unreadable(exc, "^".join(record)))


def _unreadable(exc: KXTProtocolError, raw: str) -> Unreadable:
    return Unreadable(str(exc), raw, redact(raw))
