"""The live table of ``kxt-trio fills`` and ``kxt-trio events``.  Drawn with rich."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

import trio
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kxt_trio import KST, FillStream, Gap, OrderEventStream, StreamState, StreamStatistics

from .arguments import Feed
from .rows import Row, StreamedEvent, audit_figures, gap_times, row_of

__all__ = ["STATE_STYLES", "LiveTable"]

#: How a state looks, here and in the demo.
STATE_STYLES = {
    StreamState.CONNECTING: "yellow",
    StreamState.RECONCILING: "cyan",
    StreamState.LIVE: "green",
    StreamState.RECONNECTING: "yellow",
    StreamState.FAILED: "red",
    StreamState.CLOSED: "dim",
}

_REPAINT = 0.2
_NOTES = 4
#: Lines around the rows and the notes: heading, column heads, figures (two), space, prompt.
_FRAME = 9
_FEWEST_ROWS = 3


#: The narrowest that each column gets, so that the picture does not jump.
_COLUMNS = {
    "time": 8,
    "event": 10,
    "order": 10,
    "side": 4,
    "symbol": 6,
    "name": 8,
    "quantity": 8,
    "price": 9,
}


class LiveTable:
    """The newest events, the state of the link, and what the library had to say."""

    def __init__(self, feed: Feed, place: str) -> None:
        self._feed = feed
        self._place = place
        self._console = Console()
        self._rows: deque[Row] = deque(maxlen=max(_FEWEST_ROWS, self._console.height))
        self._notes: deque[str] = deque(maxlen=_NOTES)

    def add(self, event: StreamedEvent) -> None:
        """Show an event."""
        self._rows.append(row_of(event))

    def note(self, message: str) -> None:
        """Show a message below the table."""
        self._notes.append(f"{datetime.now(KST):%H:%M:%S}  {message}")

    @asynccontextmanager
    async def shown(self, stream: FillStream | OrderEventStream) -> AsyncGenerator[None]:
        """Keep the table on the terminal for the length of the block, and leave it there."""
        with Live(console=self._console, auto_refresh=False) as live:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._repaint, live, stream)
                try:
                    yield
                finally:
                    nursery.cancel_scope.cancel()
                    live.update(self.render(stream.statistics()), refresh=True)

    async def _repaint(self, live: Live, stream: FillStream | OrderEventStream) -> None:
        while True:
            picture = self.render(stream.statistics())
            # A terminal that is held (Ctrl-S) must not hold up the answers to PINGPONG.
            await trio.to_thread.run_sync(partial(live.update, picture, refresh=True))
            await trio.sleep(_REPAINT)

    def render(self, statistics: StreamStatistics) -> RenderableType:
        """Return the picture of this moment."""
        return Group(
            self._heading(statistics),
            Text(),
            self._table(),
            Text(),
            _figures(statistics),
            *_audit(statistics),
            *(Text(note, style="dim") for note in self._notes),
            Text("Ctrl-C ends", style="dim"),
        )

    def _heading(self, statistics: StreamStatistics) -> Text:
        state = statistics.state
        return Text.assemble(
            (f"kxt-trio {self._feed.value}", "bold"),
            "  ",
            (f"● {state.value}", STATE_STYLES[state]),
            (f"  {self._place}", "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=False)
        for title, width in _COLUMNS.items():
            table.add_column(
                title,
                justify="right" if title in ("quantity", "price") else "left",
                min_width=width,
                no_wrap=True,
                overflow="ellipsis",
            )
        width, height = self._console.size
        notes = sum(len(Text(note).wrap(self._console, width)) for note in self._notes)
        room = max(_FEWEST_ROWS, height - _FRAME - notes)
        for row in list(self._rows)[-room:]:
            cells = [row.order, row.side, row.symbol, row.name, row.quantity, row.price]
            table.add_row(row.time, row.what, *cells)
        return table


def _figures(statistics: StreamStatistics) -> Text:
    age = statistics.last_frame_age
    parts = [
        (f"received {statistics.received}", ""),
        (f"reconnects {statistics.reconnects}", ""),
        (_gaps(statistics.gaps), "yellow" if statistics.gaps else ""),
        (f"unreadable {statistics.unreadable}", "red" if statistics.unreadable else ""),
        ("" if age is None else f"last frame {age:.0f} s ago", "dim"),
    ]
    return Text("   ", no_wrap=True, overflow="ellipsis").join(
        Text(text, style=style) for text, style in parts if text
    )


def _audit(statistics: StreamStatistics) -> list[Text]:
    text = "   ".join(audit_figures(statistics))
    return [Text(text, style="yellow", no_wrap=True, overflow="ellipsis")] if text else []


def _gaps(gaps: tuple[Gap, ...]) -> str:
    if not gaps:
        return "gaps 0"
    return f"gaps {len(gaps)} (last {gap_times(gaps[-1])})"
