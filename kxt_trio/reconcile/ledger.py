"""The ledger: every fill once, whatever was lost, late, unreadable or told twice over.

The broker never replays a notice and gives executions no id.  What can be asked for
afterwards is one row per order, its total quantity and amount.  Adding what a row has
beyond the notices counts twice whatever is still on its way; dropping fills that look
alike loses true twins.  This module does neither.  It is told facts
(:mod:`~kxt_trio.reconcile.facts`), in the order of their time, and answers with findings
(:mod:`~kxt_trio.reconcile.findings`).  It does no input or output and has no clock.

Its rules:

1. A live fill is delivered at once.  Nothing below delays it, but for rule 5.
2. The broker is asked after a subscription is acknowledged, then every two seconds and
   ever more rarely while anything is unresolved; when an order in doubt comes to rest;
   every half minute while orders are open, every five minutes while none is; when an
   order looks finished; when a session ends; and once more two minutes after all seemed
   well, lest the answers were old.
3. An answer is acted on D after it came, if the subscription lived from the question
   until then.  Otherwise it is dropped.
4. What an answer has beyond the ledger is recovered as one fill, if the order was quiet.
   What it lacks is corrected, if the order was quiet and the same is lacking for 120 s.
   Of an order that was not quiet, an answer that has just what was counted L before the
   question confirms so much.
5. Once shares of an order were counted from totals, a notice that may be among them is
   held.  The next quiet answer releases it or absorbs it.
6. At the first start the broker's totals are the baseline and are not delivered, unless
   asked for.  Restarted from a journal, the ledger goes on as after a lost link.
7. Each page of an answer has its own times.  An incomplete answer confirms what it lists
   and says nothing of what it does not.
8. An order never heard of is an order of the account like any other.

It assumes: that the totals are true of some moment before the answer (A1); that a notice
which comes at all comes within D (A2); that an execution is notified once, in a frame that
can be read or is reported as :class:`~kxt_trio.reconcile.facts.Unreadable` (A3); that what
it says to deliver is recorded (A4); that totals are no older than L when asked for (A5,
for exact prices and speed only); that totals come to rest some day (A6).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import assert_never

from .answers import Answers
from .book import Book
from .calendar import Calendar
from .facts import (
    Circumstance,
    Connected,
    Disconnected,
    Fact,
    NoAnswer,
    Notice,
    Opening,
    OrderKey,
    OrderSeen,
    Snapshot,
    Tick,
    Unreadable,
    kst_date,
)
from .findings import (
    Alarm,
    AlarmKind,
    Balance,
    Began,
    Finding,
    Held,
    NeedSnapshot,
    Reason,
    Record,
)
from .pauses import Pauses
from .rules import LedgerPolicy, Rules
from .schedule import Schedule, draft
from .statistics import Counters, LedgerStatistics
from .tally import Tally
from .totals import Totals

__all__ = ["Ledger"]

#: So many incomplete answers in a row are worth an alarm.
_TOO_MANY_INCOMPLETE = 5


class Ledger:
    """Counts the fills of one account.

    Give every fact to :meth:`handle` and act on what comes back, in order: records go to
    the journal before anything is delivered.  Of the questions only the latest counts;
    who fails to get an answer tries again by himself.  Look at :attr:`deadline` after
    each call and come back with a :class:`~kxt_trio.reconcile.facts.Tick` by then: that is
    when ripe answers are acted on.

    Args:
        policy: The figures.
        rules: The decision points; for tests.
    """

    def __init__(
        self, policy: LedgerPolicy | None = None, *, rules: Rules | None = None
    ) -> None:
        self._policy = policy or LedgerPolicy()
        self._rules = rules or Rules(self._policy)
        self._calendar = Calendar(self._policy.session_ends)
        self._schedule = Schedule(self._policy)
        self._book = Book(based=self._policy.replay == "today")
        self._answers = Answers(self._book, self._rules)
        self._pauses = Pauses(self._book, self._policy)
        self._counters = Counters()
        self._holding: dict[OrderKey, Tally] = {}
        self._question: NeedSnapshot | None = None
        self._connected_at: float | None = None
        self._fresh = True
        self._in_question = False
        self._incomplete = 0

    def load(self, records: Iterable[Record]) -> None:
        """Go on from a journal; to be called before the first fact.

        The records are those that were answered, in order.  What they lack (notices that
        were held, orders never filled) is found again as after a lost link.
        """
        self._book.load(records)
        self._fresh = not self._book.days

    def export(self) -> list[Record]:
        """The whole count as few records, for a journal that begins anew."""
        return list(self._book.export(self._calendar.offset))

    def handle(self, fact: Fact) -> list[Finding]:
        """Take in a fact; return what follows from it."""
        out: list[Finding] = []
        if isinstance(fact, Notice):  # nearly all are
            self._notice(fact, out)
        else:
            self._take(fact, out)
        for finding in out:
            self._counters.count(finding)
        return out

    def _take(self, fact: Circumstance, out: list[Finding]) -> None:
        match fact:
            case Tick():
                self._tick(fact, out)
            case Snapshot():
                self._snapshot(fact, out)
            case OrderSeen():
                self._order_seen(fact, out)
            case Opening():
                self._opening(fact, out)
            case Connected():
                self._connected(fact, out)
            case Disconnected():
                self._disconnected()
            case Unreadable():
                self._unreadable(fact, out)
            case NoAnswer():
                self._no_answer(fact, out)
            case _:
                assert_never(fact)

    @property
    def deadline(self) -> float:
        """The monotonic time by which to come back; infinite if there is nothing to do."""
        patience, waiting = self._policy.hold_alarm_after, self._holding.values()
        alarms = [t.held[0].received_at + patience for t in waiting if not t.hold_alarmed]
        return min(self._calendar.next_turn, self._answers.ripe_at, self.pause_at, *alarms)

    @property
    def pause_at(self) -> float:
        """The part of :attr:`deadline` that a live fill can bring nearer."""
        return self._pauses.next_at

    @property
    def verified(self) -> bool:
        """Connected, and everything counted agreed with the broker since.

        A day that the broker does not tell of is not waited for.
        """
        return self._connected_at is not None and not self._book.blocked(self._connected_at)

    def totals(self, order: OrderKey) -> Totals:
        """What is counted of an order: delivered, corrected, and its opening balance."""
        tally = self._book.find(order)
        return Totals(0, 0) if tally is None else Totals(tally.quantity, tally.amount)

    def statistics(self) -> LedgerStatistics:
        """How things stand; looks at every order."""
        counters = self._counters
        tallies = list(self._book.tallies())
        return LedgerStatistics(
            orders=len(tallies),
            unverified_orders=sum(tally.unverified for tally in tallies),
            days_in_doubt=len(self._book.doubtful()),
            held=sum(len(tally.held) for tally in self._holding.values()),
            live=counters.live,
            recovered=counters.recovered,
            released=counters.released,
            absorbed=counters.absorbed,
            corrections=counters.corrections,
            alarms=counters.alarms,
            questions=counters.questions,
            snapshots=self._answers.acted_on,
            dropped=self._answers.dropped,
            stream_lag=self._rules.stream_lag,
            worst_lag=self._rules.worst_lag,
        )

    # Fills and orders

    def _notice(self, notice: Notice, out: list[Finding]) -> None:
        tally = self._book.tally(notice.order)
        if tally.ordered is None:
            tally.ordered = notice.order_quantity
        if self._rules.measure(notice):
            lag = notice.received_wall - notice.executed_at
            out.append(
                Alarm(
                    kind=AlarmKind.LATE_NOTICE,
                    order=notice.order,
                    detail=f"a notice came {lag:.1f} s after the second of its execution",
                )
            )
        tally.last_notice = notice.received_at
        if tally.fence is not None and self._rules.holds(tally, notice):
            tally.held.append(notice)
            self._holding[notice.order] = tally
            self._book.note(tally)
            self._in_question = True
            out.append(Held(notice))
            self._schedule.hurry(notice.received_at)
            self._plan(out)
            return
        out.append(tally.deliver_live(notice))
        if self._in_question and not tally.watched:
            self._pauses.note(tally)
        ordered = tally.ordered
        if ordered is not None and tally.quantity >= ordered - tally.withdrawn:
            self._full(tally, ordered - tally.withdrawn, notice.received_at, out)
            return
        question = self._question
        audit = notice.received_at + self._policy.audit_interval
        if question is None or question.not_before > audit or tally.ended_at is not None:
            self._watch(tally, notice.received_at, out)

    def _full(self, tally: Tally, limit: int, at: float, out: list[Finding]) -> None:
        if tally.quantity > limit:
            out.append(
                Alarm(
                    kind=AlarmKind.OVERFILLED,
                    order=tally.order,
                    detail=f"{tally.quantity} shares filled of an order of {limit}",
                )
            )
        self._book.note(tally)
        self._finished(tally, at, out)

    def _watch(self, tally: Tally, at: float, out: list[Finding]) -> None:
        """An order is open: unless something is to be asked before, audits begin."""
        if tally.ended_at is not None:  # the broker was wrong: there was something left
            tally.ended_at = None
            self._book.note(tally)
        audit = at + self._policy.audit_interval
        if self._question is None or self._question.not_before > audit:
            self._schedule.watch(at)
            self._plan(out)

    def _finished(self, tally: Tally, at: float, out: list[Finding]) -> None:
        """An order looks finished: once the broker must know, have it confirmed."""
        when = at + self._policy.rest_lag
        self._schedule.finish(tally.order, when)
        question = self._question
        if question is None or when < question.not_before or question.order is not None:
            self._plan(out)

    def _order_seen(self, seen: OrderSeen, out: list[Finding]) -> None:
        tally = self._book.tally(seen.order)
        if seen.quantity is not None:
            if tally.provisional:  # it was accepted before our eyes
                tally.provisional = False
                out.append(Balance(order=seen.order, quantity=0, amount=0))
            tally.ordered = seen.quantity
            if seen.parent is not None and tally.parent is None:
                tally.parent = seen.parent
                parent = self._book.tally(seen.parent)
                parent.withdrawn += seen.quantity
                self._book.note(parent)
        tally.withdrawn += seen.withdrawn
        self._book.note(tally)
        if tally.open:
            self._watch(tally, seen.at, out)
        elif tally.last_notice > tally.verified_at:
            self._finished(tally, seen.at, out)

    # The link

    def _opening(self, opening: Opening, out: list[Finding]) -> None:
        self._advance(opening.at, opening.wall)
        self._begin(out)
        if self._wants_baseline:
            today = (self._calendar.today,)
            out.append(
                NeedSnapshot(not_before=opening.at, reason=Reason.BASELINE, trade_dates=today)
            )

    def _connected(self, connected: Connected, out: list[Finding]) -> None:
        self._disconnected()
        self._advance(connected.at, connected.wall)
        self._begin(out)
        self._book.resume(self._calendar.offset)
        lost = self._book.abandon(self._calendar.today)
        if lost is not None:
            detail = f"the broker no longer tells what was filled from {lost} on"
            out.append(Alarm(kind=AlarmKind.DAY_UNKNOWN, detail=detail))
        self._book.doubt_gap(self._calendar.today, connected.at)
        self._schedule.start(connected.at)
        self._connected_at = connected.at
        self._fresh = False
        self._in_question = True
        self._forget()
        self._plan(out)

    def _begin(self, out: list[Finding]) -> None:
        """Note the first day; a clock set right may show that it was an earlier one."""
        book, today = self._book, self._calendar.today
        if book.first_date != date.min and book.first_date <= today:
            return
        if self._fresh or book.first_date != date.min:
            out.append(Began(trade_date=today))
        if book.first_date != date.min:
            book.based = self._policy.replay == "today"
        book.first_date = today

    def _disconnected(self) -> None:
        self._connected_at = None
        self._question = None
        self._incomplete = 0
        self._answers.drop_all()
        self._pauses.forget()

    def _unreadable(self, unreadable: Unreadable, out: list[Finding]) -> None:
        wall = self._calendar.wall(unreadable.at)
        for trade_date in {kst_date(wall), kst_date(wall - self._rules.stream_lag)}:
            self._book.doubt(trade_date, unreadable.at)
        self._in_question = True
        self._schedule.settle(unreadable.at, Reason.UNREADABLE)
        self._plan(out)

    # Time

    def _tick(self, tick: Tick, out: list[Finding]) -> None:
        ended = self._advance(tick.at, tick.wall)
        settling, acted_on = self._answers.settling, self._answers.acted_on
        out.extend(self._answers.act(tick.at))
        if settling or self._answers.settling or self._answers.acted_on > acted_on:
            self._judge(tick.at)
            self._plan(out)
        elif ended:
            self._begin(out)
            self._plan(out)
        if tick.at >= self._pauses.next_at and self._pauses.look(tick.at):
            self._schedule.pause(tick.at)
            self._plan(out)
        for tally in self._holding.values():
            out.extend(tally.held_too_long(tick.at, self._policy.hold_alarm_after))

    def _judge(self, at: float) -> None:
        """Take in what came of an answer."""
        for tally in self._answers.contested:
            if tally.contradiction is not None:
                self._schedule.hurry(at)
            else:
                self._pauses.note(tally)
        self._answers.contested.clear()
        self._holding = {order: tally for order, tally in self._holding.items() if tally.held}
        self._in_question = any(
            day.unresolved or day.doubtful_since is not None for day in self._book.days.values()
        )

    def _advance(self, at: float, wall: float) -> bool:
        """Take in the time; say whether a session, or the day, has ended."""
        ended = self._calendar.advance(at, wall)
        for trade_date in ended:
            self._book.doubt(trade_date, at)
        if ended:
            self._in_question = True
            self._schedule.settle(at, Reason.SESSION_END)
            self._forget()
        return bool(ended)

    def _forget(self) -> None:
        keep = timedelta(days=self._policy.keep_days)
        self._book.forget(self._calendar.today - keep)

    # The broker's totals

    @property
    def _wants_baseline(self) -> bool:
        return self._fresh and not self._book.based

    def _snapshot(self, snapshot: Snapshot, out: list[Finding]) -> None:
        if self._connected_at is None or snapshot.asked_at < self._connected_at:
            if self._wants_baseline:
                out.extend(self._answers.adopt(snapshot))
                self._judge(snapshot.answered_at)
            else:
                self._answers.drop()
            return
        self._answers.take(snapshot)
        self._schedule.asked(snapshot, self._calendar.today)
        if snapshot.complete:
            self._incomplete = 0
        else:
            self._not_all(snapshot, out)
        if self._question and snapshot.asked_at >= self._question.not_before:
            self._question = None
        self._plan(out)

    def _not_all(self, snapshot: Snapshot, out: list[Finding]) -> None:
        """An answer lacked pages or rows: the whole is wanted."""
        self._incomplete += 1
        if self._incomplete == _TOO_MANY_INCOMPLETE:
            detail = f"{self._incomplete} answers in a row lacked rows, or could not be read"
            out.append(Alarm(kind=AlarmKind.INCOMPLETE, detail=detail))
        self._schedule.again(snapshot)
        for trade_date in snapshot.trade_dates:
            self._failed(trade_date, snapshot.answered_at, out)

    def _no_answer(self, failed: NoAnswer, out: list[Finding]) -> None:
        self._failed(failed.trade_date, failed.at, out)
        if (question := self._question) and question.order is not None:  # not of it alone
            self._schedule.want(question.not_before, Reason.INCOMPLETE)
        self._plan(out)

    def _failed(self, trade_date: date, at: float, out: list[Finding]) -> None:
        """Leave a past day alone for a while; it must not take the time of today."""
        if trade_date < self._calendar.today and self._book.day(trade_date).fail(at):
            detail = f"the broker does not tell what was filled on {trade_date}"
            out.append(Alarm(kind=AlarmKind.DAY_UNKNOWN, detail=detail))

    def _plan(self, out: list[Finding]) -> None:
        """Say when to ask next, if that is not what was last said."""
        if self._connected_at is None:
            return
        question = draft(self._schedule, self._book, self._calendar)
        if question is not None and question != self._question:
            self._question = question
            out.append(question)
