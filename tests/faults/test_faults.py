"""Everything at once: random schedules of faults through the whole library.

A schedule is played in virtual time against the stand-in broker, once without
reconciliation, where every fill that was sent and not cut must arrive, and once with it,
where every fill must.  ``HYPOTHESIS_PROFILE=fuzz`` plays more of them.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kxt_trio import (
    Reconciliation,
)
from kxt_trio.reconcile.rules import Rules

from .playing import WORLDS, play
from .schedules import COUNTING, draw, schedules
from .worlds import Counting, Hearing

SEEDS = int(os.environ.get("KXT_FAULT_SEEDS", "40"))
#: The suite's share; the profile "fuzz" keeps its own.
GENERATED = min(settings().max_examples, 20) if settings().derandomize else 5_000


@pytest.mark.parametrize("world", WORLDS)
def test_random_faults_break_no_promise(world):
    recovered = 0
    for seed in range(SEEDS):
        try:
            played = play(world, draw(seed, WORLDS[world]))
        except BaseException as exc:
            exc.add_note(f"seed {seed}")
            raise
        recovered += getattr(played, "recovered", 0)
    assert recovered > SEEDS or world is Hearing  # or the schedules have become too tame


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=GENERATED)
@given(data=st.data())
def test_generated_faults_break_no_promise(world, data):
    play(world, data.draw(schedules(WORLDS[world])))


def test_a_ledger_that_neither_waits_nor_holds_is_found_out(monkeypatch):
    monkeypatch.setattr(Rules, "measure", lambda *_: False)
    monkeypatch.setattr(Rules, "holds", lambda *_: False)
    monkeypatch.setattr(Counting, "reconciliation", Reconciliation(stream_lag=0.01))
    with pytest.raises(AssertionError, match=r"more than was filled|not the broker's totals"):
        for seed in range(SEEDS):
            play(Counting, draw(seed, COUNTING))
