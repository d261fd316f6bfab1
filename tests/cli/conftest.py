"""The command line as its users run it: a process of its own, against a broker on loopback."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from kxt_trio.testing import FakeKIS, serve_fake_kis

LONGEST = 30
SIZE = struct.pack("HHHH", 24, 80, 0, 0)


#: Python that makes a process's own seconds pass ten times as fast.
HURRY = (
    "from trio.testing import MockClock\n"
    "from kxt_trio.cli import supervise\n"
    "supervise._clock = lambda _: MockClock(rate=10)"
)


class Ended(NamedTuple):
    """How a process ended, and what it wrote; on a terminal both streams are in ``out``."""

    code: int
    out: str
    err: str


class Cli:
    """Runs ``kxt-trio``; ``prelude`` is Python that runs before it."""

    def __init__(self) -> None:
        self.settings: dict[str, str] = {}
        self.prelude = ""

    @property
    def command(self) -> list[str]:
        if not self.prelude:
            return [sys.executable, "-m", "kxt_trio.cli"]
        code = f"{self.prelude}\nimport sys\nfrom kxt_trio.cli import main\nsys.exit(main())"
        return [sys.executable, "-c", code]

    @property
    def environment(self) -> dict[str, str]:
        plain = {name: text for name, text in os.environ.items() if name != "COLUMNS"}
        return {**plain, "TERM": "xterm", "PYTHONWARNINGS": "error", **self.settings}

    async def run(self, *arguments: str) -> Ended:
        with trio.fail_after(LONGEST):
            done = await trio.run_process(
                [*self.command, *arguments],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=self.environment,
            )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    @asynccontextmanager
    async def started(self, *arguments: str) -> AsyncIterator[trio.Process]:
        """A process whose output the test reads by itself; killed if it is still there."""
        process = await trio.lowlevel.open_process(
            [*self.command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with process.stdout, process.stderr:
                with trio.fail_after(LONGEST):  # noqa: ASYNC100  # the test's checkpoints
                    yield process
        finally:
            process.kill()
            with trio.move_on_after(LONGEST, shield=True):
                await process.wait()

    @asynccontextmanager
    async def on_terminal(self, *arguments: str) -> AsyncIterator[Terminal]:
        """A process that believes to be watched."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, SIZE)
        process = await trio.lowlevel.open_process(
            [*self.command, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self.environment,
        )
        os.close(theirs)
        try:
            async with trio.lowlevel.FdStream(ours) as screen:
                with trio.fail_after(LONGEST):  # noqa: ASYNC100  # the test's checkpoints
                    yield Terminal(process, screen)
        finally:
            process.kill()
            with trio.move_on_after(LONGEST, shield=True):
                await process.wait()


class Terminal:
    """A screen that is read as text, control sequences and all."""

    def __init__(self, process: trio.Process, screen: trio.lowlevel.FdStream) -> None:
        self.process = process
        self.text = ""
        self._screen = screen

    async def wait_for(self, text: str) -> None:
        """Read until the text was on the screen."""
        while text not in self.text:
            self.text += (await self._screen.receive_some()).decode(errors="replace")

    async def end(self) -> Ended:
        """Read to the end."""
        try:
            while data := await self._screen.receive_some():
                self.text += data.decode(errors="replace")
        except trio.BrokenResourceError:
            pass  # how Linux tells that the other side of a terminal is closed
        return Ended(await self.process.wait(), self.text, "")


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Access tokens are not left to the user who runs the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def in_a_hurry(cli: Cli) -> None:
    """What ``cli`` runs does not wait as long for the broker's totals."""
    cli.prelude = HURRY


@pytest.fixture
def cli() -> Cli:
    return Cli()


@pytest.fixture
async def kis(nursery: trio.Nursery, cli: Cli) -> FakeKIS:
    """A broker on loopback that ``cli`` is set up for."""
    kis: FakeKIS = await nursery.start(serve_fake_kis)
    cli.settings = settings_of(kis)
    return kis


def settings_of(kis: FakeKIS) -> dict[str, str]:
    credentials = kis.credentials
    return {
        "KIS_APP_KEY": credentials.app_key,
        "KIS_APP_SECRET": credentials.app_secret,
        "KIS_HTS_ID": credentials.hts_id or "",
        "KIS_ACCOUNT_NO": f"{credentials.account_no}-{credentials.account_product_code}",
        "KIS_REST_URL": kis.endpoints.rest,
        "KIS_WEBSOCKET_URL": kis.endpoints.websocket,
    }


@pytest.fixture
def env_file(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Writes settings to a file that only its owner can read."""

    def write(settings: Mapping[str, str]) -> Path:
        path = tmp_path / "kis.env"
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def set_env(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], None]:
    """Puts settings into this process's environment."""

    def put(settings: Mapping[str, str]) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)

    return put
