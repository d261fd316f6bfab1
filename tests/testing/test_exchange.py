from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from kxt_trio import KST, AccountSummary, KXTValidationError, OrderAction, Side, Venue
from kxt_trio.testing.exchange import Exchange
from kxt_trio.testing.orders import Moment, NoticeKind

ACCOUNT = AccountSummary("12345678", "01")
NINE = datetime(2026, 11, 20, 9, 0, tzinfo=KST)
TODAY = NINE.date()


def moment(seconds: float = 0.0) -> Moment:
    return Moment(seconds, NINE + timedelta(seconds=seconds))


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


def place(exchange, at=0.0, *, quantity=10, price=69950, account=ACCOUNT, **other):
    given = {"side": "buy", "order_type": "00", "venue": "KRX", **other}
    return exchange.place(
        moment(at), "005930", quantity=quantity, price=price, account=account, **given
    )


def fill(exchange, order_id, at=0.0, *, quantity=None, price=None):
    return exchange.fill(moment(at), order_id, quantity=quantity, price=price)


def test_an_order_is_accepted_and_filled_in_parts(exchange):
    accepted = place(exchange)
    order = accepted.order
    assert (accepted.kind, accepted.quantity, accepted.price) == (
        NoticeKind.ACCEPTED,
        10,
        69950,
    )
    assert (order.order_id, order.side, order.venue) == ("0000000001", Side.BUY, Venue.KRX)
    first = fill(exchange, order.order_id, quantity=4, price=69940)
    rest = fill(exchange, order.order_id)
    assert (first.kind, first.quantity, first.price) == (NoticeKind.FILLED, 4, 69940)
    assert (rest.quantity, rest.price) == (6, 69950)
    assert order.open_quantity == 0
    assert exchange.totals(TODAY, None) == {
        "0000000001": (Decimal(10), Decimal(4 * 69940 + 6 * 69950))
    }


def test_orders_without_a_fill_have_no_totals(exchange):
    place(exchange)
    assert exchange.totals(TODAY, None) == {}


def test_a_market_order_has_its_own_type_and_needs_a_price_to_fill(exchange):
    order = place(exchange, price=None).order
    assert (order.order_type, order.price) == ("01", 0)
    with pytest.raises(KXTValidationError, match="needs a price"):
        fill(exchange, order.order_id)
    assert fill(exchange, order.order_id, price="70000").price == 70000


def test_amended_quantity_moves_to_a_new_order(exchange):
    old = place(exchange).order
    fill(exchange, old.order_id, quantity=3)
    confirmed = exchange.amend(moment(1), old.order_id, quantity=5, price=70000)
    new = confirmed.order
    assert (confirmed.kind, confirmed.quantity) == (NoticeKind.CONFIRMED, 5)
    assert (new.order_id, new.original, new.action) == ("0000000002", old, OrderAction.AMEND)
    assert (old.open_quantity, new.open_quantity) == (2, 5)
    assert fill(exchange, new.order_id).price == 70000
    assert exchange.amend(moment(2), old.order_id, quantity=None, price=None).price == 69950
    with pytest.raises(KXTValidationError, match="nothing of it is open"):
        fill(exchange, old.order_id)


def test_a_cancellation_has_a_number_but_nothing_to_fill(exchange):
    order = place(exchange).order
    cancelled = exchange.cancel(moment(), order.order_id, quantity=4)
    assert (cancelled.quantity, order.open_quantity) == (4, 6)
    assert cancelled.order.action is OrderAction.CANCEL
    with pytest.raises(KXTValidationError, match="nothing of it is open"):
        fill(exchange, cancelled.order.order_id)
    exchange.cancel(moment(), order.order_id, quantity=None)
    with pytest.raises(KXTValidationError, match="cannot cancel order 0000000001"):
        exchange.cancel(moment(), order.order_id, quantity=None)


def test_an_unfilled_rest_lapses(exchange):
    order = place(exchange, order_type="11").order
    fill(exchange, order.order_id, quantity=4)
    lapsed = exchange.lapse(moment(), order.order_id)
    assert (lapsed.kind, lapsed.quantity, lapsed.order) == (NoticeKind.LAPSED, 6, order)
    assert order.open_quantity == 0


def test_a_rejected_order_cannot_be_filled(exchange):
    order = place(exchange).order
    assert exchange.reject(moment(), order.order_id).kind is NoticeKind.REJECTED
    with pytest.raises(KXTValidationError, match="nothing of it is open"):
        fill(exchange, order.order_id)


def test_a_filled_order_cannot_be_rejected(exchange):
    order = place(exchange).order
    fill(exchange, order.order_id, quantity=1)
    with pytest.raises(KXTValidationError, match="already became of it"):
        exchange.reject(moment(), order.order_id)


def test_a_rejected_request_leaves_its_order_alone(exchange):
    order = place(exchange).order
    refused = exchange.reject_change(moment(), order.order_id, OrderAction.CANCEL)
    assert (refused.kind, refused.order.original) == (NoticeKind.REJECTED, order)
    assert refused.order.open_quantity == 0
    assert order.open_quantity == 10


def test_numbers_restart_every_day_and_name_the_newest_order(exchange):
    yesterday = place(exchange).order
    day = 24 * 60 * 60.0
    fill(exchange, yesterday.order_id, at=day, quantity=1)  # reachable after midnight
    today = place(exchange, at=day).order
    assert today.order_id == yesterday.order_id == "0000000001"
    fill(exchange, today.order_id, at=day, quantity=2)
    assert exchange.totals(TODAY, None)["0000000001"] == (Decimal(1), Decimal(69950))
    assert exchange.totals(date(2026, 11, 21), None)["0000000001"][0] == 2


def test_accounts_share_the_numbers_and_nothing_else(exchange):
    other = AccountSummary("87654321", "01")
    for account in (ACCOUNT, other):
        fill(exchange, place(exchange, account=account).order.order_id)
    assert list(exchange.totals(TODAY, None)) == ["0000000001", "0000000002"]
    assert list(exchange.totals(TODAY, other)) == ["0000000002"]
    assert [order.order_id for order in exchange.orders(TODAY, TODAY, ACCOUNT)] == [
        "0000000001"
    ]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"quantity": 0}, "quantity must be 1"),
        ({"quantity": 10**9}, "quantity must be 1"),
        ({"price": -1}, "price must be whole won"),
        ({"price": "69950.5"}, "price must be whole won"),
        ({"price": "cheap"}, "price must be whole won"),
        ({"price": "NaN"}, "price must be whole won"),
        ({"price": 10**9}, "price must be whole won"),
        ({"side": "short"}, "side must be one of 'buy', 'sell'"),
        ({"venue": "NYSE"}, "venue must be one of 'KRX'"),
    ],
)
def test_what_no_exchange_takes_is_refused(exchange, given, complaint):
    with pytest.raises(KXTValidationError, match=complaint):
        place(exchange, **given)


def test_a_symbol_is_letters_and_digits(exchange):
    with pytest.raises(KXTValidationError, match="symbol must be"):
        exchange.place(
            moment(),
            "00^930",
            quantity=1,
            price=1,
            side="buy",
            account=ACCOUNT,
            order_type="00",
            venue="KRX",
        )


def test_misuse_says_which_order(exchange):
    order_id = place(exchange).order.order_id
    with pytest.raises(KXTValidationError, match="cannot fill 11 of order 0000000001: only 10"):
        fill(exchange, order_id, quantity=11)
    with pytest.raises(KXTValidationError, match="there is no order '17'"):
        fill(exchange, "17")
