"""The demo on a terminal: the same lines with some colour, and the stream's state below."""

from __future__ import annotations

import trio
from rich.console import Console
from rich.live import Live
from rich.text import Text

from kxt_trio import FillEvent, FillStream

from .stage import Kind, Stage, introduction, kind_of
from .table import STATE_STYLES
from .tally import Outcome

__all__ = ["LiveStage"]

_REPAINT = 0.1
_STYLES: dict[Kind, str] = {
    "order": "dim",
    "fill": "",
    "recovered": "",
    "link": "bold",
    "unheard": "yellow",
    "note": "dim",
}
#: Of the word alone, where it is not that of the whole line.
_KIND_STYLES: dict[Kind, str] = {"fill": "green", "recovered": "bold green"}


class LiveStage(Stage):
    """Prints what happens; the last line says what state the stream is in.  Needs rich."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._start = trio.current_time()

    async def introduce(self, address: str) -> None:  # noqa: D102
        for line in introduction(address):
            self._console.print(line)
        await trio.lowlevel.checkpoint()

    async def tell(self, kind: Kind, text: str) -> None:  # noqa: D102
        elapsed = trio.current_time() - self._start
        self._console.print(
            Text.assemble(
                (f"{elapsed:5.1f} s  ", "dim"),
                (f"{kind:<9} ", _KIND_STYLES.get(kind, _STYLES[kind])),
                (text, _STYLES[kind]),
            )
        )
        await trio.lowlevel.checkpoint()

    async def deliver(self, fill: FillEvent, text: str) -> None:  # noqa: D102
        await self.tell(kind_of(fill), text)

    async def watch(self, stream: FillStream) -> None:  # noqa: D102
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._status(stream), refresh=True)
                await trio.sleep(_REPAINT)

    async def finish(self, outcome: Outcome) -> None:  # noqa: D102
        self._console.print()
        above, head, *rows, total = outcome.table()
        self._console.print(Text(f"{above}\n{head}", style="dim"))
        for row in rows:
            self._console.print(Text(row))
        self._console.print(Text(total, style="bold"))
        self._console.print()
        *sentences, verdict = outcome.sentences()
        for sentence in sentences:
            self._console.print(Text(sentence))
        style = "bold green" if outcome.adds_up else "bold red"
        self._console.print(Text(verdict, style=style))
        await trio.lowlevel.checkpoint()

    def _status(self, stream: FillStream) -> Text:
        statistics = stream.statistics()
        state = statistics.state
        return Text.assemble(
            "\n",
            (f"● {state.value}", STATE_STYLES[state]),
            f"   fills {statistics.delivered}   recovered {statistics.recovered or 0}"
            f"   reconnects {statistics.reconnects}   ",
            (f"gaps {len(statistics.gaps)}", "yellow" if statistics.gaps else ""),
            (f"\n  {self.caption}", "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )
