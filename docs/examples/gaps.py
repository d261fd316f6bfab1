"""Tell each gap once, when it is over and its length is known."""

from __future__ import annotations

from collections.abc import Callable

import trio

from kxt_trio import FillStream, Gap


async def watch_gaps(fills: FillStream, tell: Callable[[Gap], None]) -> None:
    told = 0
    while True:
        ended = [gap for gap in fills.statistics().gaps if gap.end is not None]
        for gap in ended[told:]:
            tell(gap)
        told = len(ended)
        await trio.sleep(1)
