"""The front door: entering, streaming, filtering, leaving."""

from __future__ import annotations

import asyncio
import gc
import traceback
from datetime import datetime
from decimal import Decimal

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import (
    KST,
    AccountSummary,
    Environment,
    ExecutionReport,
    FillEvent,
    FillNotificationEvent,
    FillUpdatesStreamRequest,
    InstrumentRef,
    KISClient,
    KXTAuthenticationError,
    KXTConnectionError,
    KXTSessionInUseError,
    KXTSlowConsumerError,
    KXTSubscriptionError,
    KXTUnsupportedError,
    KXTValidationError,
    OrderAcceptedEvent,
    OrderEventsStreamRequest,
    ProviderOrderRef,
    Reconciliation,
    StreamPolicy,
    StreamState,
    open_fill_stream,
    open_order_event_stream,
)
from kxt_trio.testing import FakeKIS, Layout

#: These tests are about the front door; what it finds missing has tests of its own.
ALONE = {"reconcile": Reconciliation(enabled=False)}


def opened(kis: FakeKIS, **changes):
    return open_fill_stream(**{**kis.credentials, "network": kis.network, **ALONE, **changes})


def client_of(kis: FakeKIS, **changes) -> KISClient:
    return KISClient(**{**kis.credentials, "network": kis.network, **ALONE, **changes})


# -- the main job ------------------------------------------------------------------


async def test_a_fill_arrives_as_the_documented_event(autojump_clock):
    start = datetime(2026, 11, 20, 9, 30, 5, tzinfo=KST)
    async with FakeKIS(start=start) as kis, opened(kis) as fills:
        order_id = kis.place("005930", quantity=10, price=69950, side="buy")
        kis.fill(order_id)
        fill = await fills.receive()
        assert fill == FillEvent(
            report=ExecutionReport(
                execution_id=None,
                order_ref=ProviderOrderRef(
                    provider="kis", order_id=order_id, account_id="12345678"
                ),
                occurred_at=start,
                price=Decimal("69950"),
                quantity=Decimal("10"),
            ),
            instrument=InstrumentRef(symbol="005930"),
        )


async def test_an_order_placed_at_the_first_line_of_the_block_fills_seen(autojump_clock):
    async with FakeKIS() as kis:
        kis.notice_lag = 0
        async with opened(kis) as fills:
            kis.fill(kis.place("005930", quantity=1, price=100))
            assert (await fills.receive()).report.quantity == 1


@pytest.mark.parametrize("environment", list(Environment))
@pytest.mark.parametrize("layout", list(Layout))
async def test_every_environment_and_layout_gives_the_same_event(
    environment, layout, autojump_clock
):
    async with FakeKIS(environment=environment, layout=layout) as kis:
        assert kis.credentials.environment is environment
        async with opened(kis) as fills:
            kis.fill(kis.place("005930", quantity=10, price=70000), quantity=4, price=69940)
            fill = await fills.receive()
    assert (fill.report.price, fill.report.quantity) == (69940, 4)
    assert (fill.order_quantity, fill.order_price) == (10, 70000)
    expected = "H0STCNI0" if environment is Environment.REAL else "H0STCNI9"
    assert kis.requests[0]["body"]["input"]["tr_id"] == expected


async def test_partial_fills_are_separate_events_and_twins_stay_two(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        order_id = kis.place("005930", quantity=10, price=100)
        kis.fill(order_id, quantity=3)
        kis.fill(order_id, quantity=3)
        first, second = await fills.receive(), await fills.receive()
        assert first == second
        assert first is not second


async def test_lifecycle_notices_reach_the_order_stream_and_never_a_fill_stream(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        fills, events = client.stream_fill_updates(), client.stream_order_events()
        await fills.wait_live()
        order_id = kis.place("005930", quantity=10, price=100)
        kis.fill(order_id, quantity=1)
        amended = kis.amend(order_id, price=101)
        kis.cancel(amended)
        kis.fill(kis.place("000660", quantity=2, price=5))
        seen = []
        while len([event for event in seen if isinstance(event, FillNotificationEvent)]) < 2:
            seen.append(await events.receive())
        assert isinstance(seen[0], OrderAcceptedEvent)
        assert {type(event).__name__ for event in seen} >= {
            "OrderAcceptedEvent",
            "FillNotificationEvent",
            "OrderAmendAckEvent",
            "OrderCancelAckEvent",
        }
        assert [await fills.receive(), await fills.receive()] == [
            event.fill for event in seen if isinstance(event, FillNotificationEvent)
        ]
        with pytest.raises(trio.WouldBlock):
            fills.receive_nowait()


async def test_plain_iteration_works_inside_the_client(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client, trio.open_nursery() as nursery:

        async def trade():
            await kis.wait_subscribed()
            for quantity in (1, 2, 3):
                kis.fill(kis.place("005930", quantity=quantity, price=100))

        nursery.start_soon(trade)
        seen = []
        async for fill in client.stream_fill_updates():
            seen.append(fill.report.quantity)
            if len(seen) == 3:
                break
        assert seen == [1, 2, 3]


async def test_a_stream_left_by_break_and_dropped_is_not_fed_and_unsubscribes(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        stream = client.stream_fill_updates()
        await stream.wait_live()
        del stream
        gc.collect()
        await trio.sleep(3)
        assert not kis.is_subscribed
        # and the client can be used again, on the same websocket
        async with client.stream_fill_updates() as fills:
            await fills.wait_live()
            kis.fill(kis.place("005930", quantity=1, price=100))
            await fills.receive()
        assert len(kis.connects) == 1


async def test_all_streams_of_a_client_share_one_websocket_and_the_last_one_out_unsubscribes(
    autojump_clock,
):
    async with FakeKIS() as kis, client_of(kis) as client:
        first, second = client.stream_fill_updates(), client.stream_order_events()
        await first.wait_live()
        await second.wait_live()
        assert len(kis.connects) == 1
        assert [request["header"]["tr_type"] for request in kis.requests] == ["1"]
        await first.aclose()
        await trio.sleep(1)
        assert kis.is_subscribed
        await second.aclose()
        await trio.sleep(3)
        assert not kis.is_subscribed
        assert [request["header"]["tr_type"] for request in kis.requests] == ["1", "2"]


async def test_the_order_event_opener_delivers_order_events(autojump_clock):
    async with (
        FakeKIS() as kis,
        open_order_event_stream(**kis.credentials, network=kis.network) as events,
    ):
        kis.place("005930", quantity=1, price=100)
        assert isinstance(await events.receive(), OrderAcceptedEvent)


# -- which account, which HTS ID ---------------------------------------------------


async def test_with_an_account_only_its_notices_pass(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.fill(kis.place("005930", quantity=1, price=100, account="87654321-01"))
        kis.fill(kis.place("005930", quantity=2, price=100, account="12345678-02"))
        kis.fill(kis.place("005930", quantity=3, price=100))
        assert (await fills.receive()).report.quantity == 3


async def test_without_a_product_code_the_whole_account_passes(autojump_clock):
    async with FakeKIS() as kis, opened(kis, account_product_code=None) as fills:
        kis.fill(kis.place("005930", quantity=2, price=100, account="12345678-02"))
        assert (await fills.receive()).account == AccountSummary("12345678", "02")


async def test_without_an_account_all_pass_under_their_own_label(autojump_clock):
    async with (
        FakeKIS() as kis,
        opened(kis, account_no=" ", account_product_code=None) as fills,
    ):
        kis.fill(kis.place("005930", quantity=1, price=100, account="87654321-01"))
        kis.fill(kis.place("005930", quantity=2, price=100))
        labels = [(await fills.receive()).report.order_ref.account_id for _ in range(2)]
        assert labels == ["87654321", "12345678"]


async def test_the_call_beats_the_request_and_the_request_beats_the_client(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        request = FillUpdatesStreamRequest(account=AccountSummary("22222222", "01"))
        streams = {
            "12345678": client.stream_fill_updates(),
            "22222222": client.stream_fill_updates(request),
            "33333333": client.stream_fill_updates(request, account_no="33333333"),
            "44444444": client.stream_fill_updates(
                request, account=AccountSummary("44444444", "01")
            ),
        }
        await kis.wait_subscribed()
        await wait_all_tasks_blocked()
        for number in streams:
            kis.fill(kis.place("005930", quantity=1, price=100, account=f"{number}-01"))
        for number, stream in streams.items():
            assert (await stream.receive()).account.account_id == number
            with pytest.raises(trio.WouldBlock):
                stream.receive_nowait()


async def test_a_product_code_on_the_call_narrows_the_default_account(autojump_clock):
    async with FakeKIS() as kis, client_of(kis, account_product_code=None) as client:
        stream = client.stream_fill_updates(account_product_code="02")
        await stream.wait_live()
        kis.fill(kis.place("005930", quantity=1, price=100))
        kis.fill(kis.place("005930", quantity=2, price=100, account="12345678-02"))
        assert (await stream.receive()).report.quantity == 2


async def test_contradicting_or_unusable_account_arguments_are_refused(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        with pytest.raises(KXTValidationError, match="different accounts"):
            client.stream_fill_updates(
                account_no="22222222", account=AccountSummary("33333333")
            )
        with pytest.raises(KXTValidationError, match="account_no must be 8 digits"):
            client.stream_fill_updates(account=AccountSummary("333"))
    async with (
        FakeKIS() as kis,
        client_of(kis, account_no=None, account_product_code=None) as client,
    ):
        with pytest.raises(KXTValidationError, match="needs an account_no"):
            client.stream_fill_updates(account_product_code="01")


@pytest.mark.parametrize("hts_id", [None, "", "  "])
async def test_no_hts_id_anywhere_is_unsupported(hts_id, autojump_clock):
    async with FakeKIS() as kis:
        with pytest.raises(KXTUnsupportedError, match="HTS ID"):
            async with opened(kis, hts_id=hts_id):
                pytest.fail("entered")
        async with client_of(kis, hts_id=hts_id) as client:
            with pytest.raises(KXTUnsupportedError, match="HTS ID"):
                client.stream_order_events(hts_id=hts_id)
            with pytest.raises(KXTUnsupportedError, match="HTS ID"):
                client.stream_fill_updates(hts_id=hts_id)
        assert kis.connects == []


async def test_the_hts_id_comes_from_the_call_the_request_or_the_client(autojump_clock):
    async with FakeKIS(hts_id="myid") as kis:
        async with client_of(kis, hts_id=None) as client:
            async with client.stream_fill_updates(hts_id="myid") as fills:
                await fills.wait_live()
        async with client_of(kis, hts_id="wrong") as client:
            request = OrderEventsStreamRequest(hts_id="myid")
            async with client.stream_order_events(request) as events:
                await events.wait_live()


async def test_a_second_hts_id_at_the_same_time_is_refused(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        stream = client.stream_fill_updates()
        with pytest.raises(KXTUnsupportedError, match="one HTS ID at a time"):
            client.stream_fill_updates(hts_id="other")
        await stream.aclose()


@pytest.mark.parametrize(
    "wrong",
    [
        {"account_no": 12345678},
        {"account_product_code": 1},
        {"app_key": 1},
        {"app_secret": None},
        {"hts_id": 5},
        {"policy": None},
        {"reconcile": True},
        {"environment": "REAL"},
    ],
    ids=repr,
)
def test_an_argument_of_the_wrong_type_is_refused_at_once(wrong):
    with pytest.raises(KXTValidationError):
        KISClient(**{"app_key": "k", "app_secret": "s", "hts_id": "h", **wrong})


# -- start-up ----------------------------------------------------------------------


async def test_wrong_keys_are_raised_bare_at_the_async_with_line(autojump_clock):
    async with FakeKIS() as kis:
        kis.reject_approval()
        with pytest.raises(KXTAuthenticationError, match="app key") as caught:
            async with opened(kis):
                pytest.fail("entered")
        assert caught.value.code == "EGW00103"


async def test_a_wrong_hts_id_is_raised_bare(autojump_clock):
    async with FakeKIS() as kis:
        with pytest.raises(KXTSubscriptionError, match="wrong HTS ID") as caught:
            async with opened(kis, hts_id="someone"):
                pytest.fail("entered")
        assert caught.value.msg_cd == "OPSP0017"
        assert len(kis.connects) == 1


async def test_transient_trouble_at_start_up_is_retried(autojump_clock):
    async with FakeKIS() as kis:
        kis.refuse_connections(times=2)
        async with opened(kis) as fills:
            assert fills.state is StreamState.LIVE
            assert fills.statistics().gaps == ()


async def test_trouble_longer_than_the_startup_timeout_is_a_connection_error(autojump_clock):
    async with FakeKIS() as kis:
        kis.refuse_connections(times=1000)
        began = trio.current_time()
        with pytest.raises(KXTConnectionError, match="not subscribed within 30 s") as caught:
            async with opened(kis):
                pytest.fail("entered")
        assert trio.current_time() - began == pytest.approx(30)
        assert isinstance(caught.value.__cause__, KXTConnectionError)


async def test_a_session_held_by_another_program_is_told_as_such(autojump_clock):
    async with FakeKIS() as kis:
        kis.occupy_session()
        with pytest.raises(KXTSessionInUseError, match="another session"):
            async with opened(kis):
                pytest.fail("entered")


async def test_a_session_that_comes_free_in_time_is_taken(autojump_clock):
    async with FakeKIS() as kis:
        kis.occupy_session()
        async with trio.open_nursery() as nursery:

            async def free():
                await trio.sleep(12)
                kis.free_session()

            nursery.start_soon(free)
            async with opened(kis) as fills:
                assert fills.state is StreamState.LIVE
        assert len(kis.connects) == 3


@pytest.mark.parametrize("steps", range(60))
async def test_a_cancel_at_any_checkpoint_of_start_up_ends_at_once(steps, autojump_clock):
    async with FakeKIS() as kis:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:

            async def cancel_soon():
                for _ in range(steps):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()

            nursery.start_soon(cancel_soon)
            async with opened(kis):
                await trio.sleep_forever()
        assert trio.current_time() - began <= StreamPolicy().shutdown_grace
        await wait_all_tasks_blocked()
        assert not kis.is_subscribed


async def test_a_cancel_while_the_broker_does_not_answer_ends_at_once(autojump_clock):
    async with FakeKIS() as kis:
        kis.hang_connections()
        with trio.move_on_after(3) as patience:
            async with opened(kis):
                pytest.fail("entered")
        assert patience.cancelled_caught
        assert trio.current_time() == pytest.approx(3, abs=0.01)


# -- failure through the channel ---------------------------------------------------


async def test_a_fatal_failure_comes_after_every_event_received_before(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        for quantity in (1, 2):
            kis.fill(kis.place("005930", quantity=quantity, price=100))
        await wait_all_tasks_blocked()
        kis.refuse("OPSP0017", times=10)
        kis.drop()
        await trio.sleep(30)
        assert fills.state is StreamState.FAILED
        assert [(await fills.receive()).report.quantity for _ in range(2)] == [1, 2]
        with pytest.raises(KXTSubscriptionError) as first:
            await fills.receive()
        depth = len(traceback.extract_tb(first.value.__traceback__))
        with pytest.raises(KXTSubscriptionError) as second:
            await fills.receive()
        assert second.value is first.value
        assert len(traceback.extract_tb(second.value.__traceback__)) == depth


async def test_a_failure_nobody_received_is_raised_when_the_block_ends(autojump_clock):
    async with FakeKIS() as kis:
        with pytest.raises(KXTSubscriptionError, match="OPSP0017"):
            async with opened(kis):
                kis.refuse("OPSP0017", times=10)
                kis.drop()
                await trio.sleep(30)


async def test_a_failure_nobody_received_ends_a_plain_client_too(autojump_clock):
    async with FakeKIS() as kis:
        with pytest.raises(KXTSubscriptionError, match="OPSP0017") as caught:
            async with client_of(kis) as client:
                streams = [client.stream_fill_updates(), client.stream_order_events()]
                kis.refuse("OPSP0017", times=10)
                await trio.sleep(30)
                assert {stream.state for stream in streams} == {StreamState.FAILED}
        assert caught.value.__notes__


async def test_the_blocks_own_exception_wins_and_carries_a_note(autojump_clock):
    mine = RuntimeError("mine")
    async with FakeKIS() as kis:
        with pytest.raises(RuntimeError) as caught:
            async with opened(kis):
                kis.refuse("OPSP0017", times=10)
                kis.drop()
                await trio.sleep(30)
                raise mine
        assert caught.value is mine
        assert "KXTSubscriptionError" in caught.value.__notes__[0]


async def test_after_a_failure_the_client_can_be_used_again(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        with pytest.raises(KXTSubscriptionError):
            await client.stream_fill_updates(hts_id="someone").wait_live()
        async with client.stream_fill_updates() as fills:
            await fills.wait_live()
            kis.fill(kis.place("005930", quantity=1, price=100))
            await fills.receive()


@pytest.mark.parametrize(
    "mine",
    [
        ValueError("mine"),
        ExceptionGroup("mine", [ValueError(1), KeyError(2)]),
        KeyboardInterrupt(),
        SystemExit(3),
    ],
    ids=repr,
)
async def test_what_the_block_raises_comes_out_as_the_same_object(mine, autojump_clock):
    cause, context = OSError("cause"), LookupError("context")
    async with FakeKIS() as kis:
        try:
            async with opened(kis):
                try:
                    raise context
                except LookupError:
                    raise mine from cause
        except BaseException as exc:
            caught = exc
    assert caught is mine
    assert mine.__cause__ is cause
    assert mine.__context__ is context


async def test_one_stalled_stream_fails_alone(autojump_clock):
    policy = StreamPolicy(buffer_size=10)
    async with FakeKIS() as kis, client_of(kis, policy=policy) as client:
        stalled, busy = client.stream_fill_updates(), client.stream_fill_updates()
        await busy.wait_live()
        order_id = kis.place("005930", quantity=1000, price=100)
        for _ in range(30):
            kis.fill(order_id, quantity=1)
            await busy.receive()
        assert stalled.state is StreamState.FAILED
        assert busy.state is StreamState.LIVE
        for _ in range(10):
            await stalled.receive()
        with pytest.raises(KXTSlowConsumerError, match="buffer_size"):
            await stalled.receive()
        await trio.sleep(300)
        assert len(kis.connects) == 1


# -- leaving -----------------------------------------------------------------------


async def test_leaving_unsubscribes_and_closes(autojump_clock):
    async with FakeKIS() as kis:
        async with opened(kis) as fills:
            pass
        await wait_all_tasks_blocked()
        assert [request["header"]["tr_type"] for request in kis.requests] == ["1", "2"]
        assert kis.closes == [1000]
        assert trio.current_time() == pytest.approx(0, abs=0.1)
        with pytest.raises(trio.ClosedResourceError):
            await fills.receive()
        with pytest.raises(trio.ClosedResourceError):
            fills.receive_nowait()
        assert fills.state is StreamState.CLOSED
        await fills.aclose()


async def test_an_outer_cancel_says_goodbye_too(autojump_clock):
    async with FakeKIS() as kis:
        with trio.move_on_after(5):
            async with opened(kis):
                await trio.sleep_forever()
        await wait_all_tasks_blocked()
        assert [request["header"]["tr_type"] for request in kis.requests] == ["1", "2"]
        assert kis.closes == [1000]


@pytest.mark.parametrize("fault", ["ignore_goodbye", "silence", "close_without_fin", "drop"])
@pytest.mark.parametrize("grace", [0, 2])
async def test_leaving_is_over_within_the_grace_however_the_peer_behaves(
    fault, grace, autojump_clock
):
    async with FakeKIS() as kis:
        async with opened(kis, policy=StreamPolicy(shutdown_grace=grace)):
            getattr(kis, fault)()
            left = trio.current_time()
        assert trio.current_time() - left <= grace


async def test_streams_of_a_client_that_was_left_end(autojump_clock):
    async with FakeKIS() as kis:
        async with client_of(kis) as client:
            stream = client.stream_fill_updates()
            await stream.wait_live()
            kis.fill(kis.place("005930", quantity=1, price=100))
            await wait_all_tasks_blocked()
        assert [fill.report.quantity async for fill in stream] == [1]
        assert stream.state is StreamState.CLOSED
        with pytest.raises(trio.EndOfChannel):
            await stream.wait_live()


async def test_wait_live_on_a_closed_stream_says_so(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        kis.hang_connections(times=100)
        stream = client.stream_fill_updates()
        async with trio.open_nursery() as nursery:

            async def close_later():
                await trio.sleep(1)
                await stream.aclose()

            nursery.start_soon(close_later)
            with pytest.raises(trio.ClosedResourceError):
                await stream.wait_live()


async def test_a_client_is_entered_once_and_streams_are_made_inside(autojump_clock):
    async with FakeKIS() as kis:
        client = client_of(kis)
        with pytest.raises(KXTUnsupportedError, match="inside"):
            client.stream_fill_updates()
        async with client:
            pass
        with pytest.raises(KXTUnsupportedError, match="inside"):
            client.stream_order_events()
        with pytest.raises(KXTUnsupportedError, match="once"):
            await client.__aenter__()


def test_under_asyncio_the_error_says_where_to_run():
    async def main() -> None:
        async with open_fill_stream(app_key="k", app_secret="s", hts_id="h"):
            pytest.fail("entered")

    with pytest.raises(KXTUnsupportedError, match="backend='trio'"):
        asyncio.run(main())
