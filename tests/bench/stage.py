"""Puts a broker and a client on the stage, each a process on its own processor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from contestants import Contestant
from fills import shares
from wire import IV, KEY, KST, notices

_HERE = Path(__file__).parent


class BenchError(Exception):
    """A run brought no figures; says why."""


@dataclass
class Stage:
    """Runs one measurement at a time.

    Attributes:
        folder: For journals, caches and frames.
        patience: Seconds after which a run is given up.
        lead: Seconds between the first notice and the others.
        cpus: One for the broker, one for the client; None is any.
    """

    folder: Path
    patience: float = 120.0
    lead: float = 0.3
    cpus: tuple[int | None, int | None] = (None, None)
    _shares: dict[tuple[int, int], int] = field(default_factory=dict)

    def measure(self, contestant: Contestant, spec: dict[str, Any]) -> dict[str, Any]:
        """Run a client against a broker of its own; return what both saw."""
        if hasattr(os, "sync"):
            os.sync()  # what the run before wrote is not to be waited for in this one
        ordered = {"layout": contestant.layout, "cpu": self.cpus[0], "lead": self.lead}
        spec = {**contestant.settings, **spec}
        with self._scratch() as scratch, self._broker({**spec, **ordered}) as broker:
            port = _read(broker, self.patience)["port"]
            report = self.run(contestant, {**spec, "port": port}, scratch)
            seen = _read(broker, self.patience)
        if "shares" in report and report["shares"] != self._expected(
            spec["fills"], spec["cycles"]
        ):
            raise BenchError(f"{contestant.name}: the fills do not add up")
        return {**report, **seen, "spawned_at": report["spawned_at"]}

    def run(
        self, contestant: Contestant, spec: dict[str, Any], scratch: Path | None = None
    ) -> dict[str, Any]:
        """Run a client; return what it saw."""
        scratch = scratch or self.folder
        spec = {**contestant.settings, **spec, "cpu": self.cpus[1]}
        if spec.get("journal"):
            spec["journal"] = str(scratch / "journal.db")
        script = str(_HERE / spec.get("script", contestant.script))
        spawned_at = time.monotonic_ns()
        client = subprocess.run(
            [contestant.python, script, _dump(spec)],
            capture_output=True,
            env=_environment(contestant, scratch),
            timeout=self.patience,
            text=True,
            check=False,
        )
        if client.returncode or not client.stdout:
            raise BenchError(f"{contestant.name} failed: {client.stderr[-2000:]}")
        return {"spawned_at": spawned_at, **json.loads(client.stdout.splitlines()[-1])}

    def write_frames(self, layout: str, count: int) -> Path:
        """Write frames to be decoded without a broker."""
        path = self.folder / f"frames-{layout}.txt"
        texts = notices(count, layout, datetime.now(KST), None)
        path.write_text("\n".join([_dump({"key": KEY, "iv": IV}), *texts]), encoding="utf-8")
        return path

    @contextmanager
    def _broker(self, spec: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
        wanted = ("layout", "mode", "fills", "cycles", "rate", "cpu", "lead")
        brief = {name: spec[name] for name in wanted} | {"patience": self.patience}
        with subprocess.Popen(
            [sys.executable, str(_HERE / "broker.py"), _dump(brief)],
            stdout=subprocess.PIPE,
            text=True,
        ) as broker:
            try:
                yield broker
            finally:
                broker.kill()

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            yield Path(folder)

    def _expected(self, fills: int, cycles: int) -> int:
        if (fills, cycles) not in self._shares:
            self._shares[fills, cycles] = shares(fills + 1, cycles)
        return self._shares[fills, cycles]


def two_processors() -> tuple[int | None, int | None]:
    """Return a processor for the broker and another for the client, if there are two."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else (None, None)


def _environment(contestant: Contestant, home: Path) -> dict[str, str]:
    """Return variables that keep a client from settings, caches and proxies of its user."""
    kept = {**os.environ, "XDG_CACHE_HOME": str(home), "HOME": str(home), "NO_PROXY": "*"}
    if contestant.python != sys.executable:
        kept.pop("PYTHONPATH", None)
    return kept


def _read(process: subprocess.Popen[str], patience: float) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise BenchError("the broker ended early")
    value: dict[str, Any] = json.loads(line)
    return value


def _dump(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
