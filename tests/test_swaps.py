"""Streams that come while others go: one websocket, and no fill between two stools."""

from __future__ import annotations

import pytest
import trio

from kxt_trio import (
    KISClient,
    KXTError,
    KXTSubscriptionError,
    Reconciliation,
    StreamPolicy,
    StreamState,
)
from kxt_trio.testing import FakeKIS

#: These tests are about the subscription; what is recovered has tests of its own.
ALONE = {"reconcile": Reconciliation(enabled=False)}

#: Somewhat longer than a subscription that nobody listens to is kept.
LINGERED = 2.01


def client_of(kis: FakeKIS, **changes) -> KISClient:
    return KISClient(**{**kis.credentials, "network": kis.network, **ALONE, **changes})


async def sees_a_fill(kis: FakeKIS, stream) -> None:
    with trio.fail_after(5):
        kis.fill(kis.place("005930", quantity=1, price=100))
        await stream.receive()


async def live_stream(client: KISClient, **choice):
    stream = client.stream_fill_updates(**choice)
    await stream.wait_live()
    return stream


# -- the next stream ---------------------------------------------------------------


@pytest.mark.parametrize("steps", range(14))
async def test_who_comes_right_after_the_last_one_left_sees_the_next_fill(
    steps, autojump_clock
):
    async with FakeKIS() as kis, client_of(kis) as client:
        await (await live_stream(client)).aclose()
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        stream = await live_stream(client)
        assert kis.is_subscribed
        await sees_a_fill(kis, stream)


@pytest.mark.parametrize("wait", [0, 1.9, LINGERED, 2.4, 2.9, 3.1, 3.6])
async def test_who_comes_while_the_release_is_on_its_way_sees_the_next_fill(
    wait, autojump_clock
):
    async with FakeKIS(reply_lag=1) as kis, client_of(kis) as client:
        await (await live_stream(client)).aclose()
        await trio.sleep(wait)
        stream = await live_stream(client)
        assert kis.is_subscribed
        await sees_a_fill(kis, stream)
        await trio.sleep(60)
        await sees_a_fill(kis, stream)
        assert len(kis.connects) == 1


async def test_who_comes_in_the_same_moment_takes_over_the_subscription(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        with trio.move_on_after(10):
            async with client.stream_fill_updates() as first:
                await first.receive()
        second = await live_stream(client)
        await trio.sleep(100)  # far beyond the time in which a new stream must go live
        await sees_a_fill(kis, second)
        assert (len(kis.connects), len(kis.requests)) == (1, 1)


async def test_streams_that_come_and_go_in_a_loop_do_not_subscribe_in_a_loop(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        for _ in range(100):
            async with client.stream_fill_updates() as fills:
                await fills.wait_live()
                await trio.sleep(0.1)
            await trio.sleep(0.4)
        assert (len(kis.connects), len(kis.requests)) == (1, 1)


async def test_a_dead_link_is_not_taken_for_a_live_one_by_the_next_stream(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        first = await live_stream(client)
        kis.silence()
        await first.aclose()
        await trio.sleep(60)
        kis.hang_connections()
        second = client.stream_fill_updates()
        assert second.state is StreamState.CONNECTING
        await second.wait_live()
        assert kis.is_subscribed
        await sees_a_fill(kis, second)


async def test_a_link_that_ends_while_nobody_listens_leaves_no_live_state(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        await (await live_stream(client)).aclose()
        kis.drop()
        await trio.sleep(1000)
        stream = client.stream_fill_updates()
        assert stream.state is StreamState.CONNECTING
        await stream.wait_live()
        assert stream.statistics().gaps == ()


async def test_a_stream_made_during_anothers_outage_begins_anew(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        first = await live_stream(client)
        await trio.sleep(100)
        kis.drop()
        await trio.sleep(0.2)
        assert first.state is StreamState.RECONNECTING
        await first.aclose()
        await trio.sleep(1000)
        second = client.stream_fill_updates()
        assert second.state is StreamState.CONNECTING
        await second.wait_live()
        assert second.statistics().reconnects == 0
        assert len(kis.connects) == 2


# -- another HTS ID ----------------------------------------------------------------


async def test_another_hts_id_right_after_never_gets_the_fills_of_the_first(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        await (await live_stream(client)).aclose()
        other = client.stream_fill_updates(hts_id="somebody")
        kis.fill(kis.place("005930", quantity=1, price=100))
        with pytest.raises(KXTSubscriptionError, match="HTS ID"):
            await other.receive()
        assert other.statistics().received == 0


@pytest.mark.parametrize("reply_lag", [0, 3])
async def test_another_hts_id_while_the_first_is_being_subscribed_is_kept_apart(
    reply_lag, autojump_clock
):
    async with FakeKIS(reply_lag=reply_lag) as kis, client_of(kis) as client:
        first = client.stream_fill_updates()
        while not kis.requests:
            await trio.lowlevel.checkpoint()
        await first.aclose()
        other = client.stream_fill_updates(hts_id="somebody")
        with pytest.raises(KXTSubscriptionError, match="HTS ID"):
            await other.wait_live()
        assert other.statistics().received == 0


# -- waits of those who left -------------------------------------------------------


async def test_a_new_stream_does_not_serve_out_the_backoff_of_one_that_left(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        first = await live_stream(client)
        await trio.sleep(100)
        kis.refuse_connections(times=20)
        kis.drop()
        while len(kis.connects) < 21:  # the next try would be up to a minute away
            await trio.sleep(0.05)
        await first.aclose()
        await trio.sleep(0.1)
        second = await live_stream(client)  # which raises after 30 s
        await sees_a_fill(kis, second)


async def test_nor_its_wait_for_a_taken_session(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        first = await live_stream(client)
        await trio.sleep(100)
        kis.occupy_session()
        kis.drop()
        while len(kis.connects) < 6:  # 80 s to the next try
            await trio.sleep(0.5)
        kis.free_session()
        await first.aclose()
        await sees_a_fill(kis, await live_stream(client))


async def test_after_a_bug_inside_the_next_stream_has_the_only_socket(
    autojump_clock, monkeypatch
):
    async with FakeKIS() as kis, client_of(kis) as client:
        first = await live_stream(client)

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(type(first._outlet), "offer", broken)
            with pytest.raises(KXTError, match="inside"):
                await sees_a_fill(kis, first)
        await first.aclose()
        second = await live_stream(client)
        await sees_a_fill(kis, second)
        assert kis.sessions == 1


# -- leaving in between ------------------------------------------------------------


async def test_the_grace_holds_while_the_link_is_being_given_up(autojump_clock):
    policy = StreamPolicy(shutdown_grace=0.1)
    async with FakeKIS() as kis:
        async with client_of(kis, policy=policy) as client:
            await live_stream(client)
            kis.ignore_goodbye()
            kis.send_text(
                '{"header":{"tr_id":"H0STCNI0","tr_key":"htsuser1","encrypt":"N"},'
                '"body":{"rt_cd":"0","msg_cd":"OPSP0001","msg1":"UNSUBSCRIBE SUCCESS"}}'
            )
            await trio.sleep(0.05)
            left = trio.current_time()
        assert trio.current_time() - left <= 0.1


@pytest.mark.parametrize("steps", range(0, 110, 3))
async def test_a_cancel_at_any_moment_leaves_within_the_grace_and_frees_the_session(
    steps, autojump_clock
):
    policy = StreamPolicy(shutdown_grace=0.5)
    async with FakeKIS() as kis:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def listen() -> None:
                    async with client_of(kis, policy=policy) as client:
                        await live_stream(client)
                        await trio.sleep_forever()

                for _ in range(steps):
                    await trio.lowlevel.checkpoint()
                scope.cancel()
        assert trio.current_time() <= 0.5
        with trio.fail_after(20):
            async with client_of(kis) as client:
                await live_stream(client)
