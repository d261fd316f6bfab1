"""Account numbers, concealed: who reads a fill id, a journal or a log learns none.

An account number has eight digits, so a bare hash of it is undone by trying them all.
The hash is therefore keyed with the app key, which is stored nowhere beside it.  That
also makes the tag, and with it every fill id, the same on every machine that has the
keys.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from kxt_trio.models import AnyEvent, from_json, to_json

__all__ = ["account_tag", "concealed_json", "revealed_event"]

_TAG_BYTES = 6
_KEY_BYTES = 64
# Inside a text the quotes would have backslashes, so this is the field and nothing else.
_ACCOUNT = re.compile(r'("account_id": ?")[^"\\]*(")')


def account_tag(account_id: str, app_key: str) -> str:
    """Return what stands for the account: twelve hexadecimal digits.

    Args:
        account_id: The eight-digit number.  Order numbers are the account's, whatever the
            product code, so that takes no part.
        app_key: The key of the hash.
    """
    return blake2b(
        account_id.encode(),
        key=app_key.encode()[:_KEY_BYTES],
        digest_size=_TAG_BYTES,
        person=b"kxt_trio account",
    ).hexdigest()


def concealed_json(event: AnyEvent, tag: str) -> str:
    """Return the event's JSON with the tag in the account number's place."""
    return _ACCOUNT.sub(rf"\g<1>{tag}\g<2>", to_json(event))


def revealed_event(text: str, account_id: str | None) -> AnyEvent:
    """Return the event of :func:`concealed_json`.

    Args:
        text: The JSON.
        account_id: The number that belongs in it; None to leave the tag where it is.

    Raises:
        KXTValidationError: the text is not an event's.
    """
    if account_id is None:
        return from_json(text)
    return from_json(_ACCOUNT.sub(rf"\g<1>{account_id}\g<2>", text))
