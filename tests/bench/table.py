"""Medians and ratios in one table, as the documentation shows it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from unicodedata import east_asian_width

from contestants import JOURNALED, KXT, OURS, PEERS, PYTHON_KIS, UNAUDITED, version
from plan import Figures, Sizes

_HEAD = ("", OURS, KXT, PYTHON_KIS, "/ kxt", "/ python-kis", "wanted")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    title: str
    figure: str
    wanted: str = ""
    digits: int = 1
    ours: str = OURS


class Medians:
    """The middle of what the rounds brought."""

    def __init__(self, figures: Figures, sizes: Sizes) -> None:
        self._figures = figures
        self.sizes = sizes

    def get(self, figure: str, name: str) -> float | None:
        derived = getattr(self, f"_{figure}", None)
        if derived is not None:
            value: float | None = derived(name)
            return value
        values = self._figures.get(figure, {}).get(name)
        return median(values) if values else None

    def _further_us(self, name: str) -> float | None:
        most = max(self.sizes.streams)
        one, many = self.get("cpu_us", name), self.get(f"streams{most}_us", name)
        return None if one is None or many is None else (many - one) / (most - 1)

    def _growth(self, name: str) -> float | None:
        one, more = self.get("cpu_us", name), self.get("grown_cpu_us", name)
        return None if one is None or more is None else self.sizes.growth * more / one


def rows(sizes: Sizes) -> list[Row]:
    """Return the lines of the table."""
    further = [
        Row(f"CPU per fill, {count} consumers, us", f"streams{count}_us")
        for count in sizes.streams
    ]
    return [
        Row("decode only, us per record", "decode_us", "0.50 / 0.25"),
        Row("... of a record that comes alone", "alone_us"),
        Row("CPU per fill, end to end, us", "cpu_us", "0.85 / 0.20"),
        Row("... without reconciliation", "cpu_us", ours=UNAUDITED),
        Row("... with journal FULL", "cpu_us", ours=JOURNALED),
        Row("fills per second, burst", "fills_s", digits=0),
        Row("... without reconciliation", "fills_s", digits=0, ours=UNAUDITED),
        Row("... with journal FULL", "fills_s", "5000", digits=0, ours=JOURNALED),
        Row("peak RSS, MiB", "rss_mib", "below both"),
        Row("... with journal FULL", "rss_mib", ours=JOURNALED),
        Row(f"latency p50 at {sizes.rate}/s, us", "p50_us", digits=0),
        Row("latency p99, us", "p99_us", "1.00 of kxt", digits=0),
        Row("latency p99.9, us", "p999_us", digits=0),
        Row("... p50 with journal FULL", "p50_us", digits=0, ours=JOURNALED),
        Row("... p99 with journal FULL", "p99_us", "1000 us more", digits=0, ours=JOURNALED),
        Row(f"drain of {sizes.drain}, {sizes.work_us:g} us of work each, ms", "drain_ms"),
        Row("... us per fill beyond the work", "drain_us"),
        *further,
        Row("each further consumer, us per fill", "further_us", "12"),
        Row(f"CPU for {sizes.growth}x the fills, times", "growth", _linear(sizes), digits=2),
        Row("... without reconciliation", "growth", _linear(sizes), digits=2, ours=UNAUDITED),
        Row(f"peak RSS, {sizes.growth}x the fills, MiB", "grown_rss_mib"),
        Row(f"resident after {sizes.endurance // 10:,} fills, MiB", "early_rss_mib"),
        Row(f"resident after {sizes.endurance:,} fills, MiB", "late_rss_mib", "flat"),
        Row("... CPU per fill, us", "endurance_us"),
        Row("start to subscribed, ms", "start_ms"),
        Row("process start to subscribed, ms", "spawn_ms", digits=0),
        Row("import, ms beyond python's own", "import_ms", "below both", digits=0),
        Row("PINGPONG answered in a flood, worst, ms", "pong_ms", "1000"),
        Row("wake-up of another task, p99, ms late", "flood_late_ms_p99", digits=2),
        Row("... worst", "flood_late_ms_max", "10", digits=2),
        Row("... worst, after gc.freeze()", "frozen_late_ms_max", "10", digits=2),
        Row("... trio's own, idle, worst", "idle_late_ms_max", digits=2),
        Row("cancelled consumer leaves, worst, ms", "flood_cancel_ms_max", "10", digits=2),
        Row("... after gc.freeze()", "frozen_cancel_ms_max", "10", digits=2),
        Row("... trio's own, idle, worst", "idle_cancel_ms_max", digits=2),
        Row("cancelled client is gone mid-flood, ms", "leave_ms"),
        Row("floor: AES, us per record", "aes_us"),
        Row("floor: split and one object, us", "object_us"),
        Row("short cut for texts, us per message", "lane_us"),
        Row("... wsproto in its place", "wsproto_us"),
    ]


def _linear(sizes: Sizes) -> str:
    return f"{sizes.growth * 0.95:g}-{sizes.growth * 1.05:g}"


def table(medians: Medians) -> str:
    """Return the table; reStructuredText reads it, too."""
    lines = [_HEAD]
    for row in rows(medians.sizes):
        ours = medians.get(row.figure, row.ours)
        if ours is None:
            continue
        kxt, kis = medians.get(row.figure, KXT), medians.get(row.figure, PYTHON_KIS)
        values = [f"{v:,.{row.digits}f}" if v is not None else "–" for v in (ours, kxt, kis)]
        ratios = [f"{ours / v:.2f}" if v else "–" for v in (kxt, kis)]
        lines.append((row.title, *values, *ratios, row.wanted or "–"))
    widths = [max(_width(line[column]) for line in lines) for column in range(len(_HEAD))]
    rule = "  ".join("=" * max(width, 1) for width in widths)
    shown = [_line(line, widths) for line in lines]
    return "\n".join([rule, shown[0], rule, *shown[1:], rule])


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [
        cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)
    ]
    return ("\\ " + "  ".join(padded)[2:] if not cells[0] else "  ".join(padded)).rstrip()


def _width(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "FW" else 1 for letter in text)


def machine(folder: Path) -> str:
    """Return one line on where this was measured."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"{_processor()}, {os.cpu_count()} processors, {platform.system()} "
        f"{platform.release()}, {python}, journal on {_file_system(folder)}"
    )


def versions(pythons: dict[str, str]) -> str:
    """Return one line on what was measured; an interpreter for each library."""
    ours = pythons[OURS]
    packages = ("kxt_trio", "trio", "trio-websocket", "wsproto", "pycryptodome")
    parts = [f"{package} {version(ours, package)}" for package in packages]
    parts += [f"{peer} {version(pythons[peer], peer)}" for peer in PEERS if peer in pythons]
    return ", ".join(parts)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _file_system(folder: Path) -> str:
    """Return the kind of file system, so that nobody takes memory for a disk."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "a file system of unknown kind"
    found = ("", "?")
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _, point, kind, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]
