"""Which account and which HTS ID a stream of the front door is for."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import (
    AccountSummary,
    FillUpdatesStreamRequest,
    KISClient,
    KXTUnsupportedError,
    KXTValidationError,
    OrderEventsStreamRequest,
)
from kxt_trio.testing import FakeKIS

from .front_door import client_of, opened


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
