"""Many simulated runs, and the table of figures that they come to.

``python -m tests.reconcile.soak --seeds 100000`` from the project's root.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

import attrs

from .scenario import Faults, draw, draw_steady
from .simulator import simulate
from .truth import Outcome

__all__ = ["MODES", "STEADY", "Figures", "main", "measure", "run", "table"]

#: Nothing is broken, and orders trade every few seconds until the end.
STEADY = "steady trading"
#: What is broken, by the name of the mode.
MODES = {
    "A1-A5 hold": Faults(),
    STEADY: Faults(),
    "stream 3x too slow": Faults(slow_stream=3.0),
    "stream 5x too slow": Faults(slow_stream=5.0),
    "totals up to 90 s old": Faults(stale_rest=90.0),
    "both": Faults(slow_stream=4.0, stale_rest=60.0),
}
#: Of every ten seeds, how many go to each mode.
SHARE = {
    "A1-A5 hold": 10,
    STEADY: 2,
    "stream 3x too slow": 2,
    "stream 5x too slow": 2,
    "totals up to 90 s old": 2,
    "both": 2,
}
_CHUNK = 250


@attrs.define
class Figures:
    """What some runs of one mode came to."""

    runs: int = 0
    double_counted: int = 0
    #: Of these, runs without an alarm.
    double_counted_in_silence: int = 0
    mispriced: int = 0
    false_verified: int = 0
    inexact: int = 0
    unverified: int = 0
    recovered: int = 0
    corrections: int = 0
    recovery_times: list[float] = attrs.field(factory=list)
    silent_times: list[float] = attrs.field(factory=list)
    #: From the last link to the verdict, where it came while trading went on.
    verified_times: list[float] = attrs.field(factory=list)
    #: Seeds of the runs that went wrong.
    wrong: list[int] = attrs.field(factory=list)

    def take(self, seed: int, outcome: Outcome) -> None:
        alarmed = bool(outcome.alarms)
        self.runs += 1
        self.double_counted += bool(outcome.double_counts)
        self.double_counted_in_silence += bool(outcome.double_counts) and not alarmed
        self.mispriced += bool(outcome.mispriced)
        self.false_verified += bool(outcome.false_verified)
        self.inexact += not outcome.exact
        self.unverified += not outcome.verified
        self.recovered += outcome.recovered
        self.corrections += outcome.corrections
        self.recovery_times += outcome.recovery_times
        self.silent_times += outcome.silent_times
        self.verified_times += outcome.verified_times
        if outcome.double_counts or not outcome.exact or not outcome.verified:
            self.wrong.append(seed)

    def add(self, other: Figures) -> None:
        for field in attrs.fields(Figures):
            mine, more = getattr(self, field.name), getattr(other, field.name)
            setattr(self, field.name, mine + more)

    def quantile(self, times: Iterable[float], share: float) -> float:
        ordered = sorted(times)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def measure(mode: str, seeds: range) -> Figures:
    """Run these seeds of a mode."""
    figures = Figures()
    for seed in seeds:
        rng = random.Random(seed)
        steady = mode == STEADY
        figures.take(seed, simulate(draw_steady(rng) if steady else draw(rng, MODES[mode])))
    return figures


def run(seeds: int, processes: int | None = None) -> dict[str, Figures]:
    """Run so many seeds with all assumptions holding, and a fifth of them per broken one."""
    found = {mode: Figures() for mode in MODES}
    work = [
        (mode, range(start, min(start + _CHUNK, count)))
        for mode, share in SHARE.items()
        for count in [seeds * share // 10]
        for start in range(0, count, _CHUNK)
    ]
    if processes == 1:
        for mode, chunk in work:
            found[mode].add(measure(mode, chunk))
        return found
    with ProcessPoolExecutor(processes or os.cpu_count()) as pool:
        jobs = [(mode, pool.submit(measure, mode, chunk)) for mode, chunk in work]
        for mode, job in jobs:
            found[mode].add(job.result())
    return found


def table(found: dict[str, Figures]) -> str:
    """The figures, one mode a line."""
    head = (
        f"{'mode':<22}{'runs':>8}{'double':>8}{'silent':>8}{'mispriced':>11}{'false':>7}{'exact':>10}"
        f"{'verified':>10}{'corrected':>11}{'recovered':>11}{'p50 s':>8}{'p95 s':>8}"
        f"{'lost p95':>10}"
    )
    lines = [head, "-" * len(head)]
    for mode, figures in found.items():
        runs = max(figures.runs, 1)
        lines.append(
            f"{mode:<22}{figures.runs:>8}{figures.double_counted:>8}"
            f"{figures.double_counted_in_silence:>8}{figures.mispriced:>11}"
            f"{figures.false_verified:>7}"
            f"{(1 - figures.inexact / runs):>10.3%}{(1 - figures.unverified / runs):>10.3%}"
            f"{figures.corrections:>11}{figures.recovered:>11}"
            f"{figures.quantile(figures.recovery_times, 0.5):>8.2f}"
            f"{figures.quantile(figures.recovery_times, 0.95):>8.2f}"
            f"{figures.quantile(figures.silent_times, 0.95):>10.2f}"
        )
        if figures.wrong:
            lines.append(f"    seeds: {', '.join(map(str, sorted(figures.wrong)[:10]))}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100_000)
    parser.add_argument("--processes", type=int)
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    found = run(options.seeds, options.processes)
    print(table(found))
    print(f"{time.perf_counter() - started:.0f} s")
    return int(missed(found))


def missed(found: dict[str, Figures]) -> bool:
    """Whether a promised figure was not reached."""
    for mode, figures in found.items():
        faults = MODES[mode]
        allowed = 0.0 if faults.slow_stream == 1 else figures.runs * 0.001
        if (
            figures.inexact
            or figures.unverified
            or figures.double_counted > allowed
            or figures.double_counted_in_silence
        ):
            return True
    sound = found["A1-A5 hold"]
    return bool(
        sound.mispriced
        or sound.false_verified
        or found[STEADY].mispriced
        or found[STEADY].false_verified
        or sound.quantile(sound.recovery_times, 0.5) > 6
        or sound.quantile(sound.recovery_times, 0.95) > 20
    )


if __name__ == "__main__":
    sys.exit(main())
