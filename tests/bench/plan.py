"""What is measured, in which order; figures are gathered by name and contestant."""

from __future__ import annotations

import math
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from contestants import IMPORTS, OURS, PYTHON_KIS, UNAUDITED, Contestant
from fills import REAL
from stage import BenchError, Stage

#: figure -> contestant -> a value for each time that it was measured
Figures: TypeAlias = dict[str, dict[str, list[float]]]

_MIB = 1024 * 1024

#: What can be measured, in this order.
MEASUREMENTS = (
    "decode",
    "imports",
    "burst",
    "latency",
    "drain",
    "streams",
    "flood",
    "leave",
    "floor",
    "growth",
    "endurance",
)


#: What takes long is in no more rounds than these.
_ROUNDS = {"growth": 3, "endurance": 1}

#: What differs most from run to run is measured several times a round, in turns.
_OFTEN = ("imports", "latency")


@dataclass(frozen=True)
class Sizes:
    """How much of everything; small ones for a try."""

    fills: int
    rate: int = 500
    paced: int = 2000
    drain: int = 5000
    work_us: float = 100.0
    streams: tuple[int, ...] = (4, 16)
    growth: int = 10
    endurance: int = 1_000_000
    endurance_cycles: int = 2500  # nearly all are of the same eight orders
    endurance_rate: int = 40_000  # that the notices tell of, about what is received
    often: int = 3


def quick(fills: int) -> Sizes:
    """Return sizes that show that everything runs, and no more."""
    return Sizes(fills, paced=100, drain=200, streams=(4,), growth=2, endurance=1000, often=2)


@dataclass
class Bench:
    """Runs rounds and keeps what they bring."""

    stage: Stage
    sizes: Sizes
    people: dict[str, Contestant]
    tell: Callable[[str], None]
    wanted: tuple[str, ...]
    figures: Figures = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    remarks: list[str] = field(default_factory=list)

    def round(self, number: int) -> None:
        """Measure everything, some of it several times; who begins changes each time."""
        for name in self.wanted:
            takes_part = _TAKES_PART.get(name, _everybody)
            if number >= _ROUNDS.get(name, math.inf):
                continue
            for turn in range(self.sizes.often if name in _OFTEN else 1):
                for person in self._turn(number + turn):
                    if takes_part(person):
                        self._try(name, person)

    def _turn(self, number: int) -> Iterator[Contestant]:
        everybody = list(self.people.values())
        start = number % len(everybody)
        yield from everybody[start:] + everybody[:start]

    def _try(self, name: str, person: Contestant) -> None:
        started = time.monotonic()
        what = f"{name}, {person.name}"
        try:
            getattr(self, f"_{name}")(person)
        except (BenchError, subprocess.SubprocessError) as exc:
            self.remarks.append(f"{what}: {exc}")
            self.tell(f"{what}: NO FIGURE: {exc}")
            return
        self.tell(f"{what}: {time.monotonic() - started:.1f} s")

    def _note(self, person: Contestant, **values: float) -> None:
        for name, value in values.items():
            self.figures[name][person.name].append(value)

    def _spec(self, **changes: Any) -> dict[str, Any]:
        spec = {
            "mode": "burst",
            "measure": "burst",
            "fills": self.sizes.fills,
            "streams": 1,
            "cycles": 1,
            "rate": None,
            "work_us": self.sizes.work_us,
        }
        return {**spec, **changes}

    # -- the measurements ---------------------------------------------------------

    def _decode(self, person: Contestant) -> None:
        path = self.stage.write_frames(person.layout, self.sizes.fills)
        spec = {"measure": "decode", "frames": str(path), "warm_up": self.sizes.fills // 10}
        seen = self.stage.run(person, spec)
        self._note(person, decode_us=seen["us"], alone_us=seen.get("alone_us", seen["us"]))

    def _imports(self, person: Contestant) -> None:
        bare = _time_python(person.python, "pass")
        taken = _time_python(person.python, IMPORTS[person.library])
        self._note(person, import_ms=(taken - bare) * 1e3)

    def _burst(self, person: Contestant) -> None:
        seen = self.stage.measure(person, self._spec())
        self._note(
            person,
            cpu_us=seen["cpu_ns"] / self.sizes.fills / 1e3,
            fills_s=self.sizes.fills / seen["wall_ns"] * 1e9,
            rss_mib=seen["rss"] / _MIB,
            start_ms=(seen["subscribed_at"] - seen["started_at"]) / 1e6,
            spawn_ms=(seen["subscribed_at"] - seen["spawned_at"]) / 1e6,
        )
        self._look_at(person, seen)

    def _latency(self, person: Contestant) -> None:
        spec = self._spec(
            mode="paced", measure="latency", fills=self.sizes.paced, rate=self.sizes.rate
        )
        seen = self.stage.measure(person, spec)
        pairs = zip(seen["sent_at"], seen["received_at"], strict=True)
        late = sorted((received - sent) / 1e3 for sent, received in pairs)
        self._note(
            person,
            p50_us=quantile(late, 0.5),
            p99_us=quantile(late, 0.99),
            p999_us=quantile(late, 0.999),
        )

    def _drain(self, person: Contestant) -> None:
        seen = self.stage.measure(person, self._spec(measure="drain", fills=self.sizes.drain))
        spent = seen["wall_ns"] / self.sizes.drain / 1e3
        self._note(person, drain_ms=seen["wall_ns"] / 1e6, drain_us=spent - self.sizes.work_us)

    def _streams(self, person: Contestant) -> None:
        for streams in self.sizes.streams:
            seen = self.stage.measure(person, self._spec(streams=streams))
            if not seen["complete"]:
                raise BenchError("the consumers did not see the same")
            cpu = seen["cpu_ns"] / self.sizes.fills / 1e3
            self.figures[f"streams{streams}_us"][person.name].append(cpu)

    def _flood(self, person: Contestant) -> None:
        spec = self._spec(mode="flood", fills=2 * self.sizes.fills)
        if person.name == OURS:
            fairness = {**spec, "measure": "flood", "script": "client_fairness.py"}
            seen = self.stage.measure(person, {**fairness, "frozen": True})
            self._note_probe("frozen", seen)
            seen = self.stage.measure(person, {**fairness, "frozen": False})
            self._note_probe("flood", seen)
            idle = self.stage.run(person, {**fairness, "measure": "idle"})
            self._note_probe("idle", idle)
        else:
            seen = self.stage.measure(person, spec)
        if seen["answers_ms"]:
            self._note(person, pong_ms=max(seen["answers_ms"]))

    def _note_probe(self, prefix: str, seen: dict[str, Any]) -> None:
        for kind in ("late_ms", "cancel_ms"):
            values = sorted(seen[kind])
            if values:
                self.figures[f"{prefix}_{kind}_p99"][OURS].append(quantile(values, 0.99))
                self.figures[f"{prefix}_{kind}_max"][OURS].append(values[-1])

    def _leave(self, person: Contestant) -> None:
        spec = self._spec(
            mode="flood",
            fills=2 * self.sizes.fills,
            measure="leave",
            script="client_fairness.py",
        )
        self._note(person, leave_ms=self.stage.measure(person, spec)["leave_ms"])

    def _growth(self, person: Contestant) -> None:
        fills = self.sizes.fills * self.sizes.growth
        seen = self.stage.measure(person, self._spec(fills=fills))
        self._note(
            person,
            grown_cpu_us=seen["cpu_ns"] / fills / 1e3,
            grown_rss_mib=seen["rss"] / _MIB,
        )
        self._look_at(person, seen)

    def _endurance(self, person: Contestant) -> None:
        fills = self.sizes.endurance
        spec = self._spec(
            measure="endurance",
            fills=fills,
            cycles=self.sizes.endurance_cycles,
            rate=self.sizes.endurance_rate,
        )
        seen = self.stage.measure(person, spec)
        first, *_, last = seen["resident"]
        self._note(
            person,
            early_rss_mib=first / _MIB,
            late_rss_mib=last / _MIB,
            endurance_us=seen["cpu_ns"] / fills / 1e3,
        )
        self._look_at(person, seen)

    def _floor(self, person: Contestant) -> None:
        path = self.stage.write_frames(REAL, self.sizes.fills)
        spec = {"frames": str(path), "warm_up": 100, "script": "client_floor.py"}
        seen = self.stage.run(person, spec)
        self._note(
            person,
            **{name: seen[name] for name in ("aes_us", "object_us", "wsproto_us", "lane_us")},
        )

    def _look_at(self, person: Contestant, seen: dict[str, Any]) -> None:
        for what in ("recovered", "corrections"):
            if seen.get(what):
                self.remarks.append(f"{person.name}: {seen[what]} {what}, none expected")


def quantile(ordered: list[float], share: float) -> float:
    """Return the value that ``share`` of the ordered values do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _everybody(_: Contestant) -> bool:
    return True


def _plain(person: Contestant) -> bool:
    return person.is_plain


def _grows(person: Contestant) -> bool:
    return person.is_plain or person.name == UNAUDITED


def _ours(person: Contestant) -> bool:
    return person.name == OURS


def _shares_a_socket(person: Contestant) -> bool:
    # kxt opens a websocket for each stream, and KIS allows one.
    return person.name in (OURS, PYTHON_KIS)


_TAKES_PART: dict[str, Callable[[Contestant], bool]] = {
    "decode": _plain,
    "imports": _plain,
    "streams": _shares_a_socket,
    "flood": _plain,
    "leave": _ours,
    "floor": _ours,
    "growth": _grows,
    "endurance": _ours,
}


def _time_python(python: str, code: str) -> float:
    started = time.perf_counter()
    subprocess.run([python, "-c", code], check=True)
    return time.perf_counter() - started
