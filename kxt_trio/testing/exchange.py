"""The truth: what was ordered, traded, amended and cancelled.

Sans-IO.  Every verb returns the notice the broker would send for it; whether that
notice ever arrives is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from kxt_trio.errors import KXTValidationError
from kxt_trio.models import AccountSummary, OrderAction, Side, Venue

from .orders import Execution, Moment, Notice, NoticeKind, Order, Withdrawal, Won

__all__ = ["Exchange"]

_LIMIT, _MARKET = "00", "01"
_LARGEST_QUANTITY = 10**9 - 1  # ODER_QTY has nine digits
_LARGEST_PRICE = 10**9 - 1
_NUMBER_DIGITS = 10
_E = TypeVar("_E", Side, Venue)


class Exchange:
    """An order book that does what it is told.

    Order numbers start at 1 every KST day and are shared by all accounts.  A number
    names the newest order that has it, so yesterday's orders stay reachable until
    today's numbering takes their place.

    Raises:
        KXTValidationError: from every verb, for what no exchange would do.
    """

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._newest: dict[str, Order] = {}
        self._issued: dict[date, int] = {}

    def place(
        self,
        moment: Moment,
        symbol: str,
        *,
        quantity: int,
        price: Won | None,
        side: Side | str,
        account: AccountSummary,
        order_type: str,
        venue: Venue | str,
    ) -> Notice:
        """Take a new order."""
        limit = _price(price)
        order = self._register(
            Order(
                order_id=self._next_number(moment),
                placed=moment,
                account=account,
                symbol=_symbol(symbol),
                side=_member(Side, side, "side"),
                quantity=_quantity(quantity),
                price=limit,
                order_type=_MARKET if order_type == _LIMIT and not limit else order_type,
                venue=_member(Venue, venue, "venue"),
            )
        )
        return Notice(NoticeKind.ACCEPTED, order, moment, order.quantity, order.price)

    def fill(
        self,
        moment: Moment,
        order_id: str,
        *,
        quantity: int | None,
        price: Won | None,
    ) -> Notice:
        """Trade some or all of an order's open quantity."""
        order = self.order(order_id)
        traded = _part_of(order, quantity, "fill")
        at_price = order.price if price is None else _price(price)
        if not at_price:
            raise KXTValidationError(f"order {order_id} has no limit: fill() needs a price")
        order.executions.append(Execution(moment, traded, at_price))
        return Notice(NoticeKind.FILLED, order, moment, traded, at_price)

    def amend(
        self,
        moment: Moment,
        order_id: str,
        *,
        quantity: int | None,
        price: Won | None,
    ) -> Notice:
        """Move open quantity to a new order, at another price."""
        order = self.order(order_id)
        moved = _part_of(order, quantity, "amend")
        limit = order.price if price is None else _price(price)
        change = self._change(moment, order, OrderAction.AMEND, moved, limit)
        order.withdrawals.append(Withdrawal(moment, moved, OrderAction.AMEND))
        return Notice(NoticeKind.CONFIRMED, change, moment, moved, limit)

    def cancel(self, moment: Moment, order_id: str, *, quantity: int | None) -> Notice:
        """Take open quantity off the book, through a cancellation with its own number."""
        order = self.order(order_id)
        taken = _part_of(order, quantity, "cancel")
        change = self._change(moment, order, OrderAction.CANCEL, taken, 0)
        order.withdrawals.append(Withdrawal(moment, taken, OrderAction.CANCEL))
        return Notice(NoticeKind.CONFIRMED, change, moment, taken, 0)

    def lapse(self, moment: Moment, order_id: str) -> Notice:
        """Cancel what an IOC or FOK order left unfilled."""
        order = self.order(order_id)
        rest = _part_of(order, None, "lapse")
        order.withdrawals.append(Withdrawal(moment, rest, None))
        return Notice(NoticeKind.LAPSED, order, moment, rest, order.price)

    def reject(self, moment: Moment, order_id: str) -> Notice:
        """Refuse an order of which nothing has happened yet."""
        order = self.order(order_id)
        if order.open_quantity != order.quantity:
            raise KXTValidationError(
                f"order {order_id} cannot be rejected: something already became of it"
            )
        order.rejected = moment
        return Notice(NoticeKind.REJECTED, order, moment, order.quantity, order.price)

    def reject_change(self, moment: Moment, order_id: str, action: OrderAction) -> Notice:
        """Refuse a request to amend or cancel an order, which stays as it is."""
        order = self.order(order_id)
        asked = _part_of(order, None, action.value)
        change = self._change(moment, order, action, asked, order.price)
        change.rejected = moment
        return Notice(NoticeKind.REJECTED, change, moment, asked, order.price)

    def order(self, order_id: str) -> Order:
        """Return the newest order of this number."""
        try:
            return self._newest[order_id]
        except KeyError:
            raise KXTValidationError(f"there is no order {order_id!r}") from None

    def orders(self, first: date, last: date, account: AccountSummary) -> Iterator[Order]:
        """Go through an account's orders of these trade dates, oldest first."""
        for order in self._orders:
            if first <= order.day <= last and account.covers(order.account):
                yield order

    def totals(
        self, day: date, account: AccountSummary | None
    ) -> dict[str, tuple[Decimal, Decimal]]:
        """Return (quantity, amount) by number, of a day's orders that were filled."""
        return {
            order.order_id: order.decimal_totals()
            for order in self._orders
            if order.day == day
            and order.executions
            and (account is None or account.covers(order.account))
        }

    def _change(
        self, moment: Moment, order: Order, action: OrderAction, quantity: int, price: int
    ) -> Order:
        return self._register(
            Order(
                order_id=self._next_number(moment),
                placed=moment,
                account=order.account,
                symbol=order.symbol,
                side=order.side,
                quantity=quantity,
                price=price,
                order_type=order.order_type,
                venue=order.venue,
                action=action,
                original=order,
            )
        )

    def _register(self, order: Order) -> Order:
        self._orders.append(order)
        self._newest[order.order_id] = order
        return order

    def _next_number(self, moment: Moment) -> str:
        day = moment.wall.date()
        self._issued[day] = self._issued.get(day, 0) + 1
        return f"{self._issued[day]:0{_NUMBER_DIGITS}d}"


def _part_of(order: Order, quantity: int | None, verb: str) -> int:
    """Return how much of the order's open quantity is meant; None means all of it."""
    rest = order.open_quantity
    part = rest if quantity is None else _quantity(quantity)
    if not rest:
        raise KXTValidationError(f"cannot {verb} order {order.order_id}: nothing of it is open")
    if part > rest:
        raise KXTValidationError(
            f"cannot {verb} {part} of order {order.order_id}: only {rest} are open"
        )
    return part


def _quantity(quantity: int) -> int:
    if not 0 < quantity <= _LARGEST_QUANTITY:
        raise KXTValidationError(f"quantity must be 1 to {_LARGEST_QUANTITY}, not {quantity}")
    return quantity


def _price(price: Won | None) -> int:
    try:
        won = Decimal(0 if price is None else price)
    except InvalidOperation:
        won = Decimal(-1)
    if won != won.to_integral_value() or not 0 <= won <= _LARGEST_PRICE:
        raise KXTValidationError(f"price must be whole won, not {price}")
    return int(won)


def _symbol(symbol: str) -> str:
    if not (symbol.isascii() and symbol.isalnum()) or len(symbol) > 9:
        raise KXTValidationError(f"symbol must be up to 9 letters and digits, not {symbol!r}")
    return symbol


def _member(enum: type[_E], value: _E | str, name: str) -> _E:
    try:
        return enum(value)
    except ValueError:
        choices = ", ".join(repr(member.value) for member in enum)
        raise KXTValidationError(f"{name} must be one of {choices}, not {value!r}") from None
