"""What every test gets: repeatable hypothesis runs, a clean environment, no leftovers."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile(
    "fuzz", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def _no_real_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test can reach the broker with the keys of whoever runs it."""
    for name in [name for name in os.environ if name.startswith("KIS_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """A test ends without the sockets and threads that it made."""
    sockets, threads = open_sockets(), working_threads()
    yield
    if open_sockets() - sockets:
        gc.collect()  # closes what was merely dropped, and that is a warning, so an error
    assert not open_sockets() - sockets, "a socket was left open"
    assert not working_threads() - threads, "a thread was left running"


def open_sockets() -> set[str]:
    """The sockets of this process by inode, where the system tells them."""
    found = set()
    for descriptor in Path("/proc/self/fd").glob("*"):
        try:
            target = descriptor.readlink()
        except OSError:  # the one that lists the folder is gone by now
            continue
        if target.name.startswith("socket:"):
            found.add(target.name)
    return found


def working_threads() -> set[threading.Thread]:
    """The threads that would keep the process alive; trio's idle workers do not."""
    return {thread for thread in threading.enumerate() if not thread.daemon}
