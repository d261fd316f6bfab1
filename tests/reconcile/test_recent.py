"""What is kept of the latest notices of an order: never wrong, and never much."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.reconcile.recent import Recent
from kxt_trio.reconcile.totals import Totals


def filled(recent: Recent, *times: float) -> None:
    for at in times:
        recent.add(at, 1, 100)


def test_notices_far_apart_are_told_apart():
    recent = Recent()
    filled(recent, 1, 2, 3)
    assert recent.since(0) == Totals(3, 300)
    assert recent.since(2) == Totals(2, 200)  # received at this moment
    assert recent.since(2.001) == Totals(1, 100)
    assert recent.since(4) == Totals(0, 0)


def test_of_a_moment_between_notices_close_together_nothing_is_said():
    recent = Recent()
    filled(recent, 1, 2, 2.1, 2.2)
    assert recent.since(2) == Totals(3, 300)
    for at in (2.001, 2.1, 2.2):
        assert recent.since(at) is None
    assert recent.since(math.nextafter(2.2, math.inf)) == Totals(0, 0)


def test_a_trickle_without_a_pause_is_not_one_endless_span():
    recent = Recent()
    filled(recent, *(n / 10 for n in range(100)))
    known = [recent.since(n / 10) for n in range(100)]
    assert sum(totals is not None for totals in known) > 30


def test_it_grows_with_time_and_not_with_notices():
    recent = Recent()
    filled(recent, *(n / 10_000 for n in range(10_000)))  # of one second
    assert len(list(recent._spans())) <= 4


def test_what_came_too_long_ago_is_not_known():
    recent = Recent()
    for at in range(1_000):
        filled(recent, at)
        if at >= 127:  # so many are known at any time
            assert recent.since(at - 127) == Totals(128, 12_800)
    assert len(list(recent._spans())) <= 256
    assert recent.since(500) is None
    assert recent.since(990) == Totals(10, 1_000)


def test_what_was_confirmed_is_forgotten_when_nothing_came_since():
    recent = Recent()
    filled(recent, 1, 5)
    recent.forget(5)  # received at this moment is not before it
    assert recent.since(1) == Totals(2, 200)
    recent.forget(5.1)
    assert recent.since(5) is None
    assert recent.since(5.1) == Totals(0, 0)


@given(
    gaps=st.lists(
        st.tuples(st.sampled_from([0, 0.01, 0.1, 0.25, 0.3, 2.0]), st.integers(1, 9)),
        max_size=700,
    ),
    asked=st.integers(0, 800),
    later=st.sampled_from([0, 0.005, 0.2]),
    forgets=st.sets(st.integers(0, 700), max_size=3),
)
def test_it_never_says_what_is_not_so(gaps, asked, later, forgets):
    recent, notices, at = Recent(), [], 0.0
    for number, (gap, shares) in enumerate(gaps):
        at += gap
        recent.add(at, shares, shares * 10)
        notices.append((at, shares))
        if number in forgets:
            recent.forget(at - 0.2)
    moment = (notices[min(asked, len(notices) - 1)][0] if notices else 0.0) + later
    found = recent.since(moment)
    shares = sum(shares for received, shares in notices if received >= moment)
    assert found in (None, Totals(shares, shares * 10))


@pytest.mark.parametrize("at", [-1, 8, math.nextafter(8, math.inf)])
def test_a_journal_tells_of_no_moment_before_its_last_notice(at):
    recent = Recent()
    recent.lack(8)
    recent.lack(3)
    assert (recent.since(at) is not None) == (at > 8)
