"""Everything a user sets: where to connect, with which keys, how patiently."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Literal, NoReturn
from urllib.parse import urlsplit

import attrs

from .errors import KXTValidationError
from .models.values import AccountSummary, mask

__all__ = ["Credentials", "Endpoints", "Environment", "Reconciliation", "StreamPolicy"]


class Environment(StrEnum):
    """Which of the broker's two worlds the keys belong to.

    Keys of one are refused by the other.
    """

    #: Real trading (실전투자).
    REAL = "real"
    #: Paper trading (모의투자).
    PAPER = "paper"


def _url(*schemes: str) -> Any:
    def check(_: object, attribute: attrs.Attribute[str], value: str) -> None:
        if not _is_url(value, schemes):
            raise KXTValidationError(
                f"endpoint {attribute.name} must be a URL starting with "
                + " or ".join(f"{scheme}://" for scheme in schemes)
            )

    return check


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    if not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an address or a port that cannot be one
        return False


@attrs.frozen
class Endpoints:
    """The broker's two addresses.

    KIS documents plain ``ws`` only, so approval key, HTS ID and AES key travel in the
    clear.  Where you have a ``wss`` endpoint it is used as such; the library never
    falls back from one to the other.
    """

    rest: str = attrs.field(validator=_url("http", "https"))
    websocket: str = attrs.field(validator=_url("ws", "wss"))

    @classmethod
    def of(cls, environment: Environment) -> Endpoints:
        """Return the broker's own hosts (official ``kis_devlp.yaml``)."""
        return _HOSTS[environment]

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Endpoints | None:
        """Read KIS_REST_URL and KIS_WEBSOCKET_URL; None for the broker's own hosts.

        Raises:
            KXTValidationError: only one of them is set, or one is no such URL.
        """
        source = os.environ if env is None else env
        rest, websocket = (
            source.get(name, "").strip() for name in ("KIS_REST_URL", "KIS_WEBSOCKET_URL")
        )
        if rest and websocket:
            return cls(rest=rest, websocket=websocket)
        if rest or websocket:
            given, other = ("REST", "WEBSOCKET") if rest else ("WEBSOCKET", "REST")
            raise KXTValidationError(
                f"KIS_{given}_URL is set and KIS_{other}_URL is not: set both, or neither "
                "for the broker's own addresses"
            )
        return None


_HOSTS = {
    Environment.REAL: Endpoints(
        rest="https://openapi.koreainvestment.com:9443",
        websocket="ws://ops.koreainvestment.com:21000/tryitout",
    ),
    Environment.PAPER: Endpoints(
        rest="https://openapivts.koreainvestment.com:29443",
        websocket="ws://ops.koreainvestment.com:31000/tryitout",
    ),
}


def _at_least(bound: float, *, strictly: bool = False) -> Any:
    def check(_: object, attribute: attrs.Attribute[float], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise KXTValidationError(f"{attribute.name} must be a number")
        if not (value > bound if strictly else value >= bound):
            sign = "more than" if strictly else "at least"
            raise KXTValidationError(f"policy {attribute.name} must be {sign} {bound}")

    return check


def _finite(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not math.isfinite(value):
        raise KXTValidationError(f"{attribute.name} must be finite")


def _whole(_: object, attribute: attrs.Attribute[int], value: object) -> None:
    if not isinstance(value, int):
        raise KXTValidationError(f"policy {attribute.name} must be a whole number")


_positive = _at_least(0, strictly=True)


@attrs.frozen(kw_only=True)
class StreamPolicy:
    """How patient, how persistent and how polite a session is.  Times are seconds.

    Attributes:
        heartbeat_timeout: Silence of this length, on any frame, is a dead link.  The
            broker sends a PINGPONG every 11 to 14 s when it has nothing else to say.
        connect_timeout: Bound of one attempt to open the link, handshake included, and
            of each phase (connect, send, receive) of a REST call.
        subscribe_timeout: Bound of the wait for the reply to a subscription.
        startup_timeout: How long transient trouble is retried before the first
            subscription; then :exc:`~kxt_trio.KXTConnectionError` is raised.
        backoff_initial: Upper bound of the first reconnect delay; doubles each time.
        backoff_max: Upper bound of every reconnect delay.
        backoff_floor: Lower bound of every reconnect delay.
        stable_after: A subscription that lived this long resets the backoff.
        connects_per_minute: Never more connects than this in 60 s: KIS blocks keys and
            addresses that connect in a loop.
        shutdown_grace: Bound of the goodbye when a block is left.
        buffer_size: Events a stream holds for a consumer that is busy.
        max_message_size: A larger message ends the connection.  Bytes.
    """

    heartbeat_timeout: float = attrs.field(default=60, validator=_positive)
    connect_timeout: float = attrs.field(default=10, validator=_positive)
    subscribe_timeout: float = attrs.field(default=10, validator=_positive)
    startup_timeout: float = attrs.field(default=30, validator=_positive)
    backoff_initial: float = attrs.field(default=1, validator=_positive)
    backoff_max: float = attrs.field(default=60, validator=_positive)
    backoff_floor: float = attrs.field(default=1, validator=_at_least(0))
    stable_after: float = attrs.field(default=60, validator=_at_least(0))
    connects_per_minute: int = attrs.field(default=6, validator=[_whole, _at_least(1)])
    shutdown_grace: float = attrs.field(default=2, validator=_at_least(0))
    buffer_size: int = attrs.field(default=10_000, validator=[_whole, _at_least(1)])
    max_message_size: int = attrs.field(default=64 * 1024, validator=[_whole, _at_least(1024)])

    def __attrs_post_init__(self) -> None:
        """Refuse a floor above the ceiling."""
        if self.backoff_floor > self.backoff_max:
            raise KXTValidationError("policy backoff_floor must not exceed backoff_max")


@attrs.frozen(kw_only=True)
class Reconciliation:
    """Whether and how fills are held against the broker's own totals.  Times are seconds.

    Attributes:
        enabled: False to deliver notices only and announce gaps.
        stream_lag: Longest time from an execution to its notice (D).  An answer of the
            broker is acted on this long after it came.  Raised by itself when notices
            turn out slower.
        rest_lag: Oldest that the broker's totals are when asked for (L).
        audit_interval: Between questions while orders are open: a healthy link can lose
            a single notice.
        replay: At the first start, ``"today"`` delivers what was filled earlier today,
            one recovered fill for each order; ``"none"`` begins with what comes.
    """

    enabled: bool = True
    stream_lag: float = attrs.field(default=5.0, validator=[_positive, _finite])
    rest_lag: float = attrs.field(default=5.0, validator=[_positive, _finite])
    audit_interval: float = attrs.field(default=30.0, validator=[_positive, _finite])
    replay: Literal["none", "today"] = "none"

    def __attrs_post_init__(self) -> None:
        """Refuse a replay that is none."""
        if self.replay not in ("none", "today"):
            raise KXTValidationError("reconciliation replay must be 'none' or 'today'")


def text_or_none(value: object) -> str | None:
    """Return a setting without its blanks; a blank one counts as missing.

    Raises:
        KXTValidationError: it is not text, such as an account number written as a number.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise KXTValidationError(
            f"keys, HTS ID and account number are text, not {type(value).__name__}; put quotes "
            "around it"
        )
    return value.strip() or None


def _text(value: str | None) -> str | None:
    return text_or_none(value)


def _stripped(value: str) -> str:
    return text_or_none(value) or ""


def _environment(value: str) -> Environment:
    try:
        return Environment(value)
    except ValueError:
        known = " or ".join(repr(kind.value) for kind in Environment)
        raise KXTValidationError(f"environment must be {known}") from None


def _required(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if not value:
        raise KXTValidationError(f"{attribute.name} is missing or blank")


@attrs.frozen(kw_only=True)
class Credentials:
    """Who you are to the broker.

    Can be unpacked where the keywords are expected::

        async with open_fill_stream(**Credentials.from_env()) as fills: ...

    ``repr`` shows no secret, and a pickle cannot be made.
    """

    app_key: str = attrs.field(repr=False, converter=_stripped, validator=_required)
    app_secret: str = attrs.field(repr=False, converter=_stripped, validator=_required)
    hts_id: str | None = attrs.field(default=None, repr=False, converter=_text)
    account_no: str | None = attrs.field(default=None, repr=mask, converter=_text)
    account_product_code: str | None = attrs.field(default=None, converter=_text)
    environment: Environment = attrs.field(default=Environment.REAL, converter=_environment)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Credentials:
        """Read KIS_APP_KEY, KIS_APP_SECRET, KIS_HTS_ID, KIS_ACCOUNT_NO
        (``12345678`` or ``12345678-01``), KIS_ACCOUNT_PRODUCT_CODE and KIS_ENV
        (``real`` or ``paper``).

        Raises:
            KXTValidationError: one is missing or unusable; the message names it.
        """
        source = os.environ if env is None else env
        for name in ("KIS_APP_KEY", "KIS_APP_SECRET"):
            if not source.get(name, "").strip():
                raise KXTValidationError(f"set {name} in the environment")
        kind = source.get("KIS_ENV", "").strip().lower() or "real"
        if kind not in ("real", "paper"):
            raise KXTValidationError("KIS_ENV must be 'real' or 'paper'")
        credentials = cls(
            app_key=source["KIS_APP_KEY"],
            app_secret=source["KIS_APP_SECRET"],
            hts_id=source.get("KIS_HTS_ID"),
            account_no=source.get("KIS_ACCOUNT_NO"),
            account_product_code=source.get("KIS_ACCOUNT_PRODUCT_CODE"),
            environment=Environment(kind),
        )
        if credentials.account_no is not None:
            code = credentials.account_product_code
            try:
                AccountSummary.parse(credentials.account_no, code)
            except KXTValidationError as exc:
                named = "KIS_ACCOUNT_NO" + (" or KIS_ACCOUNT_PRODUCT_CODE" if code else "")
                raise KXTValidationError(f"{named} is unusable: {exc}") from None
        return credentials

    def keys(self) -> Iterator[str]:
        """Return the keyword names, so that ``**credentials`` works."""
        return iter([field.name for field in attrs.fields(type(self))])

    def __getitem__(self, name: str) -> Any:
        """Return one keyword's value."""
        return getattr(self, name)

    def __reduce__(self) -> NoReturn:
        """Refuse: a pickle would carry the secrets."""
        raise TypeError("credentials are not pickled: a pickle would carry the secrets")
