"""The session: one websocket for all streams of a client, kept open and kept subscribed.

One nursery-scoped task owns the loop that connects, stays and connects again.  A
connection's children, pump, heartbeat and subscriber, live in
:mod:`~kxt_trio.connection`; when and whether to try again is :mod:`~kxt_trio.reconnect`.
"""

from __future__ import annotations

import logging
import math
import operator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import trio

from .connection import Connection, News
from .errors import (
    KXTAuthenticationError,
    KXTConnectionError,
    KXTError,
    KXTSessionInUseError,
    KXTUnsupportedError,
)
from .models import AccountSummary, FillEvent, OrderLifecycleEvent
from .protocol.conversation import (
    Complaint,
    Conversation,
    Ping,
    Released,
    Subscribed,
    Unreadable,
)
from .protocol.notices import notice_tr_id
from .protocol.refusals import Advice
from .reconcile.auditor import Auditor
from .reconcile.delivery import Audited
from .reconcile.preparation import audited_account, prepare_auditor
from .reconnect import Loss, ReconnectPlan
from .settings import Credentials, Endpoints, Reconciliation, StreamPolicy
from .status import SUBSCRIBED, SessionStatus, StreamState
from .stream import Outlet
from .transport.network import Network
from .transport.rest import RestClient, open_rest_client
from .transport.websocket import Link, connect_link
from .watched import Watched

if TYPE_CHECKING:
    from .reconcile.journal import Journal

__all__ = ["Session"]

_log = logging.getLogger("kxt_trio")

#: An approval key is good for 24 h (portal sheet); half of that is used.
_APPROVAL_LIFE = 12 * 3600.0

#: How long an open link waits for the answer on what was filled before it.
_BASELINE_PATIENCE = 3.0

#: Bound of the close handshake when a connection ends for a stated reason.
_HANG_UP = 1.0


def _inside(bug: Exception) -> KXTError:
    cause = bug
    if isinstance(bug, ExceptionGroup):  # of one of the connection's children
        cause = cast("ExceptionGroup[Exception]", bug).exceptions[0]
    error = KXTError(f"kxt_trio failed inside: {type(cause).__name__}")
    error.__cause__ = cause
    return error


class Session:
    """Keeps one websocket for as long as somebody listens.

    Is the :class:`~kxt_trio.scope.Work` of a client.
    """

    def __init__(
        self,
        credentials: Credentials,
        endpoints: Endpoints,
        policy: StreamPolicy,
        network: Network,
        *,
        account: AccountSummary | None = None,
        reconciliation: Reconciliation = Reconciliation(),  # noqa: B008  # frozen
        journal: Journal | None = None,
    ) -> None:
        self._account = account if reconciliation.enabled else None
        self.status: SessionStatus = SessionStatus(is_audited=self._account is not None)
        self._reconciliation = reconciliation
        self._journal = journal
        self._auditor: Auditor | None = None
        self._broken: KXTError | None = None
        self._credentials = credentials
        self._endpoints = endpoints
        self._policy = policy
        self._network = network
        self._tr_id = notice_tr_id(credentials.environment)
        self._plan = ReconnectPlan(policy, network.random)
        self._demand: Watched[str | None] = Watched(None)
        self._arrivals: Watched[int] = Watched(0)
        self._outlets: tuple[Outlet[Any], ...] = ()
        self._untold: list[Outlet[Any]] = []
        self._startup = trio.CancelScope()
        self._connection: Connection | None = None
        self._approval: tuple[str, float] | None = None

    # -- streams come and go ------------------------------------------------------

    def attach(self, outlet: Outlet[Any], hts_id: str) -> None:
        """Feed ``outlet`` from now on.

        Raises:
            KXTUnsupportedError: another HTS ID is in use.  A notice does not say which
                subscription it answers, so two could not be told apart.
        """
        if self._demand.value not in (None, hts_id):
            raise KXTUnsupportedError(
                "a client listens to one HTS ID at a time; close its other streams first, "
                "or use a client with another app key"
            )
        if self._broken is not None:
            self._untold.append(outlet)
            outlet.fail(self._broken)
            return
        if not self._outlets:
            self._first_arrives(hts_id)
        self._outlets += (outlet,)
        self._demand.set(hts_id)

    def detach(self, outlet: Outlet[Any]) -> None:
        """Stop feeding ``outlet``; the last one out releases the subscription."""
        self._untold = [other for other in self._untold if other is not outlet]
        self._outlets = tuple(other for other in self._outlets if other is not outlet)
        if not self._outlets:
            self._last_leaves()
        self.status.state.nudge()

    def _first_arrives(self, hts_id: str) -> None:
        self._arrivals.set(self._arrivals.value + 1)
        if self._connection is not None and self._connection.serves(hts_id):
            self._enter_subscribed()
        else:
            self._startup.deadline = self._startup_deadline()

    def _last_leaves(self) -> None:
        self._demand.set(None)
        self._startup.deadline = math.inf
        self.status.forget_gap()
        if self.status.state.value is not StreamState.CLOSED:
            self.status.state.set(StreamState.CONNECTING)

    def _startup_deadline(self) -> float:
        """A stream has its time from the moment at which it may connect."""
        now = trio.current_time()
        return self._plan.connect_at(now) + self._policy.startup_timeout

    def finish(self) -> list[KXTError]:
        """End every stream; return the failures nobody was told of."""
        for outlet in self._outlets:
            outlet.finish()
        self._outlets = ()
        self._demand.set(None)
        self._enter(StreamState.CLOSED)
        return [outlet.failure for outlet in self._untold if outlet.failure and not outlet.told]

    # -- the work -----------------------------------------------------------------

    async def run(self, supports: trio.Nursery) -> None:
        """Connect whenever somebody listens, until cancelled."""
        try:
            async with open_rest_client(
                self._credentials,
                self._endpoints.rest,
                transport=self._network.http_transport,
                timeout=self._policy.connect_timeout,
            ) as rest:
                self._auditor = await self._prepare_auditor(rest)
                await self._serve_and_audit(supports, rest)
        except KXTError as failure:
            self._break(failure)

    async def _serve_and_audit(self, supports: trio.Nursery, rest: RestClient) -> None:
        async with trio.open_nursery() as children:
            if self._auditor is not None:
                self.status.audit = self._auditor
                children.start_soon(self._audit, self._auditor, name="kxt_trio audit")
                children.start_soon(self._follow, self._auditor, name="kxt_trio state")
            await self._serve(supports, rest)

    async def _serve(self, supports: trio.Nursery, rest: RestClient) -> None:
        while True:
            await self._demand.wait(lambda wanted: wanted is not None)
            try:
                await self._stay_connected(supports, rest)
            except KXTError as failure:
                self._fail(failure)
            except Exception as bug:  # noqa: BLE001  # becomes the streams' failure
                await self._hang_up()
                self._fail(_inside(bug))

    async def _prepare_auditor(self, rest: RestClient) -> Auditor | None:
        if self._account is None:
            return None
        return await prepare_auditor(
            audited_account(self._account),
            self._credentials,
            self._endpoints,
            self._reconciliation,
            network=self._network,
            rest=rest,
            emit=self._emit,
            journal=self._journal,
        )

    async def _audit(self, auditor: Auditor) -> None:
        """Run the auditor.  What stops it, such as a full disk, stops every stream."""
        try:
            await auditor.run()
        except BaseExceptionGroup as group:
            faults, rest = group.split(Exception)
            if faults is None:
                raise
            fault = faults.exceptions[0]
            self._break(fault if isinstance(fault, KXTError) else _inside(fault))
            if rest is not None:  # a cancel that came in the same moment
                raise rest from None

    async def _follow(self, auditor: Auditor) -> None:
        """The streams are live once all that was before is accounted for."""
        while True:
            await auditor.verified.wait(bool)
            if self.status.state.value is StreamState.RECONCILING:
                self._enter(StreamState.LIVE)
            await auditor.verified.wait(operator.not_)

    async def goodbye(self) -> None:
        """Release the subscription and close the websocket."""
        if self._connection is not None:
            await self._connection.goodbye()
            self._connection = None

    async def _stay_connected(self, supports: trio.Nursery, rest: RestClient) -> None:
        loss: Loss | None = None
        with trio.CancelScope(deadline=self._startup_deadline()) as self._startup:
            while self._demand.value is not None:
                await self._pause(self._plan.connect_at(trio.current_time()))
                loss = await self._connect_once(supports, rest)
                retry_at = self._plan.lost(loss, trio.current_time())
                self._note_loss(loss, retry_at)
                await self._pause(retry_at)
        if self._startup.cancelled_caught:
            await self._hang_up()
            raise self._startup_failure(loss)

    async def _pause(self, until: float) -> None:
        """Wait, unless those for whom it is leave and others come."""
        arrivals = self._arrivals.value
        with trio.move_on_at(until):
            await self._arrivals.wait(partial(operator.ne, arrivals))
        await trio.sleep_until(self._plan.connect_at(trio.current_time()))

    def _startup_failure(self, loss: Loss | None) -> KXTError:
        cause = None if loss is None else loss.error
        if isinstance(cause, KXTSessionInUseError):
            return cause
        error = KXTConnectionError(
            f"not subscribed within {self._policy.startup_timeout:g} s"
            + ("" if cause is None else f"; the last attempt: {cause}")
        )
        error.__cause__ = cause
        return error

    async def _connect_once(self, supports: trio.Nursery, rest: RestClient) -> Loss:
        if self._auditor is not None:
            self._auditor.opening()
        try:
            key, link = await self._open_link(supports, rest)
        except KXTAuthenticationError as refusal:
            return Loss(refusal, Advice.FATAL)
        except KXTError as failure:
            return Loss(failure)
        self._connection = Connection(
            link,
            Conversation(approval_key=key, tr_id=self._tr_id),
            demand=self._demand,
            deliver=self._deliver,
            tell=self._note,
            now=self._network.now,
            policy=self._policy,
        )
        self.status.link = link
        if self._auditor is not None:
            with trio.move_on_after(_BASELINE_PATIENCE):
                await self._auditor.wait_baseline()
        loss = await self._connection.run()
        self._note_end(link)
        if loss.advice is Advice.RENEW_KEY:
            self._approval = None
        await self._hang_up()
        return loss

    async def _open_link(self, supports: trio.Nursery, rest: RestClient) -> tuple[str, Link]:
        key = await self._approval_key(rest)
        self._plan.connecting(trio.current_time())
        link: Link = await supports.start(
            partial(
                connect_link,
                self._endpoints.websocket,
                open_stream=self._network.open_stream,
                connect_timeout=self._policy.connect_timeout,
                max_message_size=self._policy.max_message_size,
            ),
            name="kxt_trio link",
        )
        return key, link

    async def _hang_up(self) -> None:
        """Close politely; cut off by a cancel, the session's goodbye goes on with it."""
        with trio.move_on_after(_HANG_UP) as patience:
            await self.goodbye()
        if patience.cancelled_caught:
            self._connection = None

    async def _approval_key(self, rest: RestClient) -> str:
        now = trio.current_time()
        if self._approval is not None and now - self._approval[1] < _APPROVAL_LIFE:
            return self._approval[0]
        key = await rest.issue_approval_key()
        self._approval = key, now
        return key

    # -- what comes in ------------------------------------------------------------

    def _deliver(self, event: FillEvent | OrderLifecycleEvent, at: float) -> None:
        if self._auditor is not None and self._auditor.covers(event):
            self._auditor.take(event, at)
        elif self._connection is not None and self._connection.is_about(self._demand.value):
            self._emit(event)

    def _emit(self, event: Audited, row: int | None = None) -> None:
        for outlet in self._outlets:
            outlet.offer(event, row)
            if outlet.closed:
                self._let_go(outlet)

    def _note(self, news: News) -> None:
        match news:
            case Subscribed():
                self._subscribed()
            case Released():
                if self._auditor is not None:
                    self._auditor.disconnected()
            case Ping():
                if self._auditor is not None and news.sent_at is not None:
                    self._auditor.heard_time(news.sent_at)
            case Unreadable():
                if self._auditor is not None:
                    self._auditor.unreadable()
                self.status.unreadable += 1
                self.status.last_unreadable = news.shape
                _log.warning("unreadable message, possibly a fill: %s", news.reason)
            case Complaint():
                _log.warning("the broker complains: %s %s", news.msg_cd, news.msg1)

    def _subscribed(self) -> None:
        self._plan.subscribed(trio.current_time())
        if self._auditor is not None:
            self._auditor.connected()
        if self._connection is None or not self._connection.serves(self._demand.value):
            return  # whoever wanted it has left
        self._startup.deadline = math.inf
        gap = self.status.close_gap(self._network.now())
        if gap is not None and self._auditor is None:
            _log.warning(
                "fills executed between %s and %s may be missing",
                gap.start.isoformat(timespec="seconds"),
                self._network.now().isoformat(timespec="seconds"),
            )
        self._enter_subscribed()

    def _enter_subscribed(self) -> None:
        verified = self._auditor is None or self._auditor.verified.value
        self._enter(StreamState.LIVE if verified else StreamState.RECONCILING)

    # -- what goes wrong ----------------------------------------------------------

    def _let_go(self, outlet: Outlet[Any]) -> None:
        """A stream is full, or was dropped: it alone ends."""
        self.detach(outlet)
        if outlet.failure is not None:
            _log.warning("a stream ended: %s", outlet.failure)
            self._untold.append(outlet)

    def _break(self, error: KXTError) -> None:
        """Fail every stream, and those to come: nothing is recorded any more."""
        self._broken = error
        self._fail(error)

    def _fail(self, error: KXTError) -> None:
        """Nothing more will come: tell every stream, after what it has buffered."""
        outlets, self._outlets = self._outlets, ()
        self._untold += outlets
        self._demand.set(None)
        self.status.forget_gap()
        for outlet in outlets:
            outlet.fail(error)
        _log.warning("failed: %s", error)
        self.status.state.set(StreamState.CONNECTING)

    def _note_loss(self, loss: Loss, retry_at: float) -> None:
        _log.info(
            "not connected: %s; next try in %.1f s", loss.error, retry_at - trio.current_time()
        )

    def _note_end(self, link: Link) -> None:
        """Whatever happens from the last sign of life on is not seen."""
        if self._auditor is not None:
            self._auditor.disconnected()
        if self._outlets and self.status.state.value in SUBSCRIBED:
            silence = timedelta(seconds=trio.current_time() - link.last_received_at)
            self.status.open_gap(self._network.now() - silence)
            self._enter(StreamState.RECONNECTING)

    def _enter(self, state: StreamState) -> None:
        if self.status.state.value is not state:
            _log.info(state.value)
        self.status.state.set(state)
