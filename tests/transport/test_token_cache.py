from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trio

from kxt_trio import KST, Credentials, Environment, KXTTimeoutError
from kxt_trio.file_lock import FileLock
from kxt_trio.offload import InThread
from kxt_trio.protocol.token import Token
from kxt_trio.transport import token_cache
from kxt_trio.transport.token_cache import (
    CachedToken,
    FileTokenCache,
    MemoryTokenCache,
    cache_folder,
    disk_token_cache,
)

NOW = datetime(2026, 11, 20, 9, tzinfo=KST)
KEYS = Credentials(app_key="app-key-private", app_secret="app-secret-private")
CACHED = CachedToken(Token("token-private", NOW + timedelta(hours=24)), NOW)
URL = "https://broker"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "not" / "there" / "yet"


@pytest.fixture
def cache(folder: Path) -> FileTokenCache:
    return FileTokenCache(folder, KEYS, URL)


def token_file(folder: Path) -> Path:
    (path,) = folder.glob("*.json")
    return path


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_what_is_stored_is_loaded(kind, folder):
    cache = MemoryTokenCache() if kind == "memory" else FileTokenCache(folder, KEYS, URL)
    assert await cache.load() == CachedToken()
    for cached in (CACHED, CachedToken(None, NOW), CachedToken()):
        await cache.store(cached)
        assert await cache.load() == cached


async def test_another_program_finds_it(cache, folder):
    await cache.store(CACHED)
    assert await FileTokenCache(folder, KEYS, URL).load() == CACHED


async def test_other_keys_environments_and_brokers_have_their_own(cache, folder):
    await cache.store(CACHED)
    paper = Credentials(
        app_key=KEYS.app_key, app_secret=KEYS.app_secret, environment=Environment.PAPER
    )
    others = [
        FileTokenCache(folder, Credentials(app_key="b", app_secret=KEYS.app_secret), URL),
        FileTokenCache(folder, Credentials(app_key=KEYS.app_key, app_secret="b"), URL),
        FileTokenCache(folder, paper, URL),
        FileTokenCache(folder, KEYS, "http://127.0.0.1:8080"),
    ]
    for other in others:
        assert await other.load() == CachedToken()


async def test_only_the_owner_can_read_it_and_nothing_else_is_left(cache, folder):
    mask = os.umask(0)
    try:
        async with cache.lock():
            await cache.store(CACHED)
    finally:
        os.umask(mask)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".lock"]


async def test_neither_names_nor_reprs_tell_a_secret(cache, folder):
    await cache.store(CACHED)
    seen = repr(cache) + repr(CACHED) + str(list(folder.iterdir()))
    assert "private" not in seen
    assert "app" not in token_file(folder).read_text()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"access_token": "x"}',
        b'{"access_token": "x", "expires_at": "tomorrow"}',
        b'{"access_token": "x", "expires_at": "2026-11-21T09:00:00"}',
        b'{"access_token": {}, "expires_at": "2026-11-21T09:00:00+09:00"}',
        b'{"access_token": "", "expires_at": "2026-11-21T09:00:00+09:00"}',
    ],
)
async def test_a_damaged_file_holds_no_token(cache, folder, content):
    await cache.store(CACHED)
    token_file(folder).write_bytes(content)
    assert (await cache.load()).token is None
    await cache.store(CACHED)
    assert await cache.load() == CACHED


async def test_a_failed_write_leaves_the_old_token(cache, folder, monkeypatch, caplog):
    await cache.store(CACHED)

    def fail(self, target):
        raise OSError(28, "no space")

    monkeypatch.setattr(Path, "replace", fail)
    await cache.store(CachedToken())
    assert await cache.load() == CACHED
    assert [path.suffix for path in folder.iterdir()] == [".json"]
    assert "cannot be shared" in caplog.text


async def test_where_nothing_can_be_kept_calls_go_on_and_it_is_said_once(tmp_path, caplog):
    (tmp_path / "file").touch()
    cache = FileTokenCache(tmp_path / "file", KEYS, URL)
    with caplog.at_level(logging.WARNING, "kxt_trio"):
        for _ in range(2):
            async with cache.lock():
                assert await cache.load() == CachedToken()
                await cache.store(CACHED)
    assert len(caplog.records) == 1
    assert "private" not in caplog.text


async def test_the_lock_keeps_tasks_and_programs_apart(cache, folder):
    inside: list[int] = []

    async def use(one: FileTokenCache) -> None:
        async with one.lock():
            inside.append(1)
            assert len(inside) == 1
            await trio.sleep(0.02)
            inside.pop()

    async with trio.open_nursery() as nursery:
        for one in (cache, cache, FileTokenCache(folder, KEYS, URL)):
            nursery.start_soon(use, one)


async def test_who_waits_too_long_is_told(cache, folder, monkeypatch):
    monkeypatch.setattr(token_cache, "_PATIENCE", 0.1)
    async with FileTokenCache(folder, KEYS, URL).lock():
        with pytest.raises(KXTTimeoutError, match="another program"):
            async with cache.lock():
                pytest.fail("entered")
    async with cache.lock():
        pass


async def test_a_cancelled_wait_leaves_nothing_locked(cache, folder):
    async with FileTokenCache(folder, KEYS, URL).lock():
        with trio.move_on_after(0.1) as scope:
            async with cache.lock():
                pytest.fail("entered")
        assert scope.cancelled_caught
    async with cache.lock():
        pass


async def test_a_cache_in_memory_never_leaves_trios_clock(autojump_clock):
    cache = MemoryTokenCache()
    with trio.fail_after(1):
        async with cache.lock():
            await cache.store(CACHED)
        assert await cache.load() == CACHED


def test_the_platforms_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder({}) == tmp_path / ".cache" / "kxt_trio"
    assert cache_folder({"XDG_CACHE_HOME": "/x/y"}) == Path("/x/y/kxt_trio")
    assert cache_folder({"XDG_CACHE_HOME": "relative"}) == tmp_path / ".cache" / "kxt_trio"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "chosen"))
    assert repr(disk_token_cache(KEYS, URL)) == (
        f"FileTokenCache({str(tmp_path / 'chosen' / 'kxt_trio')!r})"
    )


def test_who_has_no_home_shares_with_nobody(monkeypatch, caplog):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert isinstance(disk_token_cache(KEYS, URL), MemoryTokenCache)
    assert "cannot be shared" in caplog.text


PROGRAM = """
import sys, trio
from datetime import datetime, timedelta
from pathlib import Path
from kxt_trio import KST, Credentials
from kxt_trio.protocol.token import Token
from kxt_trio.transport.access_tokens import AccessTokens
from kxt_trio.transport.token_cache import FileTokenCache

folder, log = Path(sys.argv[1]), Path(sys.argv[2])
now = lambda: datetime.now(KST)

async def issue():
    with log.open("a") as file:
        file.write("asked\\n")
    await trio.sleep(0.3)
    return Token(f"token-of-{id(folder)}", now() + timedelta(hours=24))

async def main():
    keys = Credentials(app_key="k", app_secret="s")
    tokens = AccessTokens(issue, FileTokenCache(folder, keys, "https://broker"), now)
    sys.stdin.read()
    print((await tokens.get()).access_token)

trio.run(main)
"""


def test_of_many_programs_one_asks_the_broker(tmp_path):
    log = tmp_path / "log"
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "cache"), str(log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(4)
    ]
    for program in programs:
        program.stdin.close()
        program.stdin = None
    tokens = {program.communicate(timeout=60)[0] for program in programs}
    assert [program.returncode for program in programs] == [0] * 4
    assert len(tokens) == 1
    assert log.read_text() == "asked\n"


def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / "lock"
    code = (
        "import sys, time; from pathlib import Path; from kxt_trio.file_lock import FileLock\n"
        "print(FileLock(Path(sys.argv[1])).acquire(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as program:
        assert program.stdout.readline() == "True\n"
        lock = FileLock(path)
        assert not lock.acquire()
        lock.release()
        program.kill()
        program.wait()
    assert lock.acquire()
    assert not FileLock(path).acquire()
    lock.release()
    with pytest.raises(FileNotFoundError):
        FileLock(tmp_path / "no" / "folder").acquire()


async def test_what_is_on_disk_is_json(cache, folder):
    await cache.store(CACHED)
    assert set(json.loads(token_file(folder).read_text())) == {
        "access_token",
        "expires_at",
        "asked_at",
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it is about forks; Windows has none")
def test_a_forked_child_does_not_keep_a_lock(tmp_path):
    code = (
        "import os, sys, time; from pathlib import Path\n"
        "from kxt_trio.file_lock import FileLock\n"
        "lock = FileLock(Path(sys.argv[1])); assert lock.acquire()\n"
        "if os.fork() == 0: print('child', flush=True); time.sleep(60); os._exit(0)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "lock")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as program:
        assert program.stdout.readline() == "child\n"
        lock = FileLock(tmp_path / "lock")
        assert not lock.acquire(), "the child gave its parent's lock away"
        program.kill()
        program.wait()
        assert lock.acquire()
        lock.release()
        os.killpg(program.pid, signal.SIGKILL)


async def test_a_lock_taken_too_late_is_given_back(cache, folder, monkeypatch):
    may_lock = threading.Event()
    try_lock = token_cache._try_lock
    monkeypatch.setattr(
        token_cache, "_try_lock", lambda lock: may_lock.wait(10) and try_lock(lock)
    )
    cache._offload = InThread(bound=0.1)
    async with cache.lock():  # without one: the folder does not answer
        pass
    may_lock.set()
    with trio.fail_after(5):
        async with FileTokenCache(folder, KEYS, URL).lock():
            pass
