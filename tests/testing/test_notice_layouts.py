from __future__ import annotations

from datetime import datetime

import pytest

from kxt_trio import (
    KST,
    AccountSummary,
    Environment,
    FillEvent,
    OrderAcceptedEvent,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderRejectedEvent,
    OrderType,
    Side,
    TimeInForce,
    Venue,
)
from kxt_trio.models import OrderAction
from kxt_trio.protocol.notices.domestic_stock import read_record
from kxt_trio.testing import Layout
from kxt_trio.testing.notice_layouts import plaintext_of
from kxt_trio.testing.orders import Moment, Notice, NoticeKind, Order


def order(at: str = "144112", **changes) -> Order:
    wall = datetime.strptime(f"20261120{at}", "%Y%m%d%H%M%S").replace(tzinfo=KST)
    given = {
        "order_id": "0000045793",
        "placed": Moment(0, wall),
        "account": AccountSummary("50000000", "01"),
        "symbol": "032350",
        "side": Side.BUY,
        "quantity": 10,
        "price": 0,
        "order_type": "01",
        "venue": Venue.KRX,
    }
    return Order(**{**given, **changes})


def text(kind: NoticeKind, subject: Order, quantity: int, price: int, layout: Layout) -> str:
    notice = Notice(kind, subject, subject.placed, quantity, price)
    return plaintext_of(notice, hts_id="htsuser1", layout=layout)


@pytest.mark.parametrize(
    ("genuine", "kind", "subject", "quantity", "price", "layout"),
    [
        (
            "htsuser1^5000000001^0000045793^^02^0^01^0^032350^0000000010^000000000^144112^0^1^1"
            "^00950^000000010^홍길동^롯데관광개발^10^^롯데관광개발^",
            NoticeKind.ACCEPTED,
            order(),
            10,
            0,
            Layout.OLD,
        ),
        (
            "htsuser1^5000000001^0000045793^^02^0^00^0^032350^0000000003^000008130^144130^0^2^2"
            "^00950^000000010^홍길동^롯데관광개발^10^^롯데관광개발^000000000",
            NoticeKind.FILLED,
            order("144130"),
            3,
            8130,
            Layout.OLD,
        ),
        (
            "htsuser1^5000000001^0000045798^^01^0^01^0^032350^0000000005^000000000^144128^0^1^1"
            "^00950^000000005^홍길동^롯데관광개발^10^^롯데관광개발^",
            NoticeKind.ACCEPTED,
            order("144128", order_id="0000045798", side=Side.SELL, quantity=5),
            5,
            0,
            Layout.OLD,
        ),
        (
            "htsuser1^5000000001^0000005008^^02^0^00^0^069500^0000000001^000043295^144700^0^2^2"
            "^00950^000000001^홍길동^1Y^10^^KODEX200^000044000",
            NoticeKind.FILLED,
            order(
                "144700",
                order_id="0000005008",
                symbol="069500",
                quantity=1,
                price=44000,
                order_type="00",
            ),
            1,
            43295,
            Layout.PACKED,
        ),
    ],
)
def test_genuine_captures_are_written_to_the_letter(
    genuine, kind, subject, quantity, price, layout
):
    assert text(kind, subject, quantity, price, layout) == genuine


def test_a_real_account_has_26_fields():
    subject = order(price=8200, order_type="00", venue=Venue.SOR_NXT)
    fields = text(NoticeKind.FILLED, subject, 3, 8130, Layout.REAL).split("^")
    assert fields[18:] == ["", "4", "Y", "", "10", "", "롯데관광개발", "000008200"]


def test_the_layout_follows_the_environment():
    assert Layout.of(Environment.REAL) is Layout.REAL
    assert Layout.of(Environment.PAPER) is Layout.PACKED


def test_the_library_reads_every_layout_alike():
    received_at = datetime(2026, 11, 20, 14, 41, 13, tzinfo=KST)
    events = [
        read_record(text(NoticeKind.FILLED, order(), 3, 8130, layout).split("^"), received_at)
        for layout in Layout
    ]
    assert isinstance(events[0], FillEvent)
    assert events[0] == events[1] == events[2]
    assert [event.venue for event in events] == [Venue.KRX, Venue.KRX, None]


@pytest.mark.parametrize(
    ("kind", "action", "expected"),
    [
        (NoticeKind.ACCEPTED, OrderAction.NEW, OrderAcceptedEvent),
        (NoticeKind.ACCEPTED, OrderAction.AMEND, OrderAcceptedEvent),
        (NoticeKind.CONFIRMED, OrderAction.AMEND, OrderAmendAckEvent),
        (NoticeKind.CONFIRMED, OrderAction.CANCEL, OrderCancelAckEvent),
        (NoticeKind.LAPSED, OrderAction.NEW, OrderCancelAckEvent),
        (NoticeKind.REJECTED, OrderAction.NEW, OrderRejectedEvent),
        (NoticeKind.REJECTED, OrderAction.CANCEL, OrderRejectedEvent),
    ],
)
def test_the_library_reads_every_kind_as_what_it_is(kind, action, expected):
    original = None if action is OrderAction.NEW else order(order_id="0000000001")
    subject = order(action=action, original=original)
    record = text(kind, subject, 10, 0, Layout.REAL).split("^")
    event = read_record(record, subject.placed.wall)
    assert type(event) is expected
    assert event.action is (action if kind is not NoticeKind.LAPSED else OrderAction.CANCEL)
    assert event.order_ref.original_order_id == (original and "0000000001")


@pytest.mark.parametrize(
    ("order_type", "in_force"),
    [("00", TimeInForce.DAY), ("11", TimeInForce.IOC), ("14", TimeInForce.FOK)],
)
def test_the_condition_follows_the_order_type(order_type, in_force):
    subject = order(order_type=order_type)
    record = text(NoticeKind.ACCEPTED, subject, 10, 0, Layout.REAL).split("^")
    event = read_record(record, subject.placed.wall)
    assert (event.order_type, event.time_in_force) == (OrderType(order_type), in_force)


def test_names_are_cut_at_byte_widths():
    subject = order(symbol="472150")
    fields = text(NoticeKind.ACCEPTED, subject, 10, 0, Layout.OLD).split("^")
    assert fields[18] == "TIGER 배당커버"
    assert fields[21] == "TIGER 배당커버드콜액티브"


def test_every_symbol_has_a_name():
    fields = text(NoticeKind.ACCEPTED, order(symbol="999999"), 10, 0, Layout.REAL).split("^")
    assert fields[24] == "종목999999"
