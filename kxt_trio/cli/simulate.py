"""``kxt-trio simulate``: the stand-in broker on loopback, trading at random."""

from __future__ import annotations

import sys
from datetime import datetime
from functools import partial
from random import Random
from shlex import quote
from typing import NoReturn

import trio

from kxt_trio import KST, Environment, Side
from kxt_trio.testing import FakeKIS, serve_fake_kis

from .arguments import SimulateOptions
from .exits import CommandError
from .lines import LineWriter

__all__ = ["Market", "simulate"]

#: Symbol, price in won, and the price step the exchange allows there.
_LISTED = (
    ("005930", 69_900, 100),
    ("000660", 182_500, 500),
    ("035720", 41_250, 50),
    ("035420", 214_000, 500),
)
_MOST_OPEN = 4
_LARGEST_ORDER = 20  # in lots of ten
_CANCELLED = 0.05


async def simulate(options: SimulateOptions) -> NoReturn:
    """Serve until ended from outside.

    Raises:
        CommandError: the port cannot be opened.
        ReaderGoneError: nobody reads the output any more.
    """
    environment = Environment.PAPER if options.paper else Environment.REAL
    async with (
        FakeKIS(environment=environment, start=datetime.now(KST)) as kis,
        trio.open_nursery() as nursery,
    ):
        try:
            await nursery.start(partial(serve_fake_kis, options.port, kis=kis))
        except OSError as exc:
            raise CommandError(f"cannot open port {options.port}: {exc.strerror}") from exc
        writer = LineWriter()
        for line in _settings(kis):
            await writer.write(line)
        market = Market(kis, Random(options.seed))  # noqa: S311  # prices, not secrets
        while True:
            await trio.sleep(market.pause(options.rate))
            market.move()


def _settings(kis: FakeKIS) -> list[str]:
    """Return the lines that let another program find the broker, as a shell takes them."""
    credentials = kis.credentials
    values = {
        "KIS_APP_KEY": credentials.app_key,
        "KIS_APP_SECRET": credentials.app_secret,
        "KIS_HTS_ID": credentials.hts_id or "",
        "KIS_ACCOUNT_NO": f"{credentials.account_no}-{credentials.account_product_code}",
        "KIS_ENV": credentials.environment.value,
        "KIS_REST_URL": kis.endpoints.rest,
        "KIS_WEBSOCKET_URL": kis.endpoints.websocket,
    }
    return [
        "# A stand-in broker: nothing here is real.  Paste this into another terminal,",
        "# then run kxt-trio fills there.  Ctrl-C here ends the broker.",
        *(f"export {name}={quote(value)}" for name, value in values.items()),
    ]


class Market:
    """Places orders and fills them, at random."""

    def __init__(self, kis: FakeKIS, random: Random) -> None:
        self._kis = kis
        self._random = random
        self._open: dict[str, int] = {}

    def pause(self, rate: float) -> float:
        """Return the seconds to the next move."""
        return self._random.expovariate(rate)

    def move(self) -> None:
        """Fill some of an order, or cancel one; place new ones where there are few."""
        while len(self._open) < self._random.randint(1, _MOST_OPEN):
            self._place()
        order_id = self._random.choice(list(self._open))
        if self._random.random() < _CANCELLED:
            self._kis.cancel(order_id)
            del self._open[order_id]
            self._tell(f"cancel  {order_id}")
        else:
            self._fill(order_id)

    def _place(self) -> None:
        symbol, price, step = self._random.choice(_LISTED)
        price += step * self._random.randint(-10, 10)
        quantity = 10 * self._random.randint(1, _LARGEST_ORDER)
        side = self._random.choice(list(Side))
        order_id = self._kis.place(symbol, quantity=quantity, price=price, side=side)
        self._open[order_id] = quantity
        self._tell(f"order   {order_id}  {side.value:<4} {quantity} x {symbol} at {price:,}")

    def _fill(self, order_id: str) -> None:
        left = self._open[order_id]
        quantity = min(left, self._random.randint(1, max(10, left // 2)))
        self._kis.fill(order_id, quantity=quantity)
        if quantity == left:
            del self._open[order_id]
        else:
            self._open[order_id] = left - quantity
        self._tell(f"fill    {order_id}       {quantity}")

    def _tell(self, text: str) -> None:
        print(f"{self._kis.now:%H:%M:%S}  {text}", file=sys.stderr)
