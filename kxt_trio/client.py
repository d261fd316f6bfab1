"""The front door: a client, and the two functions that open one for a single stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from weakref import WeakValueDictionary

import trio

from .errors import KXTUnsupportedError, KXTValidationError
from .journaled import JournaledFillStream, JournaledOutlet, consumer_name
from .models import AccountSummary, FillUpdatesStreamRequest, OrderEventsStreamRequest
from .scope import open_scope
from .settings import (
    Credentials,
    Endpoints,
    Environment,
    Reconciliation,
    StreamPolicy,
    text_or_none,
)
from .status import StreamState
from .stream import FillOutlet, FillStream, OrderEventStream, OrderOutlet, note_failure
from .transport.network import Network

if TYPE_CHECKING:
    from .reconcile.journal import Journal
    from .session import Session

__all__ = ["KISClient", "open_fill_stream", "open_order_event_stream"]

#: Share of the grace that the goodbye to the broker may take beside a journal.
_GOODBYE = 0.75


class KISClient:
    """One app key's session with the broker, shared by any number of streams.

    An async context manager: background work lives in the client's nursery and is over
    when the block is.  Nothing is connected before the first stream, and however many
    streams there are, there is one websocket: KIS allows one session per app key.

    Args:
        app_key: The app key of the account, 36 characters.
        app_secret: Its secret.
        hts_id: The HTS login id whose orders are listened to; a stream can name it too.
        account_no: ``"12345678"`` or ``"12345678-01"``.  With an account only its
            notices pass; without one, those of every account under the HTS ID.
        account_product_code: ``"01"``, where ``account_no`` does not carry it.
        environment: Real or paper; keys of one are refused by the other.
        endpoints: Other addresses than the broker's own.
        policy: Timeouts, backoff and buffer size.
        reconcile: Whether and how fills are held against the broker's totals; with an
            account they are unless told otherwise.
        journal: A file in which every fill is recorded before it is delivered; made if
            need be.  Needs an account and reconciliation.
        network: The seam for tests and unusual deployments.

    Raises:
        KXTValidationError: an argument cannot be used.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        *,
        app_key: str,
        app_secret: str,
        hts_id: str | None = None,
        account_no: str | None = None,
        account_product_code: str | None = None,
        environment: Environment = Environment.REAL,
        endpoints: Endpoints | None = None,
        policy: StreamPolicy = StreamPolicy(),  # noqa: B008  # frozen
        reconcile: Reconciliation = Reconciliation(),  # noqa: B008  # frozen
        journal: str | Path | None = None,
        network: Network | None = None,
    ) -> None:
        _require(policy, StreamPolicy)
        _require(reconcile, Reconciliation)
        self._credentials = Credentials(
            app_key=app_key,
            app_secret=app_secret,
            hts_id=hts_id,
            account_no=account_no,
            account_product_code=account_product_code,
            environment=environment,
        )
        self._account = _account(
            self._credentials.account_no, self._credentials.account_product_code
        )
        self._endpoints = endpoints or Endpoints.of(self._credentials.environment)
        self._policy = policy
        self._reconciliation = reconcile
        self._journal_path = journal
        if journal is not None and (self._account is None or not reconcile.enabled):
            raise KXTValidationError(
                "a journal needs an account_no, and reconciliation enabled: it records what "
                "is counted"
            )
        self._network = network or Network()
        self._session: Session | None = None
        self._scope: AbstractAsyncContextManager[Session] | None = None
        self._journal: Journal | None = None
        self._consumers: WeakValueDictionary[str, FillStream] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"<KISClient {self._credentials.environment.value} {self._endpoints.websocket}>"

    async def __aenter__(self) -> Self:
        """Start the background work, which waits for the first stream.

        Raises:
            KXTUnsupportedError: not running under trio, or entered before.
        """
        if not trio.lowlevel.in_trio_run():
            raise KXTUnsupportedError(
                "kxt_trio needs trio: start your program with trio.run(...), or on anyio "
                "with anyio.run(..., backend='trio')"
            )
        if self._scope is not None:
            raise KXTUnsupportedError("a KISClient is entered once; make another one")
        self._scope = self._open()
        self._session = await self._scope.__aenter__()
        return self

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[Session]:
        # With httpx, AES and the ledger: half of all there is to import, and needed
        # by whoever opens a client, not by whoever handles events or prints a help text.
        from .session import Session  # noqa: PLC0415

        async with AsyncExitStack() as stack:
            if self._journal_path is not None and self._account is not None:
                from .reconcile.journal import open_journal  # noqa: PLC0415  # SQLite

                self._journal = await stack.enter_async_context(
                    open_journal(self._journal_path, offload=self._network.offload)
                )
                # Before any stream reads: an event's account is known by its tag alone.
                await self._journal.enrol(
                    self._account.account_id,
                    self._credentials.environment.value,
                    self._credentials.app_key,
                )
            session = Session(
                self._credentials,
                self._endpoints,
                self._policy,
                self._network,
                account=self._account,
                reconciliation=self._reconciliation,
                journal=self._journal,
            )
            grace = self._policy.shutdown_grace
            if self._journal is not None:
                grace *= _GOODBYE  # a broker that does not answer leaves it time to close
            await stack.enter_async_context(
                open_scope(session, name="kxt_trio session", grace=grace)
            )
            yield session

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """End every stream, say goodbye to the broker and be gone within the grace.

        Raises:
            KXTError: a stream failed and nobody received the failure.
        """
        assert self._session is not None
        assert self._scope is not None
        if self._journal is not None:
            self._journal.give_up_at(trio.current_time() + self._policy.shutdown_grace)
        untold = self._session.finish()
        self._session = None
        for failure in untold:
            note_failure(exc, failure)
        # Not shielded here: open_scope bounds its own end.
        swallowed = await self._scope.__aexit__(exc_type, exc, traceback)  # noqa: ASYNC102
        if exc is None and untold:
            for other in untold[1:]:
                note_failure(untold[0], other)
            raise untold[0]
        return swallowed

    def stream_order_events(
        self,
        request: OrderEventsStreamRequest | None = None,
        /,
        *,
        hts_id: str | None = None,
        account_no: str | None = None,
        account_product_code: str | None = None,
        account: AccountSummary | None = None,
    ) -> OrderEventStream:
        """Return a stream of everything that happens to orders, fills included.

        Returns at once; the subscription is made in the background.  What is executed
        before :meth:`~kxt_trio.OrderEventStream.wait_live` returns may go unseen.

        An argument here beats the request object, which beats the client's default; a
        blank string counts as missing.  Naming an account is recommended.

        Raises:
            KXTUnsupportedError: no HTS ID here nor on the client; another HTS ID is in
                use; or not inside ``async with``.
            KXTValidationError: an argument cannot be used.
        """
        session = self._running()
        asked = request or OrderEventsStreamRequest()
        wanted = self._hts_id(hts_id, asked.hts_id)
        outlet = OrderOutlet(
            self._account_for(account, account_no, account_product_code, asked.account),
            self._policy.buffer_size,
        )
        session.attach(outlet, wanted)
        return OrderEventStream(outlet, session.status, session.detach)

    def stream_fill_updates(
        self,
        request: FillUpdatesStreamRequest | None = None,
        /,
        *,
        hts_id: str | None = None,
        account_no: str | None = None,
        account_product_code: str | None = None,
        account: AccountSummary | None = None,
        consumer: str | None = None,
    ) -> FillStream:
        """Return a stream of fills, one event for every execution.

        The fills-only form of :meth:`stream_order_events`, on the same websocket;
        lifecycle notices never appear on it.

        With a journal, the stream of the client's account is served from it: asking for
        a fill acknowledges the one before, a slow consumer does not fail, and what a
        ``consumer`` (``"default"``, if it is not named) had not acknowledged is delivered
        to the next stream of that name.

        Raises:
            KXTValidationError: also if a stream of this consumer is open, if its name is
                no text, or if it names another account than the journal's.
        """
        session = self._running()
        asked = request or FillUpdatesStreamRequest()
        wanted = self._hts_id(hts_id, None)
        chosen = self._account_for(account, account_no, account_product_code, asked.account)
        name = consumer_name(consumer)
        if self._journal is not None:
            recorded = self._recorded(chosen)
            if recorded is not None:
                return self._journaled(session, self._journal, wanted, recorded, name)
            if consumer is not None:
                raise KXTValidationError(
                    "a consumer is served from the journal, and that has the client's account "
                    "alone: name no consumer, or no other account"
                )
        outlet = FillOutlet(chosen, self._policy.buffer_size)
        session.attach(outlet, wanted)
        return FillStream(outlet, session.status, session.detach)

    def _recorded(self, account: AccountSummary | None) -> AccountSummary | None:
        """What of the account is in the client's journal; None for nothing."""
        whole = self._account
        if account is None or whole is None or not whole.covers(account):
            return None
        return whole if account.product_code is None else account

    def _journaled(
        self,
        session: Session,
        journal: Journal,
        hts_id: str,
        account: AccountSummary,
        consumer: str,
    ) -> FillStream:
        taken = self._consumers.get(consumer)
        if taken is not None and taken.state is not StreamState.CLOSED:
            raise KXTValidationError(
                f"a stream of consumer {consumer!r} is open; give each its own name"
            )
        outlet = JournaledOutlet(account, self._policy.buffer_size)
        session.attach(outlet, hts_id)
        stream = JournaledFillStream(
            outlet, session.status, session.detach, journal=journal, consumer=consumer
        )
        self._consumers[consumer] = stream
        return stream

    def _running(self) -> Session:
        if self._session is None:
            raise KXTUnsupportedError(
                "streams are made inside the client's block: `async with KISClient(...)`"
            )
        return self._session

    def _hts_id(self, *candidates: str | None) -> str:
        for candidate in (*candidates, self._credentials.hts_id):
            text = text_or_none(candidate)
            if text is not None:
                return text
        raise KXTUnsupportedError(
            "the broker's notices are subscribed by HTS ID, and there is none: give hts_id "
            "to the client or to the call"
        )

    def _account_for(
        self,
        account: AccountSummary | None,
        number: str | None,
        product_code: str | None,
        requested: AccountSummary | None,
    ) -> AccountSummary | None:
        code = text_or_none(product_code)
        named = _account(number, code)
        if account is not None and named is not None and account.account_id != named.account_id:
            raise KXTValidationError("account and account_no name different accounts; give one")
        chosen = named or account or requested or self._account
        if chosen is not None:
            return AccountSummary.parse(chosen.account_id, code or chosen.product_code)
        if code is not None:
            raise KXTValidationError("account_product_code needs an account_no")
        return None


@asynccontextmanager
async def open_fill_stream(
    *,
    app_key: str,
    app_secret: str,
    hts_id: str | None = None,
    account_no: str | None = None,
    account_product_code: str | None = None,
    environment: Environment = Environment.REAL,
    endpoints: Endpoints | None = None,
    policy: StreamPolicy = StreamPolicy(),  # noqa: B008  # frozen
    reconcile: Reconciliation = Reconciliation(),  # noqa: B008  # frozen
    journal: str | Path | None = None,
    consumer: str | None = None,
    network: Network | None = None,
) -> AsyncGenerator[FillStream]:
    """Open a stream of fills and everything it needs, for the length of a block.

    Enters once the broker has acknowledged the subscription, so an order placed inside
    the block cannot fill before somebody listens.  Arguments are those of
    :class:`KISClient` and :meth:`KISClient.stream_fill_updates`.

    Raises:
        KXTValidationError: an argument cannot be used.
        KXTUnsupportedError: no ``hts_id``, or not running under trio.
        KXTAuthenticationError: the broker refuses the keys.
        KXTSubscriptionError: the broker refuses the subscription, such as for a wrong
            HTS ID.
        KXTSessionInUseError: another program holds the app key's session.
        KXTConnectionError: not subscribed within ``policy.startup_timeout``; transient
            trouble was retried that long.

    What fails later is raised by :meth:`~kxt_trio.FillStream.receive`, after the events
    received before; the block itself is not cancelled.  A failure nobody received is
    raised when the block ends.  Leaving the block, also by an outer cancel, releases
    the subscription, closes the link and is over within ``policy.shutdown_grace``.

    .. versionadded:: 0.1
    """
    async with (
        KISClient(
            app_key=app_key,
            app_secret=app_secret,
            hts_id=hts_id,
            account_no=account_no,
            account_product_code=account_product_code,
            environment=environment,
            endpoints=endpoints,
            policy=policy,
            reconcile=reconcile,
            journal=journal,
            network=network,
        ) as client,
        client.stream_fill_updates(consumer=consumer) as fills,
    ):
        await fills.wait_live()
        yield fills


@asynccontextmanager
async def open_order_event_stream(
    *,
    app_key: str,
    app_secret: str,
    hts_id: str | None = None,
    account_no: str | None = None,
    account_product_code: str | None = None,
    environment: Environment = Environment.REAL,
    endpoints: Endpoints | None = None,
    policy: StreamPolicy = StreamPolicy(),  # noqa: B008  # frozen
    reconcile: Reconciliation = Reconciliation(),  # noqa: B008  # frozen
    journal: str | Path | None = None,
    network: Network | None = None,
) -> AsyncGenerator[OrderEventStream]:
    """Open a stream of order events for the length of a block.

    Otherwise as :func:`open_fill_stream`.

    .. versionadded:: 0.1
    """
    async with (
        KISClient(
            app_key=app_key,
            app_secret=app_secret,
            hts_id=hts_id,
            account_no=account_no,
            account_product_code=account_product_code,
            environment=environment,
            endpoints=endpoints,
            policy=policy,
            reconcile=reconcile,
            journal=journal,
            network=network,
        ) as client,
        client.stream_order_events() as events,
    ):
        await events.wait_live()
        yield events


def _account(number: str | None, product_code: str | None) -> AccountSummary | None:
    text = text_or_none(number)
    return None if text is None else AccountSummary.parse(text, product_code)


def _require(value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise KXTValidationError(f"expected a {kind.__name__}, not {type(value).__name__}")
