"""The session behind the streams, when its link or its keys are refused or lost."""

from __future__ import annotations

import logging

import attrs
import pytest
import trio

from kxt_trio import (
    Endpoints,
    KXTAuthenticationError,
    KXTConnectionError,
    KXTError,
    KXTSessionInUseError,
    KXTSubscriptionError,
    StreamPolicy,
    StreamState,
    open_fill_stream,
)
from kxt_trio.protocol.refusals import MESSAGE_CODES, Advice
from kxt_trio.testing import FakeKIS

from .front_door import client_of, one_fill, opened


@pytest.mark.parametrize("fault", ["drop", "close", "close_without_fin"])
async def test_a_broken_link_is_restored_and_the_gap_is_told(fault, autojump_clock, caplog):
    caplog.set_level(logging.INFO, "kxt_trio")
    async with FakeKIS() as kis, opened(kis) as fills:
        await trio.sleep(100)
        broken_at = kis.now
        getattr(kis, fault)()
        await trio.sleep(0.5)
        assert fills.state is StreamState.RECONNECTING
        one_fill(kis, 7)  # nobody is listening
        await fills.wait_live()
        one_fill(kis, 8)
        assert (await fills.receive()).report.quantity == 8
        statistics = fills.statistics()
        assert statistics.reconnects == 1
        (gap,) = statistics.gaps
        assert gap.start <= broken_at < gap.end
        assert (kis.now - gap.end).total_seconds() < 1
        assert len(kis.connects) == 2
    assert [record.getMessage() for record in caplog.records if record.levelname == "INFO"] == [
        "live",
        "reconnecting",
        next(m for m in caplog.messages if m.startswith("not connected")),
        "live",
        "closed",
    ]
    assert "may be missing" in caplog.text


async def test_an_open_gap_has_no_end_yet(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.refuse_connections(times=100)
        kis.drop()
        await trio.sleep(60)
        (gap,) = fills.statistics().gaps
        assert gap.end is None
        assert fills.statistics().reconnects == 0


async def test_a_long_outage_is_outlasted(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.refuse_connections(times=60)
        kis.drop()
        await trio.sleep(1)
        await fills.wait_live()
        one_fill(kis)
        await fills.receive()
        assert len(kis.connects) == 62


async def test_connects_never_exceed_the_budget_of_a_minute(autojump_clock):
    async with FakeKIS() as kis, opened(kis, policy=StreamPolicy(backoff_max=1)):
        kis.refuse_connections(times=1000)
        kis.drop()
        await trio.sleep(600)
        times = kis.connects
        assert len(times) > 50
        assert all(later - now >= 60 for now, later in zip(times, times[6:], strict=False))


async def test_a_peer_that_accepts_and_closes_trips_the_breaker(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.accept_and_close(times=100)
        kis.drop()
        with pytest.raises(KXTConnectionError, match="HTS ID is wrong, or another program"):
            await fills.receive()
        assert len(kis.connects) <= 6


async def test_the_approval_key_is_used_again_after_a_drop(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.reject_approval(times=100)
        kis.drop()
        await trio.sleep(1)
        await fills.wait_live()


async def test_a_refused_approval_key_is_renewed_once_and_at_once(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.expire_approval_keys()
        kis.drop()
        await trio.sleep(0.5)
        dropped_at = trio.current_time()
        await fills.wait_live()
        assert trio.current_time() - dropped_at < 3
        assert len(kis.connects) == 3


async def test_an_approval_key_refused_again_and_again_is_an_authentication_error(
    autojump_clock,
):
    async with FakeKIS() as kis:
        kis.refuse("OPSP0011", times=100)
        with pytest.raises(KXTAuthenticationError):
            async with opened(kis):
                pytest.fail("entered")
        assert len(kis.connects) == 3


async def test_keys_revoked_while_running_are_fatal(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.expire_approval_keys()
        kis.reject_approval(times=100)
        kis.drop()
        with pytest.raises(KXTAuthenticationError):
            await fills.receive()


@pytest.mark.parametrize(
    "code", [code for code, (advice, _) in MESSAGE_CODES.items() if advice is Advice.FATAL]
)
async def test_a_fatal_code_is_raised_at_the_first_refusal(code, autojump_clock):
    async with FakeKIS() as kis:
        kis.refuse(code)
        with pytest.raises((KXTSubscriptionError, KXTAuthenticationError), match=code):
            async with opened(kis):
                pytest.fail("entered")
        assert len(kis.connects) == 1


@pytest.mark.parametrize(
    "code", [code for code, (advice, _) in MESSAGE_CODES.items() if advice is Advice.RETRY]
)
async def test_trouble_at_the_broker_is_retried_with_backoff(code, autojump_clock):
    async with FakeKIS() as kis:
        kis.refuse(code, times=2)
        async with opened(kis) as fills:
            assert fills.state is StreamState.LIVE
        assert len(kis.connects) == 3
        assert trio.current_time() >= 2


@pytest.mark.parametrize("code", ["OPSP0009", "OPSP4711"])
async def test_a_refusal_nobody_can_explain_gets_a_few_tries(code, autojump_clock):
    async with FakeKIS() as kis:
        kis.refuse(code, times=100)
        with pytest.raises(KXTSubscriptionError, match=code):
            async with opened(kis):
                pytest.fail("entered")
        assert len(kis.connects) == 3


async def test_a_taken_session_is_waited_for_with_growing_waits_and_then_given_up(
    autojump_clock,
):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.occupy_session()
        kis.drop()
        with pytest.raises(KXTSessionInUseError):
            await fills.receive()
        waits = [b - a for a, b in zip(kis.connects[1:], kis.connects[2:], strict=False)]
        assert waits == [pytest.approx(wait, abs=1) for wait in (5, 10, 20, 40, 80, 160)]


async def test_an_already_subscribed_reply_without_a_key_means_a_new_connection(autojump_clock):
    async with FakeKIS() as kis:
        kis.refuse("OPSP0002")
        async with opened(kis) as fills:
            one_fill(kis)
            await fills.receive()
        assert len(kis.connects) == 2


async def test_a_subscription_the_broker_ends_unasked_is_made_again(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.send_text(
            '{"header":{"tr_id":"H0STCNI0","tr_key":"htsuser1","encrypt":"N"},'
            '"body":{"rt_cd":"0","msg_cd":"OPSP0001","msg1":"UNSUBSCRIBE SUCCESS"}}'
        )
        await trio.sleep(0.5)
        assert fills.state is StreamState.RECONNECTING
        await fills.wait_live()
        one_fill(kis)
        await fills.receive()


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        ("eof_handshake", 0),
        ("garbage_handshake", 0),
        ("reject_handshake", 0),
        ("hang_connections", 10),
    ],
)
async def test_a_handshake_that_fails_is_tried_again(fault, least, autojump_clock):
    async with FakeKIS() as kis:
        getattr(kis, fault)()
        async with opened(kis):
            assert least <= trio.current_time() <= least + 2
        assert len(kis.connects) == 2


async def test_a_subscription_that_is_never_answered_is_tried_on_a_new_connection(
    autojump_clock,
):
    async with FakeKIS() as kis, client_of(kis) as client:
        stream = client.stream_fill_updates()
        while not kis.sessions:
            await trio.lowlevel.checkpoint()
        kis.silence()
        await stream.wait_live()
        assert trio.current_time() == pytest.approx(11, abs=1)


async def test_nobody_reconnects_for_nobody(autojump_clock):
    async with FakeKIS() as kis, client_of(kis) as client:
        async with client.stream_fill_updates() as fills:
            await fills.wait_live()
        await trio.sleep(1)
        kis.drop()
        await trio.sleep(1000)
        assert len(kis.connects) == 1
        async with client.stream_fill_updates() as fills:
            await fills.wait_live()
            assert fills.statistics().gaps == ()
        assert len(kis.connects) == 2


async def test_a_foreign_exception_at_a_reconnect_is_trouble_like_any_other(autojump_clock):
    class ProxyError(Exception):
        pass

    failures = []

    async with FakeKIS() as kis:

        async def open_stream(host: str, port: int, tls: bool):
            if failures:
                raise failures.pop()
            return await kis.network.open_stream(host, port, tls)

        network = attrs.evolve(kis.network, open_stream=open_stream)
        async with opened(kis, network=network) as fills:
            await trio.sleep(100)
            failures.append(ProxyError("busy"))
            kis.drop()
            await trio.sleep(0.5)
            await fills.wait_live()
            assert failures == []
            one_fill(kis)
            await fills.receive()


async def test_an_approval_key_refused_outside_business_hours_is_waited_out(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        await trio.sleep(3600)
        kis.refuse("OPSP0011", times=6)
        kis.drop()
        await trio.sleep(0.5)
        await fills.wait_live()
        one_fill(kis)
        await fills.receive()


async def test_rest_that_never_answers_is_waited_out_too(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        await trio.sleep(100)
        kis.expire_approval_keys()
        kis.rest_latency = 1e6
        kis.drop()
        await trio.sleep(3600)
        assert fills.state is StreamState.RECONNECTING
        kis.rest_latency = 0
        await trio.sleep(120)
        assert fills.state is StreamState.LIVE


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALL_PROXY", "socks5://127.0.0.1:1"), ("SSL_CERT_FILE", "/nonexistent")],
)
async def test_an_unusable_environment_is_an_error_of_the_library(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    nowhere = Endpoints(rest="https://127.0.0.1:1", websocket="ws://127.0.0.1:1")
    policy = StreamPolicy(startup_timeout=0.1)
    with pytest.raises(KXTError):
        async with open_fill_stream(
            app_key="k", app_secret="s", hts_id="h", endpoints=nowhere, policy=policy
        ):
            pytest.fail("entered")
