"""Runs the ledger through a scenario and holds it against the truth at every step.

The world knows every execution.  The ledger hears what the scenario lets through.  After
each delivery the ledger must not be beyond the truth; each recovered fill must be, to the
won, the executions that were missed; no day may be called verified while something missed
is not counted; at the end nothing may be missing.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Any

import attrs

from kxt_trio.reconcile.facts import (
    Connected,
    Disconnected,
    Fact,
    Notice,
    Opening,
    OrderKey,
    OrderSeen,
    Page,
    Snapshot,
    SnapshotRow,
    Tick,
    Unreadable,
    kst_date,
    kst_midnight,
)
from kxt_trio.reconcile.findings import (
    Absorbed,
    Alarm,
    Balance,
    Began,
    Correct,
    Deliver,
    Finding,
    NeedSnapshot,
    Reason,
    Record,
    Verified,
)
from kxt_trio.reconcile.ledger import Ledger
from kxt_trio.reconcile.rules import LedgerPolicy, Rules

from .referee import Referee
from .scenario import Order, Request, Scenario
from .truth import Outcome, Trade, Truth

__all__ = ["Simulation", "simulate"]

#: Of events in one instant: the exchange before the link, notices before decisions.
EXCHANGE, LINK, NOTICE, ANSWER, ASK, TICK = range(6)
PACE = 0.125
#: The broker's trouble is over so long after the last execution.
CALM = 30.0
PATIENCE = 600.0
#: A ledger that is told more than this is going round in circles.
TOO_MUCH = 5_000


class Simulation:
    """One run."""

    def __init__(
        self,
        scenario: Scenario,
        make_rules: Callable[[LedgerPolicy], Rules] = Rules,
    ) -> None:
        self.scenario = scenario
        end = scenario.start_wall + scenario.horizon
        self.policy = LedgerPolicy(
            stream_lag=scenario.stream_lag,
            rest_lag=scenario.rest_lag,
            replay=scenario.replay,
            session_ends=(end - kst_midnight(kst_date(end)),),
        )
        self.make_rules = make_rules
        self.outcome = Outcome()
        self.events: list[tuple[float, int, int, Callable[..., None], tuple[Any, ...]]] = []
        self.sequence = 0
        self.now = 0.0
        self.truths: dict[OrderKey, Truth] = {}
        self.referee = Referee(scenario, self.truths, self.outcome)
        self.listing: list[Truth] = []
        self.quiescent_at = 0.0
        self.journal: list[Record] = []
        self.ledger = Ledger(self.policy, rules=make_rules(self.policy))
        self.connected = False
        self.live_since = 0.0
        self.unverified = True
        self.program = 0
        self.question: NeedSnapshot | None = None
        self.asking = False
        self.ask_planned = math.inf
        self.requests = 0
        self.tick_planned = math.inf

    # The world

    def at(self, when: float, rank: int, action: Callable[..., None], *args: Any) -> None:
        self.sequence += 1
        heapq.heappush(self.events, (when, rank, self.sequence, action, args))

    def wall(self, at: float) -> float:
        return self.scenario.start_wall + at

    def clock(self) -> float:
        """The broker's wall clock now, as the program takes it to be."""
        return self.wall(self.now) + self.scenario.clock_error

    def prepare(self) -> None:
        numbers: dict[Any, int] = {}
        for order in sorted(self.scenario.orders, key=lambda order: order.placed_at):
            self.place(order, numbers, None)
        self.at(0.0, LINK, self.open)
        self.at(self.scenario.live_at, LINK, self.connect)
        for down, up in self.scenario.breaks:
            self.at(down, LINK, self.disconnect)
            self.at(up, LINK, self.connect)
        for crash in self.scenario.crashes:
            self.at(crash, LINK, self.crash)
        self.listing = sorted(
            self.truths.values(), key=lambda truth: (truth.key.trade_date, truth.key.number)
        )
        slowest = max(
            (
                trade.execution.at + trade.execution.delay
                for truth in self.listing
                for trade in truth.trades
            ),
            default=0.0,
        )
        self.quiescent_at = max(self.scenario.horizon, slowest)

    def place(self, order: Order, numbers: dict[Any, int], parent: OrderKey | None) -> None:
        day = kst_date(self.wall(order.placed_at))
        numbers[day] = number = numbers.get(day, 0) + 1
        key = OrderKey("real", "a1b2", day, str(number))
        truth = self.truths[key] = Truth(key, order)
        # Orders are good for a day: midnight ends them.
        end = kst_midnight(day) + 86_400 - self.scenario.start_wall
        truth.trades = [Trade(one) for one in order.executions if one.at < end]
        for trade in truth.trades:
            if trade.execution.at < 0:
                self.execute(truth, trade)
            else:
                self.at(trade.execution.at, EXCHANGE, self.execute, truth, trade)
        if order.announced and order.placed_at >= 0:
            seen = (key, order.quantity, 0, parent)
            self.at(order.placed_at + 0.125, NOTICE, self.announce, seen)
        if order.changed_at is not None and order.changed_at < end:
            if order.successor is not None:
                self.place(order.successor, numbers, key)
            elif order.changed_at >= 0:
                seen = (key, None, order.withdrawn, None)
                self.at(order.changed_at + 0.125, NOTICE, self.announce, seen)

    def execute(self, truth: Truth, trade: Trade) -> None:
        execution = trade.execution
        truth.quantity += execution.quantity
        truth.amount += execution.quantity * execution.price
        trade.down = not self.connected
        arrival = execution.at + execution.delay
        if execution.fate != "lost" and arrival >= 0:
            trade.notice_due = arrival
            self.at(arrival, NOTICE, self.notify, truth, trade)

    def announce(self, seen: tuple[OrderKey, int | None, int, OrderKey | None]) -> None:
        if self.connected:
            key, quantity, withdrawn, parent = seen
            self.feed(OrderSeen(key, self.now, quantity, withdrawn, parent))

    def notify(self, truth: Truth, trade: Trade) -> None:
        trade.notice_due = math.inf
        execution = trade.execution
        if not self.connected:
            trade.down = True
            return
        if execution.fate == "unreadable":
            self.feed(Unreadable(self.now))
            return
        if trade.recovered and execution.at > truth.adopted_through:
            self.outcome.mispriced += 1  # recovered, and was not missed
        self.feed(
            Notice(
                truth.key,
                execution.quantity,
                execution.price,
                math.floor(self.wall(execution.at)),
                self.now,
                self.clock(),
                truth.order.quantity,
                payload=trade,
            )
        )

    # The link

    def open(self) -> None:
        self.feed(Opening(self.now, self.clock()))

    def connect(self) -> None:
        self.connected = True
        self.live_since = self.now
        self.unverified = True
        self.feed(Connected(self.now, self.clock()))

    def disconnect(self) -> None:
        if self.connected:
            self.connected = False
            self.question = None
            self.feed(Disconnected(self.now))

    def crash(self) -> None:
        self.connected = self.asking = False
        self.question = None
        self.program += 1
        self.ledger = Ledger(self.policy, rules=self.make_rules(self.policy))
        self.ledger.load(self.journal)
        self.open()
        self.at(self.now + 1.0, LINK, self.connect)

    # The program around the ledger

    def feed(self, fact: Fact) -> None:
        self.outcome.facts += 1
        for finding in self.ledger.handle(fact):
            self.act(finding)
        if self.unverified and self.ledger.verified:
            self.unverified = False
            self.outcome.verified_times.append(self.now - self.live_since)
        deadline = max(self.ledger.deadline, self.now)
        if deadline != self.tick_planned:
            self.tick_planned = deadline
            if deadline < math.inf:
                self.at(deadline, TICK, self.tick, deadline)

    def tick(self, planned: float) -> None:
        if planned != self.tick_planned:
            return  # another was planned since
        self.tick_planned = math.inf
        self.feed(Tick(self.now, self.clock()))

    def act(self, finding: Finding) -> None:
        match finding:
            case Deliver():
                self.journal.append(finding)
                self.referee.count(finding)
                self.referee.delivered(finding, self.now, self.live_since)
            case Balance():
                self.journal.append(finding)
                self.referee.count(finding)
                if finding.source is not None:
                    assert isinstance(finding.source.payload, float)
                    self.truths[finding.order].adopted_through = finding.source.payload
            case Correct():
                self.journal.append(finding)
                self.referee.count(finding)
                self.outcome.corrections += 1
            case Began() | Verified():
                self.journal.append(finding)
                if isinstance(finding, Verified):
                    self.referee.verified(finding)
            case NeedSnapshot():
                self.question = finding
                self.plan_question()
            case Alarm():
                self.outcome.alarms.append(finding)
            case Absorbed():
                self.outcome.absorbed += 1
                assert isinstance(finding.notice.payload, Trade)
                finding.notice.payload.absorbed = True
            case _:
                pass

    # Asking the broker

    def plan_question(self) -> None:
        if self.question is None or self.asking:
            return
        when = max(self.question.not_before, self.now)
        if when < self.ask_planned:
            self.ask_planned = when
            self.at(when, ASK, self.ask)

    def ask(self) -> None:
        self.ask_planned = math.inf
        question = self.question
        if question is None or self.asking:
            return
        if question.not_before > self.now:
            self.plan_question()
            return
        self.question = None
        self.asking = True
        self.request(self.program, question, [], -1)

    def request(
        self, program: int, question: NeedSnapshot, pages: list[Page], tries: int
    ) -> None:
        """Ask for the next page."""
        how = self.scenario.requests[self.requests % len(self.scenario.requests)]
        self.requests += 1
        self.at(
            self.now + how.latency,
            ANSWER,
            self.answer,
            program,
            question,
            pages,
            tries,
            how,
            self.now,
        )

    def answer(
        self,
        program: int,
        question: NeedSnapshot,
        pages: list[Page],
        tries: int,
        how: Request,
        asked_at: float,
    ) -> None:
        if program != self.program:
            return
        if how.fails and self.now < self.quiescent_at + CALM:
            if pages:  # what came before is worth something
                self.finish(question, pages, complete=False)
                return
            wait = min(2.0 ** (tries + 1), 8.0)
            self.at(self.now + wait, ASK, self.request_again, program, question, tries + 1)
            return
        through = min(asked_at - how.age, self.now)
        listed = [
            truth
            for truth in self.listing
            if truth.order.placed_at <= through
            and truth.key.trade_date == question.trade_dates[0]
            and (question.order is None or truth.key == question.order)
        ]
        size = self.scenario.page_size
        shown = listed[len(pages) * size : (len(pages) + 1) * size]
        rows = tuple(
            SnapshotRow(
                truth.key, *truth.totals(through), truth.order.quantity, payload=through
            )
            for truth in shown
        )
        pages.append(Page(asked_at, self.now, self.clock(), rows))
        if len(listed) > len(pages) * size:
            self.at(self.now + PACE, ASK, self.request, program, question, pages, -1)
        else:
            self.finish(question, pages, complete=True)

    def request_again(self, program: int, question: NeedSnapshot, tries: int) -> None:
        """Try the same again, unless there is something better to ask by now."""
        if program != self.program:
            return
        baseline = question.reason is Reason.BASELINE
        if self.question is not None or self.connected is baseline:
            self.asking = False
            self.plan_question()
        else:
            self.request(program, question, [], tries)

    def finish(self, question: NeedSnapshot, pages: list[Page], *, complete: bool) -> None:
        """Tell the answer about one day, and go on to the next."""
        day, *others = question.trade_dates
        self.feed(Snapshot(tuple(pages), (day,), complete, question.order))
        if others:
            rest = attrs.evolve(question, trade_dates=tuple(others))
            self.at(self.now + PACE, ASK, self.request, self.program, rest, [], -1)
            return
        self.asking = False
        self.plan_question()

    # The run

    def finished(self) -> bool:
        return self.now > self.quiescent_at and self.exact() and self.ledger.verified

    def exact(self) -> bool:
        return all(
            truth.counted_quantity == truth.quantity and truth.counted_amount == truth.amount
            for truth in self.truths.values()
        )

    def run(self) -> Outcome:
        self.prepare()
        horizon = self.scenario.horizon
        end = horizon + PATIENCE
        while self.events and self.events[0][0] <= end and self.outcome.facts < TOO_MUCH:
            self.now, rank, _, action, args = heapq.heappop(self.events)
            action(*args)
            if rank == TICK and self.now > horizon and self.finished():
                break
        self.outcome.exact = self.exact()
        self.outcome.verified = self.ledger.verified and self.outcome.facts < TOO_MUCH
        self.outcome.ended_at = self.now
        return self.outcome


def simulate(
    scenario: Scenario, make_rules: Callable[[LedgerPolicy], Rules] = Rules
) -> Outcome:
    """Run a scenario."""
    return Simulation(scenario, make_rules).run()
