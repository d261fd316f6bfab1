"""What happens in one simulated run, as data: orders, executions, faults, answers.

All times are seconds of virtual time on a grid of an eighth, so that events coincide:
a notice that arrives in the very instant of a decision, an execution in the very second
of an answer.
"""

from __future__ import annotations

import random
from typing import Literal

import attrs

__all__ = ["Execution", "Fate", "Faults", "Order", "Request", "Scenario", "draw", "draw_steady"]

GRID = 0.125
#: 2026-11-23 10:00:00 KST, a Monday.
TEN_O_CLOCK = 1_795_395_600
#: Thirty seconds before the midnight that ends it.
BEFORE_MIDNIGHT = TEN_O_CLOCK + 14 * 3_600 - 30

Fate = Literal["notified", "lost", "unreadable"]


@attrs.frozen
class Execution:
    """``delay`` is the notice's; a lost one has none, an unreadable one has."""

    at: float
    quantity: int
    price: int
    fate: Fate = "notified"
    delay: float = 0.125


@attrs.frozen
class Order:
    """``announced``: its acceptance is notified.  ``withdrawn`` leaves at ``changed_at``;
    with ``amended``, into a new order, whose executions are ``successor``'s.
    """

    placed_at: float
    quantity: int
    executions: tuple[Execution, ...]
    announced: bool = True
    changed_at: float | None = None
    withdrawn: int = 0
    successor: Order | None = None


@attrs.frozen
class Request:
    """How the broker answers one request: taken in turn, round and round.

    ``age`` is how much older than the question the totals are; below zero, they are of a
    moment between question and answer, ``latency`` at the latest.
    """

    latency: float = 0.25
    age: float = 0.0
    fails: bool = False


@attrs.frozen(kw_only=True)
class Scenario:
    orders: tuple[Order, ...]
    #: (down, up): the link is lost, and its successor's subscription acknowledged.
    breaks: tuple[tuple[float, float], ...] = ()
    #: The program is killed and started again from its journal.
    crashes: tuple[float, ...] = ()
    requests: tuple[Request, ...] = (Request(),)
    start_wall: int = TEN_O_CLOCK
    #: When the first subscription is acknowledged.
    live_at: float = 2.0
    replay: Literal["none", "today"] = "none"
    page_size: int = 100
    stream_lag: float = 5.0
    rest_lag: float = 5.0
    #: The program takes the broker's clock for this much ahead of what it is.
    clock_error: float = 0.0
    #: Executions, breaks and crashes are before this.
    horizon: float = 60.0


@attrs.frozen(kw_only=True)
class Faults:
    """Which assumptions a drawn scenario breaks."""

    #: Notices may take up to this many times the stream lag (A2).
    slow_stream: float = 1.0
    #: Totals may be up to this old when asked for (A5).
    stale_rest: float | None = None


def draw(rng: random.Random, faults: Faults) -> Scenario:
    """Draw a scenario."""
    horizon = rng.choice((30.0, 60.0, 90.0))
    live_at = grid(rng, 0.5, 4)
    breaks = draw_breaks(rng, live_at, horizon)
    # Most of the time a stream is fast; now and then it is as slow as it may be.
    typical = (
        5.0 * faults.slow_stream if faults.slow_stream > 1 else rng.choice((0.25, 0.5, 1, 5))
    )
    loss = rng.choice((0.0, 0.02, 0.1, 0.3))
    orders = tuple(
        draw_order(rng, live_at, horizon, typical, loss) for _ in range(rng.randint(1, 5))
    )
    crashes = (grid(rng, live_at + 1, horizon),) if rng.random() < 0.2 else ()
    return Scenario(
        orders=orders,
        breaks=breaks,
        crashes=crashes,
        requests=draw_requests(rng, faults),
        start_wall=BEFORE_MIDNIGHT if rng.random() < 0.15 else TEN_O_CLOCK,
        live_at=live_at,
        replay=rng.choice(("none", "none", "today")),
        page_size=rng.choice((2, 100, 100)),
        clock_error=rng.choice((0.0, 0.0, 0.5)),
        horizon=horizon,
    )


def draw_steady(rng: random.Random) -> Scenario:
    """Draw orders that trade every few seconds until the end, and a link that breaks once."""
    live_at, horizon = grid(rng, 0.5, 4), 120.0
    down = grid(rng, 20, 40)
    up = down + grid(rng, 1, 6)
    loss = rng.choice((0.0, 0.0, 0.02))
    typical = rng.choice((0.25, 1.0, 5.0))
    orders: list[Order] = []
    for _ in range(rng.randint(1, 3)):
        gap, regular = rng.choice((1, 2, 3, 4, 6, 8)), rng.random() < 0.4
        found: list[Execution] = []
        at = live_at + 1
        while at < horizon - 2:
            step = grid(rng, gap - 0.25, gap + 0.25) if regular else grid(rng, 0, 2 * gap)
            at += max(GRID, step)
            if down <= at <= up and rng.random() < 0.5:
                continue
            found.append(
                Execution(
                    at,
                    rng.choice((1, 1, 1, 2)),
                    1_000 + rng.choice((0, 0, 0, 5)),
                    "lost" if rng.random() < loss else "notified",
                    grid(rng, 0, typical),
                )
            )
        shares = sum(one.quantity for one in found) + rng.choice((0, 100))
        orders.append(Order(live_at + 0.5, shares, tuple(found)))
    oldest = rng.choice((0.0, 1.0, 5.0))
    return Scenario(
        orders=tuple(orders),
        breaks=((down, up),),
        crashes=(grid(rng, 60, 100),) if rng.random() < 0.2 else (),
        requests=tuple(
            Request(
                rng.choice((0.125, 0.25, 0.5)), grid(rng, -0.125, oldest), rng.random() < 0.03
            )
            for _ in range(7)
        ),
        live_at=live_at,
        clock_error=rng.choice((0.0, 0.0, 0.5)),
        horizon=horizon,
    )


def grid(rng: random.Random, low: float, high: float) -> float:
    """A moment on the grid."""
    return rng.randint(int(low / GRID), max(int(low / GRID), int(high / GRID))) * GRID


def draw_breaks(
    rng: random.Random, live_at: float, horizon: float
) -> tuple[tuple[float, float], ...]:
    breaks = []
    at = live_at
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        down = grid(rng, at + 1, at + horizon / 2)
        up = down + rng.choice((grid(rng, 0.25, 2), grid(rng, 2, 15)))
        if up > horizon:
            break
        breaks.append((down, up))
        at = up
    return tuple(breaks)


def draw_order(
    rng: random.Random, live_at: float, horizon: float, typical: float, loss: float
) -> Order:
    early = rng.random() < 0.3
    placed_at = grid(rng, -60, live_at) if early else grid(rng, live_at, horizon - 5)
    count = rng.choice((0, 1, 1, 2, 3, 5, 8))
    executions = draw_executions(rng, placed_at, horizon, count, typical, loss)
    filled = sum(execution.quantity for execution in executions)
    rest = rng.choice((0, 0, 5, 100))
    changed_at, withdrawn, successor = None, 0, None
    if rest and rng.random() < 0.5:
        last = executions[-1].at if executions else placed_at
        changed_at = last + GRID if last + GRID < horizon else None
    if changed_at is not None:
        withdrawn = rest
        if rng.random() < 0.5:
            later = draw_executions(rng, changed_at, horizon, rng.randint(0, 3), typical, loss)
            later = tuple(attrs.evolve(one, quantity=1) for one in later)
            successor = Order(changed_at, rest, later, announced=rng.random() < 0.9)
    return Order(
        placed_at,
        filled + rest or 10,
        executions,
        announced=rng.random() < 0.8,
        changed_at=changed_at,
        withdrawn=withdrawn,
        successor=successor,
    )


def draw_executions(
    rng: random.Random, start: float, horizon: float, count: int, typical: float, loss: float
) -> tuple[Execution, ...]:
    price = rng.choice((1_000, 69_950))
    found: list[Execution] = []
    span = rng.choice((2.0, 20.0, horizon))
    for _ in range(count):
        if found and rng.random() < 0.25:  # a twin
            found.append(attrs.evolve(found[-1], delay=draw_delay(rng, typical)))
            continue
        chance = rng.random()
        fate: Fate = "notified"
        if chance < loss:
            fate = "lost" if rng.random() < 0.8 else "unreadable"
        found.append(
            Execution(
                min(grid(rng, start, start + span), horizon - 1),
                rng.choice((1, 1, 3, 10)),
                price + rng.choice((0, 0, 5, 10, -5)),
                fate,
                draw_delay(rng, typical),
            )
        )
    return tuple(sorted(found, key=lambda execution: execution.at))


def draw_delay(rng: random.Random, typical: float) -> float:
    return grid(rng, 0, typical)


def draw_requests(rng: random.Random, faults: Faults) -> tuple[Request, ...]:
    oldest = 5.0 if faults.stale_rest is None else faults.stale_rest
    trouble = rng.choice((0.0, 0.0, 0.1, 0.4))
    age = rng.choice((0.0, 1.0, oldest))
    found = []
    for _ in range(rng.randint(3, 8)):
        latency = rng.choice((0.125, 0.125, 0.25, 0.25, 0.5, 2.0))
        found.append(
            Request(
                latency,
                grid(rng, -latency, age),
                rng.random() < trouble,
            )
        )
    if all(request.fails for request in found):
        found.append(Request())
    return tuple(found)
