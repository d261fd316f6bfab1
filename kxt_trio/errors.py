"""What can go wrong, as one tree whose leaves say whose fault it is.

.. code-block:: text

    KXTError
     ├── KXTValidationError      the caller: a bad argument (also a ValueError)
     ├── KXTUnsupportedError     the caller: not possible like this
     ├── KXTAuthenticationError  the settings: keys or approval refused
     ├── KXTSubscriptionError    the settings: the broker refused the subscription
     ├── KXTSessionInUseError    another program holds the app key's only session
     ├── KXTConnectionError      the network
     │    └── KXTTimeoutError    the network: nothing came in time
     ├── KXTProtocolError        the peer sent what nobody can read
     ├── KXTAPIError             the broker's REST side refused a call
     ├── KXTSlowConsumerError    the caller: events were not taken fast enough
     └── KXTJournalError         the disk: the journal cannot be written or read
          └── KXTJournalInUseError   another program writes the same journal

No message holds a key, a secret, an HTS ID, an account number or the text of a
notice.  Exceptions of the libraries underneath never cross the public edge; they
are kept as ``__cause__``.
"""

from __future__ import annotations

__all__ = [
    "KXTAPIError",
    "KXTAuthenticationError",
    "KXTConnectionError",
    "KXTError",
    "KXTJournalError",
    "KXTJournalInUseError",
    "KXTProtocolError",
    "KXTSessionInUseError",
    "KXTSlowConsumerError",
    "KXTSubscriptionError",
    "KXTTimeoutError",
    "KXTUnsupportedError",
    "KXTValidationError",
]


class KXTError(Exception):
    """Root of every error this library raises on purpose."""


class KXTValidationError(KXTError, ValueError):
    """An argument cannot be used; the message names it and says what would do."""


class KXTUnsupportedError(KXTError):
    """What was asked for cannot be done: no HTS ID, or not running under trio."""


class KXTAuthenticationError(KXTError):
    """The broker does not accept the app key, the app secret or the approval key.

    Trying again with the same keys does not help.
    """

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        #: The broker's error code (``EGW…`` from REST, ``OPSP…`` from the socket).
        self.code = code


class KXTSubscriptionError(KXTError):
    """The broker refused the subscription, for a reason that will not pass."""

    def __init__(
        self,
        message: str,
        *,
        tr_id: str | None = None,
        msg_cd: str | None = None,
        msg1: str | None = None,
    ) -> None:
        super().__init__(message)
        #: The TR that was asked for, such as ``"H0STCNI0"``.
        self.tr_id = tr_id
        #: The broker's code, such as ``"OPSP0017"``.
        self.msg_cd = msg_cd
        #: The broker's words.
        self.msg1 = msg1


class KXTSessionInUseError(KXTError):
    """The app key's only session is held by another program (``OPSP8996``)."""


class KXTConnectionError(KXTError):
    """The broker cannot be reached, or the link was lost and could not be restored."""


class KXTTimeoutError(KXTConnectionError):
    """The broker did not answer in time, or the link went silent."""


class KXTProtocolError(KXTError):
    """The peer sent something that is not the documented protocol."""


class KXTAPIError(KXTError):
    """A REST call was answered with a refusal."""

    def __init__(
        self, message: str, *, code: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        #: The broker's error code, such as ``"EGW00201"``.
        self.code = code
        #: The HTTP status.  KIS sends business refusals with 500, too.
        self.status = status


class KXTSlowConsumerError(KXTError):
    """A stream's buffer ran full, so the stream ended instead of dropping events.

    Raised after every buffered event has been received.  Other streams and the link
    are not touched.
    """


class KXTJournalError(KXTError):
    """The journal cannot be written or read: disk full, damaged, not a journal.

    What was committed before stays committed.  After a failed write a journal takes
    nothing more, so that it has no gaps; open it again when the cause is gone.
    """


class KXTJournalInUseError(KXTJournalError):
    """Another program, or another stream of this one, writes the same journal."""
