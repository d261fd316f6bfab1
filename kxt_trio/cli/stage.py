"""Where the demo is shown: as plain lines, or as JSON lines."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Literal, TypeAlias

import attrs
import trio

from kxt_trio import FillEvent, FillOrigin, FillStream, Gap, to_json

from .lines import LineWriter
from .tally import OrderCount, Outcome

__all__ = ["JsonStage", "Kind", "PlainStage", "Stage", "introduction", "kind_of"]

#: What a line is about.
Kind: TypeAlias = Literal["order", "fill", "recovered", "link", "unheard", "note"]


class Stage(ABC):
    """Shows the demo to whoever watches.

    Attributes:
        caption: What is going on, for a stage that has a place for it.
    """

    caption = ""

    @abstractmethod
    async def introduce(self, address: str) -> None:
        """Say what is about to happen."""

    @abstractmethod
    async def tell(self, kind: Kind, text: str) -> None:
        """Show one thing that happened."""

    @abstractmethod
    async def deliver(self, fill: FillEvent, text: str) -> None:
        """Show a fill that the stream delivered."""

    @abstractmethod
    async def finish(self, outcome: Outcome) -> None:
        """Show how it ended."""

    async def watch(self, stream: FillStream) -> None:
        """Keep the stream's state in view, where there is a view, until cancelled."""
        await trio.lowlevel.checkpoint()


class PlainStage(Stage):
    """Lines for people, with the seconds since the start."""

    def __init__(self) -> None:
        self._writer = LineWriter()
        self._start = trio.current_time()

    async def introduce(self, address: str) -> None:  # noqa: D102
        await self._writer.write("\n".join(introduction(address)))

    async def tell(self, kind: Kind, text: str) -> None:  # noqa: D102
        elapsed = trio.current_time() - self._start
        await self._writer.write(f"{elapsed:5.1f} s  {kind:<9} {text}")

    async def deliver(self, fill: FillEvent, text: str) -> None:  # noqa: D102
        await self.tell(kind_of(fill), text)

    async def finish(self, outcome: Outcome) -> None:  # noqa: D102
        lines = ["", *outcome.table(), "", *outcome.sentences()]
        await self._writer.write("\n".join(lines))


class JsonStage(Stage):
    """Each fill as :func:`~kxt_trio.to_json` writes it, and a last line with the count."""

    def __init__(self) -> None:
        self._writer = LineWriter()

    async def introduce(self, address: str) -> None:  # noqa: D102
        await trio.lowlevel.checkpoint()

    async def tell(self, kind: Kind, text: str) -> None:  # noqa: D102
        await trio.lowlevel.checkpoint()

    async def deliver(self, fill: FillEvent, text: str) -> None:  # noqa: D102
        await self._writer.write(to_json(fill))

    async def finish(self, outcome: Outcome) -> None:  # noqa: D102
        await self._writer.write(json.dumps(_summary(outcome)))


def kind_of(fill: FillEvent) -> Kind:
    """Return what to call a fill."""
    return "fill" if fill.origin is FillOrigin.LIVE else "recovered"


def introduction(address: str) -> list[str]:
    """Return the lines that come first."""
    return [
        f"A stand-in broker on {address} and this library, over real sockets.",
        "No keys, no real orders.  At that broker it is 09:00:00, the market opens.",
        "",
    ]


def _summary(outcome: Outcome) -> dict[str, object]:
    return {
        "type": "DemoSummary",
        "orders": [_figures(order) for order in outcome.orders],
        "total": _figures(outcome.total),
        "live": outcome.live,
        "recovered": outcome.recovered,
        "gaps": [_gap(gap) for gap in outcome.gaps],
        "adds_up": outcome.adds_up,
    }


def _figures(order: OrderCount) -> dict[str, str]:
    return {name: str(figure) for name, figure in attrs.asdict(order).items()}


def _gap(gap: Gap) -> dict[str, str | None]:
    return {
        "start": gap.start.isoformat(),
        "end": None if gap.end is None else gap.end.isoformat(),
    }
