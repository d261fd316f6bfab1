"""Draws where a fill's microseconds go, as an SVG written by hand."""

from __future__ import annotations

from html import escape

from contestants import KXT, OURS, PYTHON_KIS, UNAUDITED
from table import Medians

_WIDTH, _LEFT, _RIGHT = 860, 150, 60
_BAR, _GAP, _TOP = 34, 22, 30
_COLOURS = {
    "AES": "#2b6a99",
    "split and object": "#5b9ac4",
    "checks and types": "#a8cbe2",
    "finding messages": "#d98b3a",
    "trio, socket, channel": "#efc48f",
    "reconciliation": "#5f9e6e",
    "decode": "#8a93a6",
    "everything else": "#c9c9c9",
}


def anatomy(medians: Medians) -> dict[str, list[tuple[str, float]]]:
    """Return what each library's fill consists of, in microseconds of CPU."""
    found: dict[str, list[tuple[str, float]]] = {}
    whole, bare = medians.get("cpu_us", OURS), medians.get("cpu_us", UNAUDITED)
    decode, aes = medians.get("decode_us", OURS), medians.get("aes_us", OURS)
    small, lane = medians.get("object_us", OURS), medians.get("lane_us", OURS)
    if None not in (whole, bare, decode, aes, small, lane):
        parts = [
            ("AES", aes),
            ("split and object", small),
            ("checks and types", decode - aes - small),  # type: ignore[operator]
            ("finding messages", lane),
            ("trio, socket, channel", bare - decode - lane),  # type: ignore[operator]
            ("reconciliation", whole - bare),  # type: ignore[operator]
        ]
        found[OURS] = [(name, max(0.0, value or 0.0)) for name, value in parts]
    for peer in (KXT, PYTHON_KIS):
        whole, decode = medians.get("cpu_us", peer), medians.get("decode_us", peer)
        if whole is not None and decode is not None:
            found[peer] = [("decode", decode), ("everything else", max(0.0, whole - decode))]
    return found


def draw(medians: Medians) -> str:
    """Return the plot."""
    bars = anatomy(medians)
    longest = max((sum(value for _, value in parts) for parts in bars.values()), default=1.0)
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    body: list[str] = []
    y = _TOP
    for name, parts in bars.items():
        body += _draw_bar(name, parts, y, scale)
        y += _BAR + _GAP
    used = list(dict.fromkeys(part for parts in bars.values() for part, _ in parts))
    body += _draw_legend(used, y)
    height = y + 24 * ((len(used) + 2) // 3) + 10
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
            "<title>CPU microseconds per fill</title>",
            f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
            *body,
            "</svg>",
            "",
        ]
    )


def _draw_bar(name: str, parts: list[tuple[str, float]], y: int, scale: float) -> list[str]:
    middle = y + _BAR / 2 + 4
    shapes = [f'<text x="{_LEFT - 10}" y="{middle}" text-anchor="end">{escape(name)}</text>']
    x = float(_LEFT)
    for part, value in parts:
        width = value * scale
        shapes.append(
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" '
            f'fill="{_COLOURS[part]}"><title>{escape(part)}: {value:.1f} us</title></rect>'
        )
        if width > 26:
            shapes.append(
                f'<text x="{x + width / 2:.1f}" y="{middle}" text-anchor="middle">'
                f"{value:.1f}</text>"
            )
        x += width
    total = sum(value for _, value in parts)
    shapes.append(f'<text x="{x + 8:.1f}" y="{middle}">{total:.0f} us</text>')
    return shapes


def _draw_legend(names: list[str], y: int) -> list[str]:
    shapes = []
    for place, name in enumerate(names):
        x, line = _LEFT + 230 * (place % 3), y + 24 * (place // 3)
        shapes.append(
            f'<rect x="{x}" y="{line}" width="14" height="14" fill="{_COLOURS[name]}"/>'
            f'<text x="{x + 20}" y="{line + 12}">{escape(name)}</text>'
        )
    return shapes
