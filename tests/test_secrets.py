"""No secret, key, HTS ID, account number or notice content anywhere it could be read."""

from __future__ import annotations

import io
import logging
import pickle
import re
import traceback

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from kxt_trio import (
    KISClient,
    KXTError,
    StreamPolicy,
    open_fill_stream,
)
from kxt_trio.testing import FakeKIS

HOLDER = "홍길동"


def private(kis: FakeKIS) -> list[str]:
    """Everything that must not be seen, the keys the broker issued included."""
    texts = [
        kis.credentials.app_key,
        kis.credentials.app_secret,
        kis.credentials.hts_id,
        kis.credentials.account_no,
        HOLDER,
    ]
    texts += [request["header"]["approval_key"] for request in kis.requests]
    return [text for text in texts if text]


def found(seen: str, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if secret in seen]


async def test_logs_at_every_level_tracebacks_and_reprs_hold_nothing_private(autojump_clock):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        async with FakeKIS() as kis:
            async with KISClient(**kis.credentials, network=kis.network) as client:
                stream = client.stream_order_events()
                await stream.wait_live()
                order_id = kis.place("005930", quantity=10, price=100)
                kis.fill(order_id, quantity=1)
                kis.send_notice(f"{kis.credentials.hts_id}^12345678^broken^{HOLDER}")
                kis.send_text("{not json")
                await wait_all_tasks_blocked()
                kis.drop()
                await trio.sleep(5)
                written.write(repr(client) + repr(stream) + repr(stream.statistics()))
                written.write(repr(client.__dict__) + str(kis.credentials))
                event = await stream.receive()
                written.write(repr(event) + str(event))
            for fault in (
                lambda: kis.refuse("OPSP0017"),
                lambda: kis.reject_approval(),
                lambda: kis.occupy_session(),
                lambda: kis.refuse_connections(times=1000),
            ):
                fault()
                try:
                    async with open_fill_stream(**kis.credentials, network=kis.network):
                        pytest.fail("entered")
                except KXTError as exc:
                    written.write("".join(traceback.format_exception(exc)))
                    written.write(repr(exc) + repr(exc.__dict__))
                    written.write(repr(pickle.loads(pickle.dumps(exc))))
            secrets = private(kis)
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    text = written.getvalue()
    assert "live" in text
    assert "unreadable" in text
    assert found(text, secrets) == []
    # no AES key, no ciphertext, no decrypted notice
    assert not re.search(r"[0-9a-z]{32}", text)
    assert "^005930^" not in text


async def test_pickled_events_carry_no_hts_id_and_no_name(autojump_clock):
    async with (
        FakeKIS() as kis,
        open_fill_stream(**kis.credentials, network=kis.network) as fills,
    ):
        kis.fill(kis.place("005930", quantity=10, price=100))
        fill = await fills.receive()
        seen = pickle.dumps(fill)
        assert pickle.loads(seen) == fill
        assert kis.credentials.hts_id.encode() not in seen
        assert HOLDER.encode() not in seen


async def test_a_client_cannot_be_pickled(autojump_clock):
    async with FakeKIS() as kis:
        client = KISClient(**kis.credentials, network=kis.network, policy=StreamPolicy())
        with pytest.raises(TypeError, match="secrets"):
            pickle.dumps(client)
