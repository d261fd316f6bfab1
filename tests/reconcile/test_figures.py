"""The soak's own measurements, with small numbers."""

from __future__ import annotations

from .figures import Figure, connects_in_a_minute, live_path, mutants, table


async def test_connects_stay_within_the_budget_whatever_the_user_does(autojump_clock):
    assert 1 < await connects_in_a_minute(minutes=3) <= 6


async def test_the_live_path_is_timed(tmp_path):
    taken = await live_path(tmp_path, 5, 0.002)
    assert len(taken) == 5
    assert all(0 < one < 10 for one in taken)


def test_a_missed_figure_is_marked():
    lines = table([Figure("a", "0", "0", True), Figure("b", "0", "1", False), mutants()])
    assert [line.endswith("MISSED") for line in lines.splitlines()] == [
        False,
        False,
        False,
        True,
        False,
    ]
