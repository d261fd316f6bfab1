from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import trio

from kxt_trio import (
    KST,
    CancelReason,
    Credentials,
    Environment,
    FillNotificationEvent,
    KXTValidationError,
    OrderAcceptedEvent,
    OrderAction,
    OrderAmendAckEvent,
    OrderCancelAckEvent,
    OrderRejectedEvent,
    Side,
    open_fill_stream,
    open_order_event_stream,
)
from kxt_trio.testing import FakeKIS, Layout


async def test_the_first_example_of_the_design(autojump_clock):
    async with FakeKIS() as kis:
        async with open_fill_stream(**kis.credentials, network=kis.network) as fills:
            order_id = kis.place("005930", quantity=10, price=69950, side="buy")
            kis.fill(order_id, quantity=4, price=69940)
            fill = await fills.receive()
            assert fill.report.order_ref.order_id == order_id
            assert (fill.report.quantity, fill.report.price) == (Decimal(4), Decimal(69940))
            assert kis.totals() == {order_id: (Decimal(4), Decimal(279760))}


@pytest.mark.parametrize("environment", Environment)
@pytest.mark.parametrize("layout", [None, *Layout, "packed"])
async def test_every_layout_in_every_environment(autojump_clock, environment, layout):
    async with FakeKIS(environment=environment, layout=layout) as kis:
        async with open_fill_stream(**kis.credentials, network=kis.network) as fills:
            kis.fill(kis.place("005930", quantity=1, price=69950))
            assert (await fills.receive()).instrument.symbol == "005930"


async def test_every_verb_as_the_library_tells_it(autojump_clock, fake_kis):
    kis = fake_kis
    async with open_order_event_stream(**kis.credentials, network=kis.network) as events:
        first = kis.place("005930", quantity=10, price=69950)
        kis.fill(first, quantity=1)
        second = kis.amend(first, quantity=5, price=70000)
        third = kis.cancel(first, quantity=2)
        refused = kis.reject("005930", quantity=3, price=1, side="sell")
        fourth = kis.place("005930", quantity=7, price=69950, order_type="11")
        kis.lapse(fourth)
        later = kis.place("005930", quantity=2, announce=False)
        assert kis.reject(later) == later
        fifth = kis.reject(first, action="cancel")
        sixth = kis.amend(first, quantity=1, announce=True)
        seventh = kis.cancel(sixth, announce=True)
        with trio.fail_after(60):
            seen = [await events.receive() for _ in range(13)]
    told = [
        (
            type(event),
            event.order_ref.order_id,
            event.order_ref.original_order_id,
            int(event.fill.report.quantity if hasattr(event, "fill") else event.quantity),
        )
        for event in seen
    ]
    assert told == [
        (OrderAcceptedEvent, first, None, 10),
        (FillNotificationEvent, first, None, 1),
        (OrderAmendAckEvent, second, first, 5),
        (OrderCancelAckEvent, third, first, 2),
        (OrderRejectedEvent, refused, None, 3),
        (OrderAcceptedEvent, fourth, None, 7),
        (OrderCancelAckEvent, fourth, None, 7),
        (OrderRejectedEvent, later, None, 2),
        (OrderRejectedEvent, fifth, first, 2),
        (OrderAcceptedEvent, sixth, first, 1),
        (OrderAmendAckEvent, sixth, first, 1),
        (OrderAcceptedEvent, seventh, sixth, 1),
        (OrderCancelAckEvent, seventh, sixth, 1),
    ]
    assert seen[4].side is Side.SELL
    assert seen[6].reason is CancelReason.UNFILLED_REMAINDER
    assert seen[8].action is OrderAction.CANCEL


async def test_a_lost_notice_is_true_all_the_same(autojump_clock, fake_kis):
    async with open_fill_stream(**fake_kis.credentials, network=fake_kis.network) as fills:
        order_id = fake_kis.place("005930", quantity=10, price=69950)
        fake_kis.fill(order_id, quantity=4, notify=False)
        fake_kis.fill(order_id)
        assert (await fills.receive()).report.quantity == 6
        assert fake_kis.totals()[order_id][0] == 10


async def test_accounts(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        for account in (None, "87654321-01"):
            fake_kis.fill(fake_kis.place("005930", quantity=1, price=1, account=account))
        accounts = [(await client.notice())[1] for _ in range(4)]
        assert accounts == ["1234567801"] * 2 + ["8765432101"] * 2
    assert list(fake_kis.totals()) == ["0000000001", "0000000002"]
    assert list(fake_kis.totals(account="87654321")) == ["0000000002"]


async def test_any_record_can_be_sent(autojump_clock, fake_kis, dial):
    async with dial(fake_kis, subscribed=True) as client:
        fake_kis.send_notice("a^b", "c^d")
        flag, tr_id, count, body = (await client.receive()).split("|")
        assert (flag, tr_id, count) == ("1", "H0STCNI0", "002")
        assert client.cipher.decrypt(body) == "a^b^c^d"


async def test_the_clock(autojump_clock):
    start = datetime(2026, 11, 20, 14, 59, 30, tzinfo=KST)
    kis = FakeKIS(start=start)
    assert kis.now == start
    await trio.sleep(5)
    async with kis:
        assert kis.now == kis.network.now() == start
        await trio.sleep(40.5)
        assert kis.now == datetime(2026, 11, 20, 15, 0, 10, 500_000, tzinfo=KST)
        kis.shift_clock(-60)
        assert kis.now == datetime(2026, 11, 20, 14, 59, 10, 500_000, tzinfo=KST)


async def test_the_clock_tells_korean_time(autojump_clock):
    async with FakeKIS(start=datetime(2026, 11, 20, 15, 30, tzinfo=UTC)) as kis:
        assert kis.now.utcoffset() == KST.utcoffset(None)
        assert kis.now.date() == date(2026, 11, 21)


async def test_midnight(autojump_clock, dial):
    async with FakeKIS(start=datetime(2026, 11, 20, 23, 59, 59, tzinfo=KST)) as kis:
        async with dial(kis, subscribed=True) as client:
            before = kis.place("005930", quantity=1, price=100)
            kis.fill(before)
            await trio.sleep(2)
            after = kis.place("005930", quantity=1, price=200)
            kis.fill(after)
            assert [(await client.notice())[11] for _ in range(4)] == ["235959"] * 2 + [
                "000001"
            ] * 2
        assert before == after == "0000000001"
        assert kis.totals()[after] == (Decimal(1), Decimal(200))
        assert kis.totals(day=date(2026, 11, 20))[before] == (Decimal(1), Decimal(100))


async def test_the_same_calls_give_the_same_bytes(autojump_clock, dial):
    async def day(seed: int) -> list[str]:
        texts = []
        async with FakeKIS(seed=seed) as kis, dial(kis) as client:
            await client.link.send(client.request)
            texts.append(await client.receive())
            kis.fill(kis.place("005930", quantity=1, price=69950))
            texts += [await client.receive() for _ in range(3)]
            kis.drop()
        return texts

    first, second, other = [await day(seed) for seed in (7, 7, 8)]
    assert first == second
    assert '"PINGPONG"' in first[3]
    assert first != other


def test_made_up_keys():
    keys = FakeKIS(seed=3).credentials
    assert isinstance(keys, Credentials)
    assert (len(keys.app_key), len(keys.app_secret)) == (36, 180)
    assert FakeKIS(seed=3).credentials == keys != FakeKIS(seed=4).credentials
    paper = FakeKIS(environment=Environment.PAPER, account_no="87654321", hts_id="@me")
    assert dict(**paper.credentials)["account_no"] == "87654321"
    assert paper.endpoints.websocket.startswith("ws://ops.koreainvestment.com:31000")


async def test_misuse_is_refused(autojump_clock, fake_kis):
    with pytest.raises(KXTValidationError, match="there is no order"):
        fake_kis.fill("0000000001")
    with pytest.raises(KXTValidationError, match="make a new one"):
        await fake_kis.__aenter__()
    with pytest.raises(KXTValidationError, match="enter the FakeKIS"):
        FakeKIS().place("005930", quantity=1, price=1)
    with pytest.raises(KXTValidationError, match="account_no must be"):
        fake_kis.place("005930", quantity=1, price=1, account="87654321-")


@pytest.mark.parametrize(
    "error", [RuntimeError("mine"), ExceptionGroup("mine", [ValueError()]), KeyboardInterrupt()]
)
async def test_what_the_block_raises_comes_out_as_it_is(autojump_clock, dial, error):
    async def stay(kis: FakeKIS) -> None:
        async with dial(kis, subscribed=True) as client:
            await client.ended()

    with pytest.raises(type(error)) as caught:
        async with FakeKIS() as kis:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stay, kis)
                await kis.wait_subscribed()
                nursery.cancel_scope.cancel()
            raise error
    assert caught.value is error
    assert error.__context__ is None


async def test_a_cancelled_block_ends(autojump_clock):
    nurseries = list(trio.lowlevel.current_task().child_nurseries)
    with trio.move_on_after(5) as patience:
        async with FakeKIS() as kis:
            async with open_fill_stream(**kis.credentials, network=kis.network):
                await trio.sleep_forever()
    assert patience.cancelled_caught
    assert trio.lowlevel.current_task().child_nurseries == nurseries
