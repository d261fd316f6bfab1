"""``kxt-trio doctor``: one check after the other, and what to do about what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import attrs
import trio

from kxt_trio import (
    Credentials,
    Endpoints,
    Environment,
    KISClient,
    KXTAuthenticationError,
    KXTError,
    Reconciliation,
    StreamPolicy,
)
from kxt_trio.transport.rest import open_rest_client

from .arguments import DoctorOptions, SettingsOptions
from .broker_clock import read_broker_clock
from .exits import CommandError, ExitCode
from .findings import Finding, Report, Verdict
from .settings_source import Settings, read_settings

__all__ = ["doctor"]

_PATIENCE = 10.0
_POLICY = StreamPolicy(connect_timeout=_PATIENCE, startup_timeout=15)
#: A clock this far off, in seconds, is worth setting.
_TOLERATED = 30.0

_APP_KEY_LENGTH, _APP_SECRET_LENGTH = 36, 180
_SUBJECTS = ("environment", "clock", "approval key", "subscription")


async def doctor(options: DoctorOptions) -> ExitCode:
    """Check settings, clock, keys and subscription; print each result as it is known.

    Returns:
        The exit code of the first check that failed.
    """
    report = Report()
    settings = await _check_settings(report, options.settings)
    if settings is None:
        await report.skip("the settings", *_SUBJECTS)
        return report.code
    if not await _check_environment(report, settings):
        await report.skip("addresses of that side", *_SUBJECTS[1:])
        return report.code
    await _check_clock(report, settings)
    if await _check_approval(report, settings):
        await _check_subscription(report, settings)
    else:
        await report.skip("an approval key", "subscription")
    if report.code is ExitCode.OK:
        await report.close("All good: kxt-trio fills will show your fills.")
    return report.code


async def _check_settings(report: Report, options: SettingsOptions) -> Settings | None:
    try:
        settings = read_settings(options)
    except (CommandError, KXTError) as exc:
        await report.fail("settings", exc)
        return None
    await report.ok("settings", f"complete, from {settings.source}")
    for remark, advice in _remarks(settings.credentials):
        await report.add(Finding(Verdict.NOTE, "settings", remark, advice))
    return settings


def _remarks(credentials: Credentials) -> Iterator[tuple[str, str]]:
    """Yield what looks wrong, and what to do.  Says lengths, never a value."""
    for name, value, usual in (
        ("KIS_APP_KEY", credentials.app_key, _APP_KEY_LENGTH),
        ("KIS_APP_SECRET", credentials.app_secret, _APP_SECRET_LENGTH),
    ):
        if len(value) != usual:
            yield (
                f"{name} is {len(value)} long, the broker's are {usual} characters",
                "copy it again from the KIS Developers site, all of it",
            )
    if (credentials.hts_id or "").isdigit():
        yield (
            "KIS_HTS_ID has digits only, like an account number",
            "it should be the ID you log in to HTS or MTS with",
        )
    if credentials.account_no is None:
        yield ("no KIS_ACCOUNT_NO: notices of every account under the HTS ID are shown", "")


async def _check_environment(report: Report, settings: Settings) -> bool:
    environment = settings.credentials.environment
    other = _other_side(environment)
    theirs = {_address(url) for url in attrs.astuple(Endpoints.of(other))}
    ours = {_address(url) for url in attrs.astuple(settings.endpoints)}
    if ours & theirs:
        await report.add(
            Finding(
                Verdict.FAIL,
                "environment",
                f"KIS_ENV says {environment.value}, but an address is that of {other.value} "
                "trading",
                "unset KIS_REST_URL and KIS_WEBSOCKET_URL, or set KIS_ENV to match",
                ExitCode.SETTINGS,
            )
        )
        return False
    kind = "not the broker's own addresses: " if settings.is_elsewhere else ""
    addresses = f"{kind}{settings.endpoints.rest}, {settings.endpoints.websocket}"
    await report.ok("environment", f"{environment.value} trading, {addresses}")
    return True


def _other_side(environment: Environment) -> Environment:
    return Environment.REAL if environment is Environment.PAPER else Environment.PAPER


def _address(url: str) -> str:
    return urlsplit(url).netloc


async def _check_clock(report: Report, settings: Settings) -> None:
    reading = await read_broker_clock(settings.endpoints.rest, patience=_PATIENCE)
    if reading is None:
        await report.skip("an HTTP answer with a date", "clock")
        return
    ahead = reading.ahead.total_seconds()
    if abs(ahead) <= _TOLERATED:
        apart = max(abs(ahead), reading.margin.total_seconds())
        await report.ok("clock", f"within {apart:.1f} s of the broker's")
        return
    await report.add(
        Finding(
            Verdict.FAIL,
            "clock",
            f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the broker's",
            "let the system set it (NTP): the date of a fill is taken from it",
            ExitCode.FAILURE,
        )
    )


async def _check_approval(report: Report, settings: Settings) -> bool:
    try:
        await _issue_approval_key(settings.credentials, settings.endpoints)
    except KXTError as exc:
        await report.fail("approval key", exc, await _advice_on_keys(settings, exc))
        return False
    await report.ok("approval key", "issued: the broker accepts the app key and its secret")
    return True


async def _issue_approval_key(credentials: Credentials, endpoints: Endpoints) -> None:
    async with open_rest_client(
        credentials, endpoints.rest, transport=None, timeout=_PATIENCE
    ) as rest:
        await rest.issue_approval_key()


async def _advice_on_keys(settings: Settings, error: KXTError) -> str:
    """Ask the broker's other side whether the keys are its own."""
    await trio.lowlevel.checkpoint()
    if settings.is_elsewhere or not isinstance(error, KXTAuthenticationError):
        return ""
    other = _other_side(settings.credentials.environment)
    try:
        await _issue_approval_key(settings.credentials, Endpoints.of(other))
    except KXTError:
        return f"the {other.value} side does not accept them either: check both keys"
    return f"these are keys for {other.value} trading: set KIS_ENV={other.value}"


async def _check_subscription(report: Report, settings: Settings) -> None:
    try:
        async with (
            KISClient(
                **settings.credentials,
                endpoints=settings.endpoints,
                policy=_POLICY,
                reconcile=Reconciliation(enabled=False),
            ) as client,
            client.stream_fill_updates() as fills,
        ):
            await fills.wait_live()
    except KXTError as exc:
        await report.fail("subscription", exc)
    else:
        await report.ok("subscription", "acknowledged for this HTS ID, and released again")
