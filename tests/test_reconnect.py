"""When to connect next, and when to stop trying."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.errors import (
    KXTAuthenticationError,
    KXTConnectionError,
    KXTError,
    KXTSessionInUseError,
    KXTSubscriptionError,
)
from kxt_trio.protocol.refusals import Advice
from kxt_trio.reconnect import Loss, ReconnectPlan
from kxt_trio.settings import StreamPolicy

BROKEN = Loss(KXTConnectionError("broken"))
IN_USE = Loss(KXTSessionInUseError("in use"), Advice.WAIT)
STALE = Loss(KXTAuthenticationError("stale approval key"), Advice.RENEW_KEY)
RIDDLE = Loss(KXTSubscriptionError("what?"), Advice.UNKNOWN)
WRONG = Loss(KXTSubscriptionError("wrong HTS ID"), Advice.FATAL)


class Longest(random.Random):
    """Jitter that always takes the upper bound, so that the bound can be seen."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Shortest(random.Random):
    """Jitter that always takes the lower bound."""

    def uniform(self, a: float, b: float) -> float:
        return a


def plan(
    policy: StreamPolicy | None = None, source: random.Random | None = None
) -> ReconnectPlan:
    return ReconnectPlan(policy or StreamPolicy(), source or Longest())


def delays(chosen: ReconnectPlan, *losses: Loss) -> list[float]:
    return [chosen.lost(loss, 1000.0) - 1000.0 for loss in losses]


# -- backoff ----------------------------------------------------------------------------


def test_the_bound_doubles_up_to_the_cap():
    assert delays(plan(), *[BROKEN] * 9) == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_no_delay_is_below_the_floor():
    policy = StreamPolicy(backoff_floor=1.5)
    assert delays(plan(policy, Shortest()), *[BROKEN] * 4) == [1.5] * 4


def test_a_cap_below_the_initial_bound_holds_from_the_start():
    policy = StreamPolicy(backoff_initial=8, backoff_max=3)
    assert delays(plan(policy), BROKEN, BROKEN) == [3, 3]


def test_a_year_of_failures_still_gives_a_delay():
    assert set(delays(plan(), *[BROKEN] * 5000)[6:]) == {60}


@given(
    seed=st.integers(),
    floor=st.floats(0, 5),
    initial=st.floats(0.01, 10),
    cap=st.floats(5, 120),
    failures=st.integers(1, 40),
)
def test_jitter_stays_between_the_floor_and_the_doubling_bound(
    seed: int, floor: float, initial: float, cap: float, failures: int
):
    policy = StreamPolicy(backoff_floor=floor, backoff_initial=initial, backoff_max=cap)
    chosen = plan(policy, random.Random(seed))
    for count in range(failures):
        delay = chosen.lost(BROKEN, 0.0)
        assert floor <= delay <= max(floor, min(cap, initial * 2**count))


def test_the_jitter_is_full():
    chosen = plan(StreamPolicy(backoff_floor=0), random.Random(1))
    late = delays(chosen, *[BROKEN] * 200)[6:]
    assert min(late) < 6
    assert max(late) > 54


# -- what makes it forget ---------------------------------------------------------------


@pytest.mark.parametrize(("lived", "following"), [(59.9, 4), (60, 1), (3600, 1)])
def test_only_a_subscription_that_lived_long_enough_resets_the_backoff(
    lived: float, following: float
):
    chosen = plan()
    delays(chosen, BROKEN, BROKEN)
    chosen.connecting(100.0)
    chosen.subscribed(101.0)
    assert chosen.lost(BROKEN, 101.0 + lived) == 101.0 + lived + following


def test_a_long_connection_without_a_subscription_resets_nothing():
    chosen = plan()
    delays(chosen, BROKEN, BROKEN)
    chosen.connecting(100.0)
    assert chosen.lost(BROKEN, 5000.0) == 5004.0


def test_a_subscription_of_an_earlier_connection_does_not_count():
    chosen = plan()
    delays(chosen, BROKEN, BROKEN)
    chosen.connecting(100.0)
    chosen.subscribed(101.0)
    chosen.connecting(200.0)
    assert chosen.lost(BROKEN, 300.0) == 304.0


def test_an_approval_key_refused_after_it_has_worked_is_the_brokers_night():
    chosen = plan()
    chosen.connecting(0.0)
    chosen.subscribed(0.0)
    assert delays(chosen, *[STALE] * 20) == [0, 1, 2, 4, 8, 16, 32, *[60] * 13]


@pytest.mark.parametrize(
    ("loss", "tries"), [(RIDDLE, 2), (IN_USE, 6), (Loss(BROKEN.error, lived=1), 2)]
)
def test_a_stable_subscription_gives_every_count_its_tries_back(loss: Loss, tries: int):
    chosen = plan()
    delays(chosen, *[loss] * tries)
    chosen.connecting(0.0)
    chosen.subscribed(0.0)
    chosen.lost(RIDDLE if loss.advice is Advice.RETRY else BROKEN, 60.0)
    assert len(delays(chosen, *[loss] * tries)) == tries
    with pytest.raises(KXTError):
        chosen.lost(loss, 1000.0)


# -- the connect budget -----------------------------------------------------------------


def test_within_the_budget_a_connect_is_allowed_at_once():
    chosen = plan(StreamPolicy(connects_per_minute=2))
    assert chosen.connect_at(5.0) == 5.0
    chosen.connecting(5.0)
    assert chosen.connect_at(6.0) == 6.0
    chosen.connecting(6.0)
    assert chosen.connect_at(7.0) == 65.0
    assert chosen.connect_at(80.0) == 80.0


@given(
    budget=st.integers(1, 8),
    start=st.floats(0, 1e6),
    pauses=st.lists(
        st.one_of(st.just(0.0), st.floats(0, 5), st.floats(0, 200)), min_size=1, max_size=60
    ),
)
def test_no_sixty_seconds_hold_more_connects_than_the_budget(
    budget: int, start: float, pauses: list[float]
):
    chosen = plan(StreamPolicy(connects_per_minute=budget))
    now, connects = start, []
    for pause in pauses:
        now = chosen.connect_at(now + pause)
        chosen.connecting(now)
        connects.append(now)
    for first, beyond in zip(connects, connects[budget:], strict=False):
        assert beyond >= first + 60.0


def test_a_stable_subscription_does_not_refill_the_budget():
    chosen = plan(StreamPolicy(connects_per_minute=1, stable_after=0))
    chosen.connecting(100.0)
    chosen.subscribed(100.0)
    chosen.lost(BROKEN, 101.0)
    assert chosen.connect_at(101.0) == 160.0


# -- accepted, then closed --------------------------------------------------------------


def test_three_quick_closes_running_are_a_refusal_without_words():
    chosen = plan()
    quick = Loss(KXTConnectionError("closed with code 1000"), lived=4.9)
    assert delays(chosen, quick, quick) == [1, 2]
    with pytest.raises(KXTConnectionError, match=r"wrong.*HTS ID|HTS ID is wrong") as caught:
        chosen.lost(quick, 1000.0)
    assert "session" in str(caught.value)
    assert caught.value.__cause__ is quick.error


@pytest.mark.parametrize("other", [Loss(BROKEN.error, lived=5.0), BROKEN])
def test_any_other_ending_breaks_the_row_of_quick_closes(other: Loss):
    chosen = plan()
    quick = Loss(BROKEN.error, lived=0.0)
    delays(chosen, quick, quick, other, quick, quick)
    with pytest.raises(KXTConnectionError, match="HTS ID"):
        chosen.lost(quick, 1000.0)


# -- refusals ---------------------------------------------------------------------------


def test_a_session_in_use_is_waited_for_longer_and_longer_and_then_raised():
    chosen = plan()
    assert delays(chosen, *[IN_USE] * 6) == [5, 10, 20, 40, 80, 160]
    with pytest.raises(KXTSessionInUseError) as caught:
        chosen.lost(IN_USE, 1000.0)
    assert caught.value is IN_USE.error


def test_a_stale_approval_key_is_renewed_at_once_and_then_with_delays_three_times_in_all():
    chosen = plan()
    assert delays(chosen, STALE, STALE) == [0, 1]
    with pytest.raises(KXTAuthenticationError) as caught:
        chosen.lost(STALE, 1000.0)
    assert caught.value is STALE.error


def test_a_refusal_nobody_can_explain_gets_three_tries():
    chosen = plan()
    assert delays(chosen, RIDDLE, RIDDLE) == [1, 2]
    with pytest.raises(KXTSubscriptionError) as caught:
        chosen.lost(RIDDLE, 1000.0)
    assert caught.value is RIDDLE.error


def test_a_fatal_refusal_is_raised_at_once():
    with pytest.raises(KXTSubscriptionError) as caught:
        plan().lost(WRONG, 0.0)
    assert caught.value is WRONG.error


@pytest.mark.parametrize("loss", [IN_USE, STALE, RIDDLE, Loss(BROKEN.error, lived=1.0)])
def test_what_was_given_up_once_is_given_up_at_once_until_something_worked(loss: Loss):
    chosen = plan()
    with pytest.raises(KXTError):
        delays(chosen, *[loss] * 10)
    for _ in range(3):
        with pytest.raises(KXTError):
            chosen.lost(loss, 1000.0)


def test_trouble_of_the_network_is_retried_without_end():
    assert len(delays(plan(), *[BROKEN] * 1000)) == 1000


@given(
    losses=st.lists(
        st.sampled_from([BROKEN, IN_USE, STALE, RIDDLE, Loss(BROKEN.error, lived=1.0)]),
        max_size=30,
    ),
    seed=st.integers(),
)
def test_every_next_try_lies_ahead_and_only_the_one_renewal_is_immediate(
    losses: list[Loss], seed: int
):
    chosen, renewed = plan(source=random.Random(seed)), False
    for loss in losses:
        try:
            delay = chosen.lost(loss, 0.0)
        except KXTError:
            return
        if delay < 1:
            assert loss is STALE
            assert not renewed
            renewed = True
