"""What a user writes.  Never run: mypy and pyright have to agree with every line."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import assert_never, assert_type

import trio

import kxt_trio
from kxt_trio import (
    AccountSummary,
    AnyEvent,
    Correction,
    Credentials,
    Endpoints,
    Environment,
    ExecutionReport,
    FillEvent,
    FillNotificationEvent,
    FillOrigin,
    FillStream,
    FillUpdatesStreamRequest,
    Gap,
    InstrumentRef,
    KISClient,
    KXTAPIError,
    KXTConnectionError,
    KXTError,
    KXTSlowConsumerError,
    KXTSubscriptionError,
    KXTTimeoutError,
    KXTValidationError,
    Network,
    OrderAcceptedEvent,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderEvent,
    OrderEventsStreamRequest,
    OrderEventStream,
    OrderLifecycleEvent,
    OrderRejectedEvent,
    ProviderOrderRef,
    Side,
    StreamPolicy,
    StreamState,
    StreamStatistics,
    Venue,
    from_json,
    open_fill_stream,
    open_order_event_stream,
    to_json,
)


async def ten_lines() -> None:
    async with open_fill_stream(
        app_key="key",
        app_secret="secret",
        hts_id="someone",
        account_no="12345678",
        account_product_code="01",
    ) as fills:
        assert_type(fills, FillStream)
        async for fill in fills:
            assert_type(fill, FillEvent)
            print(fill.instrument.symbol, fill.report.price, fill.report.quantity)


async def a_client_with_both_forms() -> None:
    async with KISClient(app_key="key", app_secret="secret", hts_id="someone") as client:
        assert_type(client, KISClient)
        async with client.stream_fill_updates() as fills:
            assert_type(await fills.receive(), FillEvent)
        async for fill in client.stream_fill_updates(account_no="12345678-01"):
            assert_type(fill, FillEvent)
        async for event in client.stream_order_events(hts_id="someone else"):
            assert_type(event, OrderEvent)
            assert_type(what_happened(event), str)


def what_happened(event: OrderEvent) -> str:
    match event:
        case FillNotificationEvent():
            assert_type(event.fill, FillEvent)
            return "filled"
        case OrderAcceptedEvent():
            return "accepted"
        case OrderAmendAckEvent():
            return "amended"
        case OrderCancelAckEvent():
            return "cancelled"
        case OrderRejectedEvent():
            return "rejected"
        case Correction():
            return "corrected"
        case _:
            assert_never(event)


def the_two_openers(
    credentials: Credentials, policy: StreamPolicy, network: Network, endpoints: Endpoints
) -> None:
    fills: AbstractAsyncContextManager[FillStream] = open_fill_stream(
        **credentials, policy=policy, network=network, endpoints=endpoints
    )
    events: AbstractAsyncContextManager[OrderEventStream] = open_order_event_stream(
        app_key="key", app_secret="secret", hts_id="someone", environment=Environment.PAPER
    )
    print(fills, events)


async def streams_are_channels(fills: FillStream, events: OrderEventStream) -> None:
    channel: trio.abc.ReceiveChannel[FillEvent] = fills
    resource: trio.abc.AsyncResource = events
    await channel.aclose()
    await resource.aclose()
    assert_type(fills.receive_nowait(), FillEvent)
    assert_type(events.receive_nowait(), OrderEvent)
    assert_type(await events.receive(), OrderEvent)
    await fills.wait_live()


def figures(fills: FillStream) -> None:
    assert_type(fills.state, StreamState)
    statistics = fills.statistics()
    assert_type(statistics, StreamStatistics)
    assert_type(statistics.state, StreamState)
    assert_type(statistics.buffered, int)
    assert_type(statistics.received, int)
    assert_type(statistics.delivered, int)
    assert_type(statistics.reconnects, int)
    assert_type(statistics.gaps, tuple[Gap, ...])
    assert_type(statistics.unreadable, int)
    assert_type(statistics.last_frame_age, float | None)


def fields_of_a_fill(fill: FillEvent) -> None:
    assert_type(fill.report, ExecutionReport)
    assert_type(fill.report.execution_id, str | None)
    assert_type(fill.report.order_ref, ProviderOrderRef)
    assert_type(fill.report.order_ref.original_order_id, str | None)
    assert_type(fill.report.occurred_at, datetime)
    assert_type(fill.report.price, Decimal)
    assert_type(fill.report.quantity, Decimal)
    assert_type(fill.instrument, InstrumentRef)
    assert_type(fill.instrument.symbol, str)
    assert_type(fill.side, Side | str | None)
    assert_type(fill.venue, Venue | str | None)
    assert_type(fill.account, AccountSummary | None)
    assert_type(fill.origin, FillOrigin)
    assert_type(fill.cumulative_quantity, Decimal | None)
    assert_type(fill.received_at, datetime | None)


def made_by_hand() -> FillEvent:
    return FillEvent(
        report=ExecutionReport(
            execution_id=None,
            order_ref=ProviderOrderRef(
                provider="kis", order_id="0000000123", account_id="12345678"
            ),
            occurred_at=datetime(2026, 11, 20, 9, 30, 5, tzinfo=kxt_trio.KST),
            price=Decimal(69950),
            quantity=Decimal(10),
        ),
        instrument=InstrumentRef(symbol="005930"),
    )


def json_and_back(fill: FillEvent, event: OrderLifecycleEvent) -> None:
    assert_type(to_json(fill), str)
    assert_type(to_json(event), str)
    assert_type(from_json("{}"), AnyEvent)


def requests(client: KISClient) -> None:
    account = AccountSummary(account_id="12345678", product_code="01")
    client.stream_fill_updates(FillUpdatesStreamRequest(account=account))
    client.stream_order_events(OrderEventsStreamRequest(account=account, hts_id="someone"))
    client.stream_fill_updates(account=account, hts_id="someone", account_product_code="01")


def settings() -> None:
    assert_type(Credentials.from_env(), Credentials)
    StreamPolicy(heartbeat_timeout=30, connects_per_minute=3, buffer_size=1)
    Endpoints(rest="https://localhost:1", websocket="ws://localhost:2")


def errors(error: KXTError) -> None:
    match error:
        case KXTTimeoutError():
            connection: KXTConnectionError = error
            print(connection)
        case KXTSubscriptionError():
            assert_type(error.msg_cd, str | None)
        case KXTAPIError():
            assert_type(error.code, str | None)
        case KXTValidationError():
            value: ValueError = error
            print(value)
        case KXTSlowConsumerError():
            raise error
        case _:
            print(kxt_trio.__version__)
