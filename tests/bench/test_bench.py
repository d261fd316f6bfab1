"""The harness runs end to end.  Says nothing about speed: only ``nox -s bench`` does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import kxt_trio

BENCH = Path(__file__).parent


def test_brings_figures(tmp_path: Path) -> None:
    kept, drawn = tmp_path / "kept.json", tmp_path / "drawn.svg"
    names = ["--only", "kxt_trio"]
    for measurement in ("decode", "imports", "burst"):
        names += ["--measure", measurement]
    files = ["--json", str(kept), "--plot", str(drawn), "--folder", str(tmp_path)]

    done = subprocess.run(
        [sys.executable, str(BENCH), "--quick", "--fills", "60", *names, *files],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(kxt_trio.__file__).parents[1])},
    )

    assert done.returncode == 0, done.stderr
    assert "CPU per fill, end to end" in done.stdout
    figures = json.loads(kept.read_text(encoding="utf-8"))["figures"]
    times = {
        name: len(figures[name]["kxt_trio"]) for name in ("decode_us", "import_ms", "cpu_us")
    }
    assert times == {"decode_us": 1, "import_ms": 2, "cpu_us": 1}
    assert drawn.read_text(encoding="utf-8").startswith("<svg")
