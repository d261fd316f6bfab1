"""The whole library, killed at any moment: nothing lost, nothing doubled."""

from __future__ import annotations

import os

import pytest

from .crash import crash

KILLS = int(os.environ.get("KXT_CRASH_KILLS", "25"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it kills a fork; Windows has none")
async def test_a_killed_program_goes_on_exactly(tmp_path):
    outcome = await crash(tmp_path, KILLS)
    assert outcome.wrong == []
    assert outcome.fills > KILLS
    assert outcome.recovered > 0, "it never missed anything"
    assert outcome.again > 0, "nothing was ever delivered again"
