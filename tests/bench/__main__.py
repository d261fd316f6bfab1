"""``nox -s bench``: kxt_trio and the other clients, on one machine, in one run."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from contestants import NAMES, PEERS, WIRES, contestants
from plan import MEASUREMENTS, Bench, Sizes, quick
from plot import draw
from stage import Stage, two_processors
from table import Medians, machine, table, versions


def read_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="medians are over these")
    parser.add_argument("--fills", type=int, default=20_000, help="in a burst")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every number")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the plot, an SVG")
    parser.add_argument("--quick", action="store_true", help="see that it runs; no figures")
    parser.add_argument("--only", choices=NAMES, action="append", help="leave out the others")
    parser.add_argument(
        "--measure", choices=MEASUREMENTS, action="append", help="leave out the other ones"
    )
    parser.add_argument(
        "--peers", type=Path, default=Path(".nox/bench-peers"), help="their environments"
    )
    parser.add_argument(
        "--folder", type=Path, help="for journals; by default one that is thrown away"
    )
    return parser.parse_args(arguments)


def main() -> None:
    asked = read_arguments()
    only = set(asked.only or NAMES)
    wanted = tuple(name for name in MEASUREMENTS if name in (asked.measure or MEASUREMENTS))
    rounds, sizes, lead = asked.rounds, Sizes(asked.fills), 0.3
    if asked.quick:
        rounds, sizes, lead = min(rounds, 1), quick(min(asked.fills, 500)), 0.05
    people = contestants(asked.peers, only)
    with tempfile.TemporaryDirectory(dir=asked.folder) as name:
        folder = Path(name)
        stage = Stage(folder, lead=lead, cpus=two_processors())
        bench = Bench(stage, sizes, people, _tell, wanted)
        about = {
            "machine": machine(folder),
            "versions": versions({p.library: p.python for p in people.values()}),
            "rounds": rounds,
            "fills": sizes.fills,
            "pinned": bench.stage.cpus[0] is not None,
        }
        for number in range(rounds):
            _tell(f"-- round {number + 1} of {rounds}")
            bench.round(number)
    medians = Medians(bench.figures, sizes)
    print(_report(about, bench, medians, only))
    if asked.json is not None:
        kept = {"about": about, "remarks": bench.remarks, "figures": bench.figures}
        asked.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    if asked.plot is not None:
        asked.plot.write_text(draw(medians), encoding="utf-8")
    if bench.remarks:
        sys.exit(1)


def _report(about: dict[str, object], bench: Bench, medians: Medians, only: set[str]) -> str:
    apart = "broker and client on a processor each" if about["pinned"] else "not pinned"
    lines = [
        "",
        f"{about['machine']}; {apart}",
        str(about["versions"]),
        f"{about['fills']} fills in a burst, {about['rounds']} rounds, medians",
        *(f"{name}: {wire}" for name, wire in WIRES.items() if name in only),
        *(f"{name} is {PEERS[name]}" for name in PEERS if name in only),
        "",
        table(medians),
        *(f"! {remark}" for remark in bench.remarks),
    ]
    return "\n".join(lines)


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
