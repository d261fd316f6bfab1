"""What may be shown of the broker's texts."""

from __future__ import annotations

import re

__all__ = ["quotable", "redact"]

_LENGTH = 400
_WORDS = 200
# An account number has eight digits and more; no message code has.
_NUMBER = re.compile("[0-9]{8,}")
_DIGIT = re.compile("[0-9]")
# All but ASCII punctuation, blanks and the nines; the underscore counts as a letter.
_CONTENT = re.compile(r"[^9 !-/:-@\[-^`{-~]")


def redact(text: str) -> str:
    """Return the first 400 characters with nothing left to read in them.

    Digits become ``9``, everything else becomes ``a``; ASCII punctuation and blanks
    stay, so one sees how many fields there were and how long each was.
    """
    return _CONTENT.sub("a", _DIGIT.sub("9", text[:_LENGTH]))


def quotable(words: str | None, *private: str) -> str | None:
    """Return the broker's words, fit to be logged: one line, short, nothing private.

    Args:
        words: What the broker said of a request.
        private: What was in the request and must not come back out.
    """
    if words is None:
        return None
    for text in private:
        if text:
            words = words.replace(text, "***")
    return " ".join(_NUMBER.sub("***", words).split())[:_WORDS]
