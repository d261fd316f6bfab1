"""Where the settings come from: the environment or a file, and the flags that beat both."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import attrs

from kxt_trio import Credentials, Endpoints

from .arguments import SettingsOptions
from .exits import CommandError, ExitCode
from .lines import say

__all__ = ["Settings", "read_settings"]

_REQUIRED = ("KIS_APP_KEY", "KIS_APP_SECRET", "KIS_HTS_ID")
_OTHERS = stat.S_IRGRP | stat.S_IROTH


@attrs.frozen(kw_only=True)
class Settings:
    """Who to be and where to connect.

    Attributes:
        credentials: Keys, HTS ID, account and environment.
        endpoints: The addresses.
        is_elsewhere: The addresses are not the broker's own.
        source: Where the settings came from, in words.
    """

    credentials: Credentials
    endpoints: Endpoints
    is_elsewhere: bool
    source: str


def read_settings(options: SettingsOptions) -> Settings:
    """Return the settings, complete and checked.

    A file replaces the environment as a whole: half of a pair of keys from either would
    be hard to notice.

    Raises:
        CommandError: one is missing, or the file cannot be read; says which.
        KXTValidationError: one cannot be used; says which.
    """
    file = options.env_file
    source = dict(os.environ) if file is None else _read_file(file)
    if options.paper:
        source["KIS_ENV"] = "paper"
    if options.rest:
        source["KIS_REST_URL"] = options.rest
    if options.websocket:
        source["KIS_WEBSOCKET_URL"] = options.websocket
    missing = [name for name in _REQUIRED if not source.get(name, "").strip()]
    if missing:
        where = "the environment or in --env-file" if file is None else str(file)
        raise CommandError(_missing(missing, where), ExitCode.SETTINGS)
    credentials = Credentials.from_env(source)
    endpoints = Endpoints.from_env(source)
    return Settings(
        credentials=credentials,
        endpoints=endpoints or Endpoints.of(credentials.environment),
        is_elsewhere=endpoints is not None,
        source="the environment" if file is None else str(file),
    )


def _missing(names: list[str], where: str) -> str:
    if len(names) == 1:
        return f"{names[0]} is missing: set it in {where}"
    return f"{', '.join(names[:-1])} and {names[-1]} are missing: set them in {where}"


def _read_file(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = file.read().splitlines()
    except OSError as exc:
        raise CommandError(
            f"cannot read {path}: {exc.strerror or type(exc).__name__}", ExitCode.SETTINGS
        ) from exc
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not a text file in UTF-8", ExitCode.SETTINGS) from None
    if os.name == "posix" and stat.S_ISREG(mode) and mode & _OTHERS:
        say(f"warning: {path} holds keys and others can read it; chmod 600 it")
    settings: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise CommandError(f"{path}, line {number}: not KEY=VALUE", ExitCode.SETTINGS)
        settings[name.strip()] = _unquoted(value.strip())
    return settings


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value
