"""Entering by the front door: what is raised, retried and cancelled."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import (
    KXTAuthenticationError,
    KXTConnectionError,
    KXTSessionInUseError,
    KXTSubscriptionError,
    StreamPolicy,
    StreamState,
)
from kxt_trio.testing import FakeKIS

from .front_door import opened


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
