"""The ledger against the truth: thousands of runs, broken assumptions, bent rules."""

from __future__ import annotations

import random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from . import mutants
from .scenario import (
    BEFORE_MIDNIGHT,
    GRID,
    TEN_O_CLOCK,
    Execution,
    Faults,
    Order,
    Request,
    Scenario,
    draw,
    draw_steady,
)
from .simulator import simulate
from .soak import STEADY, measure, missed, run, table


def test_two_thousand_runs_with_all_assumptions_holding(capsys):
    figures = measure("A1-A5 hold", range(2_000))
    assert figures.wrong == []
    assert (figures.double_counted, figures.mispriced, figures.inexact) == (0, 0, 0)
    assert figures.false_verified == 0
    assert figures.recovered > 1_000
    assert figures.quantile(figures.recovery_times, 0.5) <= 6
    assert figures.quantile(figures.recovery_times, 0.95) <= 20


def test_six_hundred_runs_of_orders_that_never_rest():
    figures = measure(STEADY, range(600))
    assert figures.wrong == []
    assert (figures.double_counted, figures.mispriced, figures.inexact) == (0, 0, 0)
    assert figures.false_verified == 0
    # Half of that of a ledger that waits for every order to rest.
    assert figures.quantile(figures.verified_times, 0.5) <= 60


@pytest.mark.parametrize(
    "mode", ["stream 3x too slow", "stream 5x too slow", "totals up to 90 s old", "both"]
)
def test_totals_end_exact_whatever_is_broken(mode):
    figures = measure(mode, range(200))
    assert figures.wrong == []
    assert figures.double_counted_in_silence == 0


def test_the_soak_prints_its_table():
    found = run(20, processes=1)
    assert not missed(found) or found["A1-A5 hold"].runs < 100  # few runs, odd quantiles
    assert "A1-A5 hold" in table(found)


#: The mutants that a simulation can notice, and the mode that shows them.
NOTICED = [
    (mutants.NoWait, Faults(), 200),
    (mutants.WaitsTooLong, Faults(), 1),
    (mutants.NoQuietTest, Faults(), 40),
    (mutants.QuietOnlyBefore, Faults(), 40),
    (mutants.NoHold, Faults(slow_stream=5.0), 40),
    (mutants.HoldsByQuantityOnly, Faults(slow_stream=5.0), 40),
    (mutants.HoldsEarlierOnly, Faults(slow_stream=5.0), 1_500),
    (mutants.BelievesAtOnce, Faults(stale_rest=90.0), 40),
]
#: Those that orders which never rest can show.
NOTICED_IN_TRADING = [
    (mutants.ConfirmsWhatIsCountedNow, 200),
    (mutants.ConfirmsAnyMoment, 200),
]


@pytest.mark.parametrize(("mutant", "faults", "seeds"), NOTICED)
def test_the_simulation_notices_a_bent_rule(mutant, faults, seeds):
    """A symptom that the true rules never show, within so many seeds."""
    holding = faults == Faults()
    for seed in range(seeds):
        scenario = draw(random.Random(seed), faults)
        outcome = simulate(scenario, mutant)
        symptoms = outcome.double_counts or not outcome.exact or not outcome.verified
        symptoms = symptoms or outcome.corrections or (holding and outcome.mispriced)
        if symptoms:
            healthy = simulate(scenario)
            assert healthy.exact
            assert not healthy.double_counts
            assert not healthy.corrections
            return
    pytest.fail(f"{mutant.__name__} lives")


@pytest.mark.parametrize(("mutant", "seeds"), NOTICED_IN_TRADING)
def test_trading_without_a_pause_shows_a_bent_rule(mutant, seeds):
    for seed in range(seeds):
        scenario = draw_steady(random.Random(seed))
        outcome = simulate(scenario, mutant)
        if outcome.false_verified or outcome.mispriced or not outcome.sound:
            assert simulate(scenario).sound
            return
    pytest.fail(f"{mutant.__name__} lives")


# Fault schedules as data, made by hypothesis


def times(low: float, high: float) -> st.SearchStrategy[float]:
    return st.integers(int(low / GRID), int(high / GRID)).map(lambda n: n * GRID)


@st.composite
def executions(draw_from: st.DrawFn, start: float) -> tuple[Execution, ...]:
    found = draw_from(
        st.lists(
            st.builds(
                Execution,
                at=times(start, 50),
                quantity=st.integers(1, 3),
                price=st.integers(99, 101),
                fate=st.sampled_from(("notified", "notified", "lost", "unreadable")),
                delay=times(0, 5),
            ),
            max_size=5,
        )
    )
    return tuple(sorted(found, key=lambda one: one.at))


@st.composite
def orders(draw_from: st.DrawFn) -> Order:
    placed_at = draw_from(times(-10, 30))
    done = draw_from(executions(placed_at))
    rest = draw_from(st.integers(0, 5))
    changed_at = None
    if rest and draw_from(st.booleans()):
        changed_at = max([placed_at, *(one.at for one in done)]) + GRID
    successor = None
    if changed_at is not None and changed_at < 50 and draw_from(st.booleans()):
        later = draw_from(executions(changed_at))[:rest]
        later = tuple(attrs.evolve(one, quantity=1) for one in later)
        successor = Order(changed_at, rest, later, announced=draw_from(st.booleans()))
    return Order(
        placed_at,
        sum(one.quantity for one in done) + rest or 1,
        done,
        announced=draw_from(st.booleans()),
        changed_at=changed_at,
        withdrawn=rest if changed_at is not None else 0,
        successor=successor,
    )


@st.composite
def requests(draw_from: st.DrawFn) -> Request:
    latency = draw_from(times(GRID, 3))
    return Request(latency, draw_from(times(-latency, 5)), draw_from(st.booleans()))


@st.composite
def scenarios(draw_from: st.DrawFn) -> Scenario:
    live_at = draw_from(times(GRID, 5))
    breaks, at = [], live_at
    for gap, length in draw_from(
        st.lists(st.tuples(times(1, 20), times(GRID, 15)), max_size=3)
    ):
        breaks.append((at + gap, at + gap + length))
        at += gap + length
    return Scenario(
        orders=tuple(draw_from(st.lists(orders(), max_size=3))),
        breaks=tuple(breaks),
        crashes=tuple(draw_from(st.lists(times(6, 55), max_size=2))),
        requests=tuple(draw_from(st.lists(requests(), min_size=1, max_size=5))),
        start_wall=draw_from(st.sampled_from((TEN_O_CLOCK, BEFORE_MIDNIGHT))),
        live_at=live_at,
        replay=draw_from(st.sampled_from(("none", "today"))),
        page_size=draw_from(st.integers(1, 4)),
        horizon=max(60.0, at + 1),
    )


@given(scenarios())
@settings(max_examples=300)
def test_no_schedule_of_faults_makes_it_wrong(scenario):
    outcome = simulate(scenario)
    assert outcome.double_counts == 0
    assert outcome.mispriced == 0
    assert outcome.false_verified == 0
    assert outcome.exact
    assert outcome.verified
