"""A session's side of streams, and one stream open on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kxt_trio.stream import FillOutlet, FillStream

from .feeding import Side


@pytest.fixture
async def side() -> Side:  # noqa: ASYNC124  # outlets are made inside a run
    return Side()


@pytest.fixture
async def opened(side: Side) -> AsyncIterator[tuple[FillOutlet, FillStream]]:
    outlet, stream = side.fills(size=3)
    yield outlet, stream
    await stream.aclose()
