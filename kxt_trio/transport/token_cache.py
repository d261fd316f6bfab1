"""Where an access token is kept between calls and, on disk, between programs.

The broker gives out one token a minute and tells its customer about each, so programs
with the same keys share one.  What is kept besides the token is when one was last asked
for: that is what keeps two programs from asking within the same minute.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, TypeVar

import attrs
import trio

from kxt_trio.errors import KXTProtocolError, KXTTimeoutError
from kxt_trio.file_lock import FileLock
from kxt_trio.offload import InThread
from kxt_trio.protocol.structure import read_json
from kxt_trio.protocol.token import Token
from kxt_trio.settings import Credentials

__all__ = [
    "CachedToken",
    "FileTokenCache",
    "MemoryTokenCache",
    "TokenCache",
    "cache_folder",
    "disk_token_cache",
]

_log = logging.getLogger("kxt_trio")

_T = TypeVar("_T")

_POLL = 0.05
# Longer than a call for a token takes before it is given up.
_PATIENCE = 30.0
_OWNER_ONLY = 0o700


@attrs.frozen
class CachedToken:
    """What a cache holds.

    Attributes:
        token: The token; None if there is none.
        asked_at: When the broker was last asked for one; None if never.
    """

    token: Token | None = None
    asked_at: datetime | None = None


class TokenCache(Protocol):
    """Keeps one app key's token.

    A cache may forget: a token can be had again.  It never fails a call.
    """

    async def load(self) -> CachedToken:
        """Return what is kept."""
        ...

    async def store(self, cached: CachedToken) -> None:
        """Keep this instead."""
        ...

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Keep everybody else from asking the broker, as long as the block runs.

        Raises:
            KXTTimeoutError: somebody else kept it for too long.
        """
        ...


class MemoryTokenCache:
    """A cache for the clients of one program; for tests, and where no disk may be used."""

    def __init__(self) -> None:
        self._cached = CachedToken()
        self._lock = trio.Lock()

    async def load(self) -> CachedToken:
        """See :class:`TokenCache`."""
        await trio.lowlevel.checkpoint()
        return self._cached

    async def store(self, cached: CachedToken) -> None:
        """See :class:`TokenCache`."""
        self._cached = cached
        await trio.lowlevel.checkpoint()

    @asynccontextmanager
    async def lock(self) -> AsyncGenerator[None]:
        """See :class:`TokenCache`."""
        async with self._lock:
            yield


class FileTokenCache:
    """A cache in a file that only its owner can read, shared by all his programs.

    A file is replaced as a whole or not at all.  One that is damaged, or that cannot be
    read, holds no token.  Where the folder cannot be written, or its file system has no
    locks, that is said once and every program asks for a token of its own.

    Args:
        folder: Where the file is; made if need be.
        credentials: Whose token.  The file's name has a hash of the app key, keyed with
            the app secret, so it tells nothing to who does not know both.
        rest_url: Whose broker: a stand-in with the same keys has tokens of its own.
    """

    def __init__(self, folder: Path, credentials: Credentials, rest_url: str) -> None:
        digest = blake2b(digest_size=16, key=credentials.app_secret.encode()[:64])
        digest.update(f"{rest_url} {credentials.app_key}".encode())
        stem = f"token-{credentials.environment.value}-{digest.hexdigest()}"
        self._path = folder / f"{stem}.json"
        self._lock_path = folder / f"{stem}.lock"
        self._offload = InThread()
        self._within = trio.Lock()
        self._complained = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._path.parent)!r})"

    async def load(self) -> CachedToken:
        """See :class:`TokenCache`."""
        text = await self._attempt(self._path.read_bytes, default=None, missing_is_fine=True)
        return CachedToken() if text is None else _parse(text)

    async def store(self, cached: CachedToken) -> None:
        """See :class:`TokenCache`."""
        await self._attempt(lambda: _replace(self._path, _write(cached)), default=None)

    @asynccontextmanager
    async def lock(self) -> AsyncGenerator[None]:
        """See :class:`TokenCache`."""
        async with self._within:
            lock = FileLock(self._lock_path)
            try:
                await self._acquire(lock)
                yield
            finally:
                # In its turn: an attempt that was given up may take the lock yet.
                self._offload.leave(lock.release)

    async def _acquire(self, lock: FileLock) -> None:
        give_up_at = trio.current_time() + _PATIENCE
        while not await self._attempt(lambda: _try_lock(lock), default=True):
            if trio.current_time() >= give_up_at:
                raise KXTTimeoutError("another program is taking too long to get a token")
            await trio.sleep(_POLL)

    async def _attempt(
        self, function: Callable[[], _T], *, default: _T, missing_is_fine: bool = False
    ) -> _T:
        try:
            return await self._offload.run(function)
        except FileNotFoundError as exc:
            if not missing_is_fine:
                self._complain(exc)
        except (OSError, trio.TooSlowError) as exc:
            self._complain(exc)
        return default  # noqa: ASYNC910  # run() checkpoints, also where it raises

    def _complain(self, exc: Exception) -> None:
        if not self._complained:
            self._complained = True
            _log.warning(
                "the access token cannot be shared with other programs: %s in %s",
                type(exc).__name__,
                self._path.parent,
            )


def cache_folder(env: Mapping[str, str] | None = None) -> Path:
    """Return the folder for caches that the platform provides.

    ``$XDG_CACHE_HOME/kxt_trio`` or ``~/.cache/kxt_trio``; ``~/Library/Caches/kxt_trio`` on
    macOS, ``%LOCALAPPDATA%/kxt_trio/Cache`` on Windows.

    Raises:
        RuntimeError: there is none; the user has no home.
    """
    source = os.environ if env is None else env
    if sys.platform == "win32":  # pragma: no cover
        local = source.get("LOCALAPPDATA")
        return Path(local or Path.home() / "AppData/Local") / "kxt_trio" / "Cache"
    if sys.platform == "darwin":  # pragma: no cover
        return Path.home() / "Library/Caches/kxt_trio"
    chosen = Path(source.get("XDG_CACHE_HOME", ""))  # a relative one is to be ignored
    return (chosen if chosen.is_absolute() else Path.home() / ".cache") / "kxt_trio"


def disk_token_cache(credentials: Credentials, rest_url: str) -> TokenCache:
    """Return the cache that all programs of this user share, if he has a home."""
    try:
        folder = cache_folder()
    except RuntimeError as exc:  # as in a container, for a user that nobody made
        _log.warning("the access token cannot be shared with other programs: %s", exc)
        return MemoryTokenCache()
    return FileTokenCache(folder, credentials, rest_url)


def _try_lock(lock: FileLock) -> bool:
    _make_folder(lock.path.parent)
    return lock.acquire()


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)


def _replace(path: Path, text: bytes) -> None:
    _make_folder(path.parent)
    # Made for its owner only, and never there half written.
    descriptor, name = tempfile.mkstemp(prefix=path.stem, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _write(cached: CachedToken) -> bytes:
    token = cached.token
    kept = {
        "access_token": None if token is None else token.access_token,
        "expires_at": None if token is None else token.expires_at.isoformat(),
        "asked_at": None if cached.asked_at is None else cached.asked_at.isoformat(),
    }
    return json.dumps(kept).encode()


def _parse(text: bytes) -> CachedToken:
    try:
        kept = read_json(text, _Kept, "token cache")
        expires_at, asked_at = _moment(kept.expires_at), _moment(kept.asked_at)
    except (KXTProtocolError, ValueError):
        return CachedToken()
    if kept.access_token is None or expires_at is None:
        return CachedToken(None, asked_at)
    return CachedToken(Token(kept.access_token, expires_at), asked_at)


def _moment(text: str | None) -> datetime | None:
    moment = None if text is None else datetime.fromisoformat(text)
    if moment is not None and moment.tzinfo is None:
        raise ValueError("a time without its offset")
    return moment


@attrs.frozen(eq=False, repr=False)
class _Kept:
    access_token: str | None = None
    expires_at: str | None = None
    asked_at: str | None = None
