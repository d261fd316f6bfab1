"""The stand-in broker's public face."""

from __future__ import annotations

import string
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from types import TracebackType
from typing import Self

import trio

from kxt_trio.errors import KXTValidationError
from kxt_trio.models import KST, AccountSummary, OrderAction, Side, Venue
from kxt_trio.offload import Inline
from kxt_trio.scope import open_scope
from kxt_trio.settings import Credentials, Endpoints, Environment
from kxt_trio.transport.network import Network
from kxt_trio.transport.rest import HttpRequest, HttpResponse, respond_with
from kxt_trio.transport.token_cache import MemoryTokenCache

from .broker import Broker
from .broker_faults import BrokerFaults
from .notice_layouts import Layout, plaintext_of
from .observations import BrokerObservations
from .orders import Moment, Notice, NoticeKind, Won
from .websocket_desk import Timing
from .wire import BrokerEnd

__all__ = ["FakeKIS"]

_OPENING = datetime(2026, 11, 20, 9, 0, tzinfo=KST)
_GRACE = 1.0  # ends at once; a bound is asked for
_APP_KEY_LENGTH, _APP_SECRET_LENGTH = 36, 180


class FakeKIS(BrokerFaults, BrokerObservations):
    """A whole stand-in broker, in memory: websocket, REST and the truth behind both.

    Enter it, open a stream with its credentials and its network, and trade::

        async with FakeKIS() as kis:
            async with open_fill_stream(**kis.credentials, network=kis.network) as fills:
                order_id = kis.place("005930", quantity=10, price=69950)
                kis.fill(order_id, quantity=4, price=69940)
                fill = await fills.receive()

    The verbs say what happens at the exchange: :meth:`place`, :meth:`fill`,
    :meth:`amend`, :meth:`cancel`, :meth:`reject`, :meth:`lapse`.  They are synchronous
    and return at once; what they cause arrives when your program next waits.  Each sends
    the notice KIS would send, and :meth:`totals` tells what is true, whoever heard of
    it.  A notice that finds no live subscription is lost, as at KIS.  What no exchange
    would do, such as filling more than is open, raises
    :exc:`~kxt_trio.KXTValidationError`.

    The faults, :meth:`drop` and the rest, break things on purpose.

    Only the sockets are missing, so your program runs its production path.  Waiting is
    done on trio's clock alone: under ``MockClock(autojump_threshold=0)`` a trading day
    takes seconds, and the same calls give the same bytes every time.  Leaving the block
    cuts the clients that are still connected and leaves no task behind.

    Args:
        environment: Real or paper trading: TR ids, page sizes and layout follow.
        hts_id: The user's HTS ID; every other is refused with ``OPSP0017``.
        account_no: The account, eight digits.
        account_product_code: Its product code.
        layout: How notices are written; by default as in that environment today.
        start: The broker's clock on entry, an aware time.
        seed: Source of the keys it makes up.
        notice_lag: Seconds from an execution to its notice.
        rest_lag: Seconds until an inquiry shows what happened.
        reply_lag: Seconds from a subscription or a release to its reply and its effect.
        pingpong_interval: PINGPONG is sent when nothing else was, for this long.
        pingpong_patience: An unanswered PINGPONG ends the connection after this long.

    Attributes:
        credentials: Keys that it accepts, HTS ID and account; unpack them with ``**``.
        network: Where to reach it: for the ``network`` argument of the library's entries.
        endpoints: An address of it.  In memory every address leads to it.
        notice_lag: May be changed at any time; notices do not overtake each other.
        rest_lag: May be changed at any time.
        reply_lag: May be changed at any time.
        rest_latency: Seconds that an answer to a REST request takes.
    """

    def __init__(
        self,
        *,
        environment: Environment = Environment.REAL,
        hts_id: str = "htsuser1",
        account_no: str = "12345678",
        account_product_code: str = "01",
        layout: Layout | str | None = None,
        start: datetime = _OPENING,
        seed: int = 0,
        notice_lag: float = 0.0,
        rest_lag: float = 0.0,
        reply_lag: float = 0.0,
        pingpong_interval: float = 10.0,
        pingpong_patience: float = 100.0,
    ) -> None:
        random = Random(seed)  # noqa: S311  # made-up keys, repeatable
        self.credentials: Credentials = Credentials(
            app_key=_letters(random, _APP_KEY_LENGTH),
            app_secret=_letters(random, _APP_SECRET_LENGTH),
            hts_id=hts_id,
            account_no=account_no,
            account_product_code=account_product_code,
            environment=environment,
        )
        self.endpoints: Endpoints = Endpoints.of(self.credentials.environment)
        self.notice_lag = notice_lag
        self.rest_lag = rest_lag
        self.rest_latency: float = 0.0
        self._hts_id = hts_id
        self._account = AccountSummary.parse(account_no, account_product_code)
        self._layout = Layout.of(environment) if layout is None else Layout(layout)
        self._start = start.astimezone(KST)
        self._shift = timedelta()
        self._entered_at: float | None = None
        self._broker = Broker.assemble(
            self.credentials,
            timing=Timing(pingpong_interval, pingpong_patience, reply_lag),
            now=lambda: self.now,
            seed=seed,
        )
        tokens = MemoryTokenCache()
        self.network: Network = Network(
            open_stream=self._broker.switchboard.open_stream,
            http_transport=respond_with(self.respond),
            now=lambda: self.now,
            random=Random(seed),  # noqa: S311  # jitter, repeatable
            token_cache=lambda _credentials, _rest_url: tokens,
            offload=Inline,
        )
        self._scope: AbstractAsyncContextManager[None] = open_scope(
            self._broker.switchboard, name="kxt_trio fake broker", grace=_GRACE
        )

    async def __aenter__(self) -> Self:
        if self._entered_at is not None:
            raise KXTValidationError("a FakeKIS serves one block; make a new one")
        self._entered_at = trio.current_time()
        self._broker.switchboard.start()
        await self._scope.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self._broker.switchboard.stop()
        # Not shielded here: open_scope bounds its own end.
        return await self._scope.__aexit__(exc_type, exc, traceback)  # noqa: ASYNC102

    # The exchange

    def place(
        self,
        symbol: str,
        *,
        quantity: int,
        price: Won | None = None,
        side: Side | str = Side.BUY,
        account: str | None = None,
        order_type: str = "00",
        venue: Venue | str = Venue.KRX,
        announce: bool = True,
    ) -> str:
        """Enter an order; return its number.

        Args:
            symbol: Short code, such as ``"005930"``.
            quantity: Shares.
            price: Limit in won; None or 0 for a market order.
            side: ``"buy"`` or ``"sell"``.
            account: Another account of the same user, as ``"87654321-01"``.
            order_type: The broker's two-digit code.
            venue: Exchange or router.
            announce: Whether the notice of its acceptance goes out.  Without it, this is
                an order that was entered elsewhere, by telephone or under another HTS ID:
                the account's like any other, and first heard of when it is filled; or,
                with ``notify=False`` there, never, except from an inquiry.
        """
        notice = self._broker.exchange.place(
            self._moment(),
            symbol,
            quantity=quantity,
            price=price,
            side=side,
            account=self._account if account is None else AccountSummary.parse(account),
            order_type=order_type,
            venue=venue,
        )
        return self._tell(notice, announce)

    def fill(
        self,
        order_id: str,
        *,
        quantity: int | None = None,
        price: Won | None = None,
        notify: bool = True,
        lag: float | None = None,
    ) -> None:
        """Execute some or all of an order.

        Args:
            order_id: The order.
            quantity: Shares; None for all that is open.
            price: Won; None for the order's limit.
            notify: Whether its notice goes out.  If not, it still happened: this is the
                single lost notice on a healthy link.
            lag: Seconds until this notice goes out, all others overtaking it meanwhile;
                None for :attr:`notice_lag` and its turn.
        """
        notice = self._broker.exchange.fill(
            self._moment(), order_id, quantity=quantity, price=price
        )
        self._tell(notice, notify, lag)

    def amend(
        self,
        order_id: str,
        *,
        quantity: int | None = None,
        price: Won | None = None,
        announce: bool = False,
    ) -> str:
        """Move some or all of an order's open quantity to a new order; return its number.

        Args:
            order_id: The order to amend.
            quantity: Shares to move; None for all that is open.
            price: The new limit in won; None for the old one.
            announce: Whether the request's acceptance is told before its confirmation.
                Nobody has seen KIS do so.
        """
        notice = self._broker.exchange.amend(
            self._moment(), order_id, quantity=quantity, price=price
        )
        return self._tell_change(notice, announce)

    def cancel(
        self, order_id: str, *, quantity: int | None = None, announce: bool = False
    ) -> str:
        """Cancel some or all of an order's open quantity; return the cancellation's number.

        ``announce`` as for :meth:`amend`.
        """
        notice = self._broker.exchange.cancel(self._moment(), order_id, quantity=quantity)
        return self._tell_change(notice, announce)

    def reject(
        self,
        subject: str,
        *,
        quantity: int | None = None,
        price: Won | None = None,
        side: Side | str = Side.BUY,
        account: str | None = None,
        action: OrderAction | str = OrderAction.NEW,
    ) -> str:
        """Refuse an order, or a request to change one; return the refused number.

        Args:
            subject: The number of an order of which nothing was filled yet; or, with
                ``quantity``, the symbol of a new order that is refused on arrival.
            quantity: Shares of such a new order; None to refuse ``subject`` itself.
            price: Its limit in won.
            side: Its side.
            account: Its account, as for :meth:`place`.
            action: ``"amend"`` or ``"cancel"`` to refuse a request to change the order
                ``subject``, which stays as it is.
        """
        if quantity is not None:
            subject = self.place(
                subject,
                quantity=quantity,
                price=price,
                side=side,
                account=account,
                announce=False,
            )
        asked = OrderAction(action)
        if asked is OrderAction.NEW:
            notice = self._broker.exchange.reject(self._moment(), subject)
        else:
            notice = self._broker.exchange.reject_change(self._moment(), subject, asked)
        return self._tell(notice)

    def lapse(self, order_id: str) -> None:
        """Cancel what an IOC or FOK order left unfilled."""
        self._tell(self._broker.exchange.lapse(self._moment(), order_id))

    def totals(
        self, *, day: date | None = None, account: str | None = None
    ) -> dict[str, tuple[Decimal, Decimal]]:
        """Return the truth: (quantity, amount) by order number.

        Orders without a fill are absent.

        Args:
            day: Trade date of the orders, KST; None for today.
            account: None for all accounts.
        """
        return self._broker.exchange.totals(
            self.now.date() if day is None else day,
            None if account is None else AccountSummary.parse(account),
        )

    # The clock

    @property
    def reply_lag(self) -> float:
        """Seconds from a subscription or a release to its reply and its effect."""
        return self._broker.switchboard.timing.reply_lag

    @reply_lag.setter
    def reply_lag(self, seconds: float) -> None:
        self._broker.switchboard.timing.reply_lag = seconds

    @property
    def now(self) -> datetime:
        """The broker's clock: ``start`` and what has passed since on trio's clock."""
        if self._entered_at is None:
            return self._start + self._shift
        elapsed = timedelta(seconds=trio.current_time() - self._entered_at)
        return self._start + elapsed + self._shift

    def shift_clock(self, seconds: float) -> None:
        """Set the broker's clock forward or, with a negative value, back.

        Nothing that waits is woken: this is the wall clock, not trio's.
        """
        self._shift += timedelta(seconds=seconds)

    # The wire

    def send_notice(self, *plaintexts: str) -> None:
        """Encrypt and send these records, in one frame, as a notice."""
        self._broker.switchboard.send_notice(*plaintexts, lag=self.notice_lag)

    def expire_tokens(self) -> None:
        """End every REST token; calls with one get ``EGW00123``."""
        self._broker.keys.expire_tokens(self.now)

    # Doors

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer a REST request.

        Raises:
            ConnectionRefusedError: REST is down, or the broker's block was left.
        """
        await trio.sleep(self.rest_latency)
        if not self._broker.switchboard.is_running:
            raise ConnectionRefusedError("the broker is not running")
        return self._broker.rest.answer(request, self._moment(), lag=self.rest_lag)

    async def serve_websocket(self, end: BrokerEnd) -> None:
        """Serve a client that came in on a byte stream from elsewhere, until it is gone."""
        await self._broker.switchboard.serve(end)

    def _moment(self) -> Moment:
        if self._entered_at is None:
            raise KXTValidationError("enter the FakeKIS before using it: async with FakeKIS()")
        return Moment(trio.current_time(), self.now)

    def _tell(self, notice: Notice, notify: bool = True, lag: float | None = None) -> str:
        if notify:
            plaintext = plaintext_of(notice, hts_id=self._hts_id, layout=self._layout)
            self._broker.switchboard.send_notice(
                plaintext,
                lag=self.notice_lag if lag is None else lag,
                in_turn=lag is None,
            )
        return notice.order.order_id

    def _tell_change(self, notice: Notice, announce: bool) -> str:
        request = Notice(
            NoticeKind.ACCEPTED, notice.order, notice.moment, notice.quantity, notice.price
        )
        self._tell(request, announce)
        return self._tell(notice)


def _letters(random: Random, length: int) -> str:
    return "".join(random.choices(string.ascii_letters + string.digits, k=length))
