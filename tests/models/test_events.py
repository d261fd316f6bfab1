"""The events themselves: equality, immutability, what they show and what they keep."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.errors import KXTValidationError
from kxt_trio.models import (
    KST,
    AccountSummary,
    AnyEvent,
    CancelReason,
    Correction,
    ExecutionReport,
    FillEvent,
    FillNotificationEvent,
    FillOrigin,
    InstrumentRef,
    OrderAcceptedEvent,
    OrderAction,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderEventsStreamRequest,
    OrderLifecycleEvent,
    OrderRejectedEvent,
    OrderType,
    ProviderOrderRef,
    Side,
    TimeInForce,
    Venue,
    from_json,
    to_json,
)
from kxt_trio.models.codes import known

AT = datetime(2026, 11, 20, 9, 30, 5, tzinfo=KST)
ORDER = ProviderOrderRef(provider="kis", order_id="0000000123", account_id="12345678")
FILL = FillEvent(
    report=ExecutionReport(
        execution_id=None,
        order_ref=ORDER,
        occurred_at=AT,
        price=Decimal("69950"),
        quantity=Decimal("10"),
    ),
    instrument=InstrumentRef(symbol="005930"),
)
ACCEPTED = OrderAcceptedEvent(
    order_ref=ORDER, instrument=InstrumentRef("005930"), occurred_at=AT, quantity=Decimal("10")
)

texts = st.text(max_size=12)
decimals = st.decimals(allow_nan=False, allow_infinity=False)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(timezones=st.one_of(st.just(KST), st.just(UTC), zones))
accounts = st.builds(AccountSummary, texts, st.none() | texts)
orders = st.builds(ProviderOrderRef, texts, texts, st.none() | texts, st.none() | texts)
instruments = st.builds(InstrumentRef, texts, st.none() | texts)
provenance = {
    "side": st.none() | st.sampled_from(Side) | texts,
    "order_quantity": st.none() | decimals,
    "venue": st.none() | st.sampled_from(Venue) | texts,
    "account": st.none() | accounts,
    "received_at": st.none() | times,
    "raw": st.none() | st.lists(texts, max_size=4).map(tuple),
}
fills = st.builds(
    FillEvent,
    report=st.builds(ExecutionReport, st.none() | texts, orders, times, decimals, decimals),
    instrument=instruments,
    order_price=st.none() | decimals,
    origin=st.sampled_from(FillOrigin),
    fill_id=st.none() | texts,
    cumulative_quantity=st.none() | decimals,
    executed_between=st.none() | st.tuples(times, times),
    exact_amount=st.none() | decimals,
    **provenance,
)
lifecycle = {
    "order_ref": orders,
    "instrument": instruments,
    "occurred_at": times,
    "quantity": decimals,
    "price": st.none() | decimals,
    "action": st.sampled_from(OrderAction) | texts,
    "order_type": st.none() | st.sampled_from(OrderType) | texts,
    "time_in_force": st.none() | st.sampled_from(TimeInForce) | texts,
    **provenance,
}
events = st.one_of(
    fills,
    fills.map(FillNotificationEvent),
    st.builds(OrderAcceptedEvent, **lifecycle),
    st.builds(OrderAmendAckEvent, **lifecycle),
    st.builds(OrderCancelAckEvent, reason=st.sampled_from(CancelReason), **lifecycle),
    st.builds(OrderRejectedEvent, **lifecycle),
    st.builds(
        Correction,
        orders,
        instruments,
        decimals,
        decimals,
        noticed_at=times,
        account=st.none() | accounts,
        correction_id=st.none() | texts,
    ),
)


def everything(event: AnyEvent) -> object:
    """Return every field of an event, also those that take no part in ``==``."""
    return type(event), attrs.asdict(event)


def test_every_kind_of_event_is_tried():
    kinds = {FillEvent, FillNotificationEvent, Correction, *get_args(OrderLifecycleEvent)}
    assert kinds == set(get_args(AnyEvent))
    assert len(kinds) == 7


# -- equality ---------------------------------------------------------------------------


def test_the_documented_event_is_what_it_says():
    assert FILL.report.execution_id is None
    assert FILL.report.order_ref.original_order_id is None
    assert FILL.report.occurred_at.isoformat() == "2026-11-20T09:30:05+09:00"
    assert FILL.origin is FillOrigin.LIVE


def test_where_a_fill_came_from_is_no_part_of_what_it_is():
    told = attrs.evolve(
        FILL,
        instrument=InstrumentRef("005930", "삼성전자"),
        side=Side.BUY,
        order_quantity=Decimal(100),
        order_price=Decimal(70000),
        venue=Venue.NXT,
        account=AccountSummary("12345678", "01"),
        origin=FillOrigin.RECOVERED,
        fill_id="one",
        cumulative_quantity=Decimal(10),
        received_at=AT + timedelta(seconds=1),
        raw=("a", "b"),
    )
    assert told == FILL
    assert hash(told) == hash(FILL)
    assert FillNotificationEvent(told) == FillNotificationEvent(FILL)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("execution_id", "1"),
        ("order_ref", attrs.evolve(ORDER, order_id="0000000124")),
        ("order_ref", attrs.evolve(ORDER, account_id="12345679")),
        ("occurred_at", AT + timedelta(seconds=1)),
        ("price", Decimal("69951")),
        ("quantity", Decimal("9")),
    ],
)
def test_who_what_when_and_how_much_are_what_a_fill_is(field: str, value: object):
    other = attrs.evolve(FILL, report=attrs.evolve(FILL.report, **{field: value}))
    assert other != FILL
    assert attrs.evolve(FILL, instrument=InstrumentRef("000660")) != FILL


def test_where_a_lifecycle_event_came_from_is_no_part_of_what_it_is():
    told = attrs.evolve(
        ACCEPTED,
        side=Side.SELL,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.DAY,
        order_quantity=Decimal(10),
        venue=Venue.KRX,
        account=AccountSummary("12345678"),
        received_at=AT,
        raw=("a",),
    )
    assert told == ACCEPTED
    for change in (
        {"price": Decimal(1)},
        {"quantity": Decimal(9)},
        {"action": OrderAction.AMEND},
    ):
        assert attrs.evolve(ACCEPTED, **change) != ACCEPTED


def test_events_of_different_kinds_are_never_equal():
    shared = (ORDER, InstrumentRef("005930"), AT, Decimal(10), None, OrderAction.NEW)
    alike = [kind(*shared) for kind in get_args(OrderLifecycleEvent)]
    assert all((one == other) == (one is other) for one in alike for other in alike)


def test_a_fill_on_the_unified_stream_answers_like_any_order_event():
    event = FillNotificationEvent(FILL)
    assert (event.order_ref, event.instrument, event.occurred_at) == (
        ORDER,
        InstrumentRef("005930"),
        AT,
    )


@given(events)
def test_events_can_be_put_into_sets(event: AnyEvent):
    assert len({event, pickle.loads(pickle.dumps(event))}) == 1


# -- immutability, pickles --------------------------------------------------------------


@given(events)
def test_no_field_of_an_event_can_be_set_and_none_added(event: AnyEvent):
    for name in [field.name for field in attrs.fields(type(event))]:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(event, name, None)
    with pytest.raises((AttributeError, TypeError)):
        event.mine = 1  # type: ignore[union-attr]
    assert not hasattr(event, "__dict__")


@given(events)
def test_a_pickled_event_comes_back_whole(event: AnyEvent):
    assert everything(pickle.loads(pickle.dumps(event))) == everything(event)


# -- what is shown ----------------------------------------------------------------------


def test_no_event_shows_an_account_number_or_its_raw_record():
    account = AccountSummary("12345678", "01")
    private = {"account": account, "raw": ("rawrawraw",)}
    told = attrs.evolve(FILL, **private)
    for event in (told, FillNotificationEvent(told), attrs.evolve(ACCEPTED, **private)):
        assert "rawrawraw" not in repr(event)
        assert "123456" not in repr(event)
        assert "0000000123" in repr(event)
        assert "******78" in repr(event)


def test_a_request_shows_neither_account_nor_hts_id():
    request = OrderEventsStreamRequest(account=AccountSummary("12345678"), hts_id="hts-user-7")
    assert "hts-user-7" not in repr(request)
    assert "123456" not in repr(request)


# -- codes ------------------------------------------------------------------------------


@pytest.mark.parametrize("enum", [Side, OrderAction, OrderType, TimeInForce, Venue])
def test_a_known_code_is_a_member_and_an_unknown_one_stays_text(enum):
    for member in enum:
        assert known(enum, member.value) is member
    assert known(enum, "Z9") == "Z9"
    assert type(known(enum, "Z9")) is str


# -- JSON -------------------------------------------------------------------------------


@given(events)
def test_an_event_survives_json_without_loss(event: AnyEvent):
    text = to_json(event)
    assert "\n" not in text
    copied = from_json(text)
    assert everything(copied) == everything(event)
    assert to_json(copied) == text  # 10 and 10.0 are equal, but one is not the other


@given(events)
def test_known_codes_come_back_as_members(event: AnyEvent):
    copied = from_json(to_json(event))
    if isinstance(copied, FillNotificationEvent):
        copied = copied.fill
    for name, enum in (("side", Side), ("venue", Venue), ("order_type", OrderType)):
        value = getattr(copied, name, None)
        if value in list(enum):
            assert isinstance(value, enum)


def test_json_is_what_other_programs_can_read():
    assert json.loads(to_json(attrs.evolve(FILL, side=Side.BUY, venue="Q"))) == {
        "type": "FillEvent",
        "report": {
            "execution_id": None,
            "order_ref": {
                "provider": "kis",
                "order_id": "0000000123",
                "original_order_id": None,
                "account_id": "12345678",
            },
            "occurred_at": "2026-11-20T09:30:05+09:00",
            "price": "69950",
            "quantity": "10",
        },
        "instrument": {"symbol": "005930", "name": None},
        "side": "buy",
        "order_quantity": None,
        "order_price": None,
        "venue": "Q",
        "account": None,
        "origin": "live",
        "executed_between": None,
        "exact_amount": None,
        "fill_id": None,
        "cumulative_quantity": None,
        "received_at": None,
        "raw": None,
    }


def test_korean_text_is_not_escaped():
    named = attrs.evolve(FILL, instrument=InstrumentRef("005930", "삼성전자"))
    assert "삼성전자" in to_json(named)
    assert from_json(to_json(named).encode()) == FILL


def altered(**changes: object) -> str:
    return json.dumps({**json.loads(to_json(ACCEPTED)), **changes})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1"),
        ("{", "line 1"),
        ("[" * 100_000, "recursion"),
        (b"\xff", "decode"),
        ("null", "object"),
        ("[]", "object"),
        ("5", "object"),
        ('"FillEvent"', "object"),
        ("{}", "type is one of .*FillEvent"),
        ('{"type": "ExecutionReport"}', "type is one of"),
        ('{"type": null}', "type is one of"),
        ('{"type": []}', "type is one of"),
        ('{"type": "FillEvent"}', r"\breport\b"),
        ('{"type": "FillEvent", "report": 5, "instrument": []}', r"\breport\b"),
        (altered(quantity="ten"), "quantity"),
        (altered(quantity=None), "quantity"),
        (altered(occurred_at="yesterday"), "occurred_at"),
        (altered(occurred_at=20261120), "occurred_at"),
        (altered(occurred_at="2026-11-20T09:30:05"), "occurred_at"),
        (altered(order_ref={"provider": "kis"}), "order_id"),
        (altered(colour="red"), "colour"),
    ],
)
def test_what_is_no_event_is_refused_and_the_message_names_the_fault(
    text: str | bytes, says: str
):
    with pytest.raises(KXTValidationError, match=f"not the JSON of an event: .*({says})"):
        from_json(text)
