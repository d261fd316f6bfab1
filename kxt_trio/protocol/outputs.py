"""What comes out of a conversation, besides the broker's own events."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

import attrs

from kxt_trio.errors import KXTError
from kxt_trio.models import FillEvent, OrderLifecycleEvent

from .refusals import Advice

__all__ = [
    "Complaint",
    "Output",
    "Ping",
    "Refused",
    "Released",
    "Subscribed",
    "Unreadable",
]


@attrs.frozen
class Ping:
    """The broker wants ``payload`` back, in a pong control frame."""

    payload: bytes
    sent_at: datetime | None


@attrs.frozen
class Subscribed:
    """The subscription is acknowledged: no notice can be missed from here on."""


@attrs.frozen
class Released:
    """The subscription is over, whether asked for or not: no notice comes any more."""


@attrs.frozen
class Refused:
    """The request in flight was refused: the error to raise, and what to do."""

    error: KXTError
    advice: Advice


@attrs.frozen
class Complaint:
    """An error reply to nothing that was asked; the broker often closes after one."""

    msg_cd: str | None
    msg1: str | None


@attrs.frozen
class Unreadable:
    """A message, or one record of it, that could not be used.

    Attributes:
        reason: What is wrong with it; nothing of its content.
        raw: The text: the record or the body in plain where it got that far, otherwise
            the message as received.  Private, not in ``repr``.
        shape: ``raw`` with its content taken out, fit to be shown.
    """

    reason: str
    raw: str = attrs.field(repr=False)
    shape: str


#: What :meth:`Conversation.receive` gives.
Output: TypeAlias = (
    FillEvent
    | OrderLifecycleEvent
    | Ping
    | Subscribed
    | Released
    | Refused
    | Complaint
    | Unreadable
)
