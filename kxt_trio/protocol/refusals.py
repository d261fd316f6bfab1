"""What the broker's message codes mean and what to do about them.

Codes and texts are the portal's error list, and captures; the advice is the practice of
working clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from kxt_trio.errors import (
    KXTAuthenticationError,
    KXTError,
    KXTSessionInUseError,
    KXTSubscriptionError,
)

from .control import Reply

__all__ = ["MESSAGE_CODES", "RELEASED", "Advice", "advice_for", "refusal_error"]


class Advice(Enum):
    """What to do after a reply."""

    #: Nothing is wrong.
    OK = "ok"
    #: Trying again cannot help; somebody has to change something.
    FATAL = "fatal"
    #: Get a new approval key, once, and connect again.
    RENEW_KEY = "renew_key"
    #: Another session holds the app key: connect again after a long, growing wait.
    WAIT = "wait"
    #: Trouble on the broker's side: connect again after a while.
    RETRY = "retry"
    #: Nobody knows: a few tries, then give up.
    UNKNOWN = "unknown"


_BUG = "the broker did not understand the request; please report this as a bug"
_BUSY = "trouble on the broker's side; it should pass"

#: The code of a successful release.
RELEASED = "OPSP0001"

#: Advice and plain words for every documented code.
MESSAGE_CODES: Mapping[str, tuple[Advice, str]] = {
    "OPSP0000": (Advice.OK, "subscribed"),
    RELEASED: (Advice.OK, "released"),
    "OPSP0002": (Advice.OK, "already subscribed in this session"),
    "OPSP0003": (Advice.OK, "there was nothing to release"),
    "OPSP0007": (Advice.RETRY, _BUSY),
    "OPSP0008": (
        Advice.FATAL,
        "this session has no free registration, 41 are allowed; release some first",
    ),
    "OPSP0009": (
        Advice.UNKNOWN,
        "not entitled to this feed, or the key is malformed; check what the account may use",
    ),
    "OPSP0010": (
        Advice.FATAL,
        "the app key is not accepted; check it, and whether it is for real or paper trading",
    ),
    "OPSP0011": (
        Advice.RENEW_KEY,
        (
            "the approval key is stale or unknown (also said outside business hours); "
            "a new one is needed"
        ),
    ),
    "OPSP0017": (
        Advice.FATAL,
        (
            "wrong HTS ID; set hts_id (KIS_HTS_ID in the environment) to the ID you log in "
            "to HTS or MTS with, every character as it is, not the account number"
        ),
    ),
    "OPSP8991": (Advice.FATAL, _BUG),
    "OPSP8992": (Advice.FATAL, _BUG),
    "OPSP8993": (Advice.FATAL, _BUG),
    "OPSP8994": (Advice.FATAL, "the request carries no secret; check the app keys"),
    "OPSP8995": (Advice.FATAL, "the request carries no app secret; check the app keys"),
    "OPSP8996": (
        Advice.WAIT,
        (
            "another session holds this app key; stop the other program, or wait: the "
            "broker keeps the place for a while after a disconnect"
        ),
    ),
    "OPSP8997": (Advice.FATAL, _BUG),
    "OPSP8998": (Advice.FATAL, _BUG),
    "OPSP8999": (Advice.RETRY, _BUSY),
    "OPSP9990": (Advice.FATAL, _BUG),
    "OPSP9991": (Advice.FATAL, _BUG),
    "OPSP9992": (Advice.FATAL, _BUG),
    "OPSP9993": (Advice.RETRY, _BUSY),
    "OPSP9994": (
        Advice.FATAL,
        "the app key is invalid; check it, and whether it is for real or paper trading",
    ),
    "OPSP9995": (Advice.RETRY, _BUSY),
    "OPSP9996": (Advice.FATAL, "the app key is missing or has a problem; check it"),
    "OPSP9997": (Advice.FATAL, _BUG),
    "OPSP9998": (Advice.FATAL, _BUG),
    "OPSP9999": (Advice.FATAL, _BUG),
}

_UNDOCUMENTED = "a code that is not documented"

# The broker sends these with rt_cd "1" though what was wanted is so.
_WELCOME_REFUSALS = frozenset({"OPSP0002", "OPSP0003"})

_AUTHENTICATION = frozenset(
    {"OPSP0010", "OPSP0011", "OPSP8994", "OPSP8995", "OPSP9994", "OPSP9996"}
)
_SESSION_IN_USE = "OPSP8996"


def advice_for(reply: Reply) -> Advice:
    """Return what to do after this reply; a documented code outweighs ``rt_cd``."""
    succeeded = Advice.OK if reply.rt_cd == "0" else Advice.UNKNOWN
    advice, _ = MESSAGE_CODES.get(reply.msg_cd or "", (succeeded, ""))
    if advice is Advice.OK and reply.msg_cd not in _WELCOME_REFUSALS:
        return succeeded
    return advice


def refusal_error(reply: Reply, tr_id: str) -> KXTError:
    """Return the error for a refused request.

    Args:
        reply: The refusal.
        tr_id: The TR that was asked for; the reply itself often names none.
    """
    code, words = reply.msg_cd, reply.msg1
    _, meaning = MESSAGE_CODES.get(code or "", (Advice.UNKNOWN, _UNDOCUMENTED))
    message = f"{tr_id} refused with {code or 'no code'} {words or ''!r}: {meaning}"
    if code == _SESSION_IN_USE:
        return KXTSessionInUseError(message)
    if code in _AUTHENTICATION:
        return KXTAuthenticationError(message, code=code)
    return KXTSubscriptionError(message, tr_id=tr_id, msg_cd=code, msg1=words)
