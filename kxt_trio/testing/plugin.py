"""The pytest plugin: ``pytest_plugins = ["kxt_trio.testing.plugin"]``.

Needs pytest-trio.  Ask for ``autojump_clock``, too, and the test runs in virtual time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .fake_kis import FakeKIS

__all__ = ["fake_kis"]


@pytest.fixture
async def fake_kis() -> AsyncIterator[FakeKIS]:
    """A :class:`~kxt_trio.testing.FakeKIS` that is up for as long as the test runs."""
    async with FakeKIS() as kis:
        yield kis
