"""The auditor: holds an account's fills against the broker's totals, while it is trading.

Everything is decided by the :class:`~kxt_trio.reconcile.ledger.Ledger`; this is its
hands.  It tells the ledger what happens and when, asks the broker what the ledger wants
to know, and hands on what the ledger delivers.  With a journal, what the ledger records
is on disk before it is handed on.  A broker that does not answer is asked again, ever
more rarely; live fills do not wait for it.
"""

from __future__ import annotations

import logging
import math
import operator
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import TypeAlias

import trio

from kxt_trio.account_filter import AccountFilter
from kxt_trio.errors import KXTError
from kxt_trio.models import FillEvent, OrderLifecycleEvent
from kxt_trio.transport.inquiries import DailyOrders
from kxt_trio.watched import Watched

from .broker_clock import BrokerClock
from .delivery import Delivery
from .facts import (
    Connected,
    Disconnected,
    Fact,
    NoAnswer,
    Notice,
    Opening,
    Page,
    Snapshot,
    Tick,
    Unreadable,
    wall_time,
)
from .findings import (
    Absorbed,
    Alarm,
    Correct,
    Deliver,
    Finding,
    Held,
    NeedSnapshot,
    Reason,
)
from .ledger import Ledger
from .statistics import LedgerStatistics
from .translation import Translation

__all__ = ["Ask", "Auditor"]

_log = logging.getLogger("kxt_trio")

#: Asks for the orders of a trade date, or for one of them alone.
Ask: TypeAlias = Callable[[date, str | None], Awaitable[DailyOrders]]

_RETRY_FIRST, _RETRY_MOST = 1.0, 60.0
#: From this failure in a row on, an operator should know.
_WORTH_A_WARNING = 3


class Auditor:
    """Counts one account's fills, and finds those that nobody told of.

    The session tells it of the link and of every event; none of that waits.  Its own
    work is :meth:`run`.

    Args:
        ledger: Decides.
        translation: Knows the account.
        ask: Asks the broker.
        now: This machine's wall clock.
        delivery: Takes what is to be recorded and delivered.
    """

    def __init__(
        self,
        ledger: Ledger,
        translation: Translation,
        *,
        ask: Ask,
        now: Callable[[], datetime],
        delivery: Delivery,
    ) -> None:
        self._ledger = ledger
        self._translation = translation
        self._ask = ask
        self._now = now
        self._delivery = delivery
        self._clock = BrokerClock()
        #: Whether an event is of the account that is audited.
        self.covers: Callable[[FillEvent | OrderLifecycleEvent], bool] = AccountFilter(
            translation.account
        ).covers
        self._question: Watched[NeedSnapshot | None] = Watched(None)
        self._deadline: Watched[float] = Watched(float("inf"))
        self.verified: Watched[bool] = Watched(False)
        self._seems_verified = False
        self._verdicts = 0
        self._link = 0
        self._arrived_at, self._arrived_wall = -math.inf, 0.0

    async def load(self) -> None:
        """Go on from what was recorded; before anything else."""
        self._ledger.load(await self._delivery.load(self._now().date()))

    # What the session tells

    def take(self, event: FillEvent | OrderLifecycleEvent, at: float) -> None:
        """Count an event that came ``at``; it comes out again, when it is due, numbered."""
        if isinstance(event, FillEvent):
            if at != self._arrived_at:  # one moment for all that came together
                self._arrived_at = at
                self._arrived_wall = self._wall_of(event.received_at or self._now())
            self._tell(self._translation.notice(event, at, self._arrived_wall))
            return
        seen = self._translation.order_seen(event, at)
        if seen is not None:
            self._tell(seen)
        self._delivery.put(None, event)

    def opening(self) -> None:
        """A link is being opened: the moment to ask for what was filled before."""
        at = trio.current_time()
        self._tell(Opening(at, self._wall(at)))

    async def wait_baseline(self) -> None:
        """Wait for the answer to the question that :meth:`opening` raised, if it did.

        Without it nothing is lost: the first answer after the subscription is the
        baseline then, less what was delivered until it came.
        """
        await self._question.wait(
            lambda asked: asked is None or asked.reason is not Reason.BASELINE
        )

    def connected(self) -> None:
        """The subscription is acknowledged."""
        at = trio.current_time()
        self._link += 1
        self._tell(Connected(at, self._wall(at)))

    def disconnected(self) -> None:
        """The subscription is over."""
        self._link += 1
        self._tell(Disconnected(trio.current_time()))
        self._question.set(None)
        self._judge()

    def unreadable(self) -> None:
        """Something came that may have been a fill."""
        self._tell(Unreadable(trio.current_time()))

    def heard_time(self, said: datetime) -> None:
        """The broker told the time."""
        self._clock.heard(said, self._now())

    @property
    def clock_offset(self) -> float | None:
        """Seconds by which the broker's clock is ahead; None if it never said."""
        return self._clock.offset if self._clock.is_heard else None

    def statistics(self) -> LedgerStatistics:
        """Return the ledger's figures."""
        return self._ledger.statistics()

    # Its own work

    async def run(self) -> None:
        """Keep the ledger's time, ask its questions and record its findings."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_time, name="kxt_trio ledger clock")
            nursery.start_soon(self._keep_asking, name="kxt_trio auditor")
            self._delivery.start_in(nursery)

    async def _keep_time(self) -> None:
        while True:
            deadline = self._deadline.value
            with trio.move_on_at(deadline):
                await self._deadline.wait(partial(operator.ne, deadline))
                continue
            at = trio.current_time()
            if at >= self._ledger.deadline:  # a slow notice may have put it off
                self._tell(Tick(at, self._wall(at)))
            self._deadline.set(self._ledger.deadline)

    async def _keep_asking(self) -> None:
        pause, failures = _RETRY_FIRST, 0
        while True:
            question = await self._question.wait(lambda asked: asked is not None)
            assert question is not None
            with trio.move_on_at(question.not_before):
                await self._question.wait(partial(operator.is_not, question))
                continue
            try:
                await self._answer(question)
            except KXTError as exc:
                failures += 1
                level = logging.INFO if failures < _WORTH_A_WARNING else logging.WARNING
                _log.log(level, "no totals from the broker: %s; again in %.0f s", exc, pause)
                await trio.sleep(pause)
                pause = min(2 * pause, _RETRY_MOST)
            else:
                pause, failures = _RETRY_FIRST, 0

    async def _answer(self, question: NeedSnapshot) -> None:
        """Ask about each day for itself: one that is refused must not cost the others."""
        await trio.lowlevel.checkpoint()
        link = self._link
        for trade_date in question.trade_dates:
            number = None if question.order is None else question.order.number
            try:
                answer = await self._ask(trade_date, number)
            except KXTError as exc:
                at = trio.current_time()
                if trade_date == question.trade_dates[0]:
                    self._tell(NoAnswer(at, trade_date))
                    raise
                _log.info("no totals of %s from the broker: %s", trade_date, exc)
                self._tell(NoAnswer(at, trade_date))
                continue
            if answer.flaw is not None:
                _log.info("an incomplete answer from the broker: %s", answer.flaw)
            pages = await self._pages(answer)
            if self._question.value is question:
                self._question.set(None)
            self._tell(Snapshot(pages, (trade_date,), answer.flaw is None, question.order))
            if self._link != link:
                return

    async def _pages(self, answer: DailyOrders) -> tuple[Page, ...]:
        """Take in page by page; a long list must not hold up what comes in meanwhile."""
        pages: list[Page] = []
        await trio.lowlevel.checkpoint()
        for timed in answer.pages:
            if timed.page.said_at is not None:
                ago = timedelta(seconds=trio.current_time() - timed.answered_at)
                self._clock.heard(timed.page.said_at, self._now() - ago)
            pages.append(self._translation.page(timed, self._latest_wall(timed.answered_at)))
            await trio.lowlevel.checkpoint()
        return tuple(pages)

    # The ledger

    def _tell(self, fact: Fact) -> None:
        is_notice = is_plain = isinstance(fact, Notice)
        for finding in self._ledger.handle(fact):
            if isinstance(finding, Deliver):
                self._delivery.put(finding, self._translation.fill(finding))
            else:
                is_plain = False
                self._act_on(finding)
        if is_plain and self._ledger.pause_at >= self._deadline.value:
            return  # a live fill that went out at once moves nothing else
        if self._ledger.deadline != self._deadline.value:
            self._deadline.set(self._ledger.deadline)
        if not is_notice:
            self._judge()

    def _judge(self) -> None:
        """Say that all is verified once all that this took is on disk; the contrary at once."""
        verified = self._ledger.verified
        if verified is self._seems_verified:
            return
        self._seems_verified = verified
        self._verdicts += 1
        if verified:
            self._delivery.call_after(partial(self._announce, self._verdicts))
        else:
            self.verified.set(False)

    def _announce(self, verdict: int) -> None:
        if verdict == self._verdicts:  # the latest
            self.verified.set(True)

    def _act_on(self, finding: Finding) -> None:
        match finding:
            case NeedSnapshot():
                self._question.set(finding)
            case Correct():
                _log.warning("more or other than was filled had been delivered: corrected")
                self._delivery.put(finding, self._translation.correction(finding))
            case Alarm():
                order = "" if finding.order is None else f"; order {finding.order}"
                _log.warning("%s: %s%s", finding.kind.value, finding.detail, order)
            case Held() | Absorbed():
                what = "held" if isinstance(finding, Held) else "absorbed"
                _log.info("a notice is %s: order %s", what, finding.notice.order)
            case _:
                self._delivery.put(finding, None)

    def _wall(self, at: float) -> float:
        """The broker's clock at this moment of trio's."""
        return self._wall_of(self._now()) - (trio.current_time() - at)

    def _wall_of(self, moment: datetime) -> float:
        """The broker's clock at this moment of ours."""
        return wall_time(moment) + self._clock.offset

    def _latest_wall(self, at: float) -> float:
        return self._wall(at) + self._clock.uncertainty
