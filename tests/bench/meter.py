"""The client's side of every measurement: the same for every library.

Standard library only.  The first notice comes by itself and is not counted; what is
measured goes from the second to the last.
"""

from __future__ import annotations

import json
import os
import sys
import time
from array import array
from pathlib import Path
from typing import Any


class Meter:
    """Counts the fills that one consumer gets."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.expected: int = spec["fills"] + 1
        self.count = 0
        self.shares = 0
        self.first_at = self.last_at = 0
        self.first_cpu = self.last_cpu = 0

    def take(self, quantity: Any) -> bool:
        """Note one fill; true for the last."""
        self.count += 1
        self.shares += quantity
        if self.count == 2:
            self.first_at, self.first_cpu = time.monotonic_ns(), time.process_time_ns()
        if self.count == self.expected:
            self.last_at, self.last_cpu = time.monotonic_ns(), time.process_time_ns()
        return self.count >= self.expected

    def report(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "shares": int(self.shares),
            "wall_ns": self.last_at - self.first_at,
            "cpu_ns": self.last_cpu - self.first_cpu,
        }


class LatencyMeter(Meter):
    """Notes when each fill came."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__(spec)
        self.received_at = array("q")

    def take(self, quantity: Any) -> bool:
        self.received_at.append(time.monotonic_ns())
        return super().take(quantity)

    def report(self) -> dict[str, Any]:
        return {**super().report(), "received_at": list(self.received_at[1:])}


class BusyMeter(Meter):
    """Works a while on each fill."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__(spec)
        self._work_ns = int(spec["work_us"] * 1000)

    def take(self, quantity: Any) -> bool:
        until = time.perf_counter_ns() + self._work_ns
        while time.perf_counter_ns() < until:
            pass
        return super().take(quantity)


class EnduranceMeter(Meter):
    """Notes the memory at every tenth of the way."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__(spec)
        self._step = max(1, spec["fills"] // 10)
        self.resident: list[int] = []

    def take(self, quantity: Any) -> bool:
        done = super().take(quantity)
        if self.count % self._step == 0:
            self.resident.append(_memory("VmRSS"))
        return done

    def report(self) -> dict[str, Any]:
        return {**super().report(), "resident": self.resident}


METERS = {
    "burst": Meter,
    "endurance": EnduranceMeter,
    "latency": LatencyMeter,
    "drain": BusyMeter,
}


def prepare() -> dict[str, Any]:
    """Read what is to be done, and stay on the processor that was given."""
    spec: dict[str, Any] = json.loads(sys.argv[1])
    if spec["cpu"] is not None:
        os.sched_setaffinity(0, {spec["cpu"]})
    return spec


def meters(spec: dict[str, Any]) -> list[Meter]:
    """Return a meter for every consumer."""
    return [METERS[spec["measure"]](spec) for _ in range(spec["streams"])]


def combined(used: list[Meter]) -> dict[str, Any]:
    """Return what all consumers of a client saw."""
    first, last = min(used, key=lambda m: m.first_at), max(used, key=lambda m: m.last_at)
    return {
        **used[0].report(),
        "complete": len({(meter.count, meter.shares) for meter in used}) == 1,
        "wall_ns": last.last_at - first.first_at,
        "cpu_ns": last.last_cpu - first.first_cpu,
    }


def peak_rss() -> int:
    """Return the most memory this process has had, in bytes."""
    return _memory("VmHWM")


def _memory(figure: str) -> int:
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the parent's, from before the exec
        for line in status.read_text().splitlines():
            if line.startswith(f"{figure}:"):
                return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def read_frames(path: str) -> tuple[dict[str, str], list[str]]:
    """Return key and vector, and the frames that were written for decoding."""
    first, *rest = Path(path).read_text(encoding="utf-8").splitlines()
    return json.loads(first), rest


def time_decoding(
    decode: Any, frames: list[str], warm_up: int, together: int = 1
) -> dict[str, Any]:
    """Call ``decode`` with every frame; it returns the quantity the user sees.

    With ``together`` it gets so many in a list and returns the sum.
    """
    items: list[Any] = frames
    if together > 1:
        items = [frames[at : at + together] for at in range(0, len(frames), together)]
    for item in items[: max(1, warm_up // together)]:
        decode(item)
    shares = 0
    start = time.process_time_ns()
    for item in items:
        shares += decode(item)
    spent = time.process_time_ns() - start
    return {"us": spent / len(frames) / 1000, "shares": int(shares), "count": len(frames)}


def finish(report: dict[str, Any]) -> None:
    """Print the report and be gone, whatever threads are left."""
    print(json.dumps(report), flush=True)
    os._exit(0)
