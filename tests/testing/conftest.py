"""A client of the stand-in broker that speaks raw protocol, beside the library's own."""

from __future__ import annotations

import json
from collections import deque
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import httpx  # noqa: ASYNC127  # an HTTP client that is not ours
import pytest
import trio

from kxt_trio.protocol.approval import approval_request, read_approval
from kxt_trio.protocol.cipher import NoticeCipher
from kxt_trio.protocol.control import release_request, subscribe_request
from kxt_trio.protocol.notices import notice_tr_id
from kxt_trio.testing import FakeKIS
from kxt_trio.transport.websocket import Link, connect_link

pytest_plugins = ["kxt_trio.testing.plugin"]


@attrs.define
class RawClient:
    kis: FakeKIS
    link: Link
    approval_key: str
    cipher: NoticeCipher | None = None
    _texts: deque[str] = attrs.field(factory=deque)

    async def receive(self) -> str:
        """Return one message."""
        while not self._texts:
            self._texts += await self.link.receive()
        return self._texts.popleft()

    @property
    def request(self) -> str:
        keys = self.kis.credentials
        return subscribe_request(self.approval_key, notice_tr_id(keys.environment), keys.hts_id)

    @property
    def release_request(self) -> str:
        keys = self.kis.credentials
        return release_request(self.approval_key, notice_tr_id(keys.environment), keys.hts_id)

    async def ask(self, text: str) -> dict[str, Any]:
        await self.link.send(text)
        reply = json.loads(await self.receive())
        output = reply["body"].get("output")
        if output:
            self.cipher = NoticeCipher(output["key"], output["iv"])
        return reply

    async def subscribe(self) -> str:
        return (await self.ask(self.request))["body"]["msg_cd"]

    async def notice(self) -> list[str]:
        flag, _tr_id, count, body = (await self.receive()).split("|")
        assert (flag, count) == ("1", "001")
        return self.cipher.decrypt(body).split("^")

    async def ended(self) -> str:
        """Read to the end and return how the library words it."""
        while True:
            try:
                await self.receive()
            except Exception as exc:
                return str(exc)


def rest_client(kis: FakeKIS) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=kis.network.http_transport, base_url=kis.endpoints.rest)


async def approval_key(kis: FakeKIS) -> str:
    keys = kis.credentials
    async with rest_client(kis) as client:
        answer = await client.post(
            "/oauth2/Approval", json=approval_request(keys.app_key, keys.app_secret)
        )
    return read_approval(answer.status_code, answer.content)


@pytest.fixture
def dial():
    """``async with dial(kis) as client:`` a websocket with an approval key at hand."""

    @asynccontextmanager
    async def dial(kis: FakeKIS, *, timeout: float = 10, subscribed: bool = False):
        key = await approval_key(kis)
        try:
            async with trio.open_nursery() as nursery:
                link = await nursery.start(
                    partial(
                        connect_link,
                        kis.endpoints.websocket,
                        open_stream=kis.network.open_stream,
                        connect_timeout=timeout,
                        max_message_size=65536,
                    )
                )
                client = RawClient(kis, link, key)
                if subscribed:
                    assert await client.subscribe() == "OPSP0000"
                yield client
                nursery.cancel_scope.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None  # noqa: ASYNC123  # its context is of no use

    return dial


@pytest.fixture
def http():
    """``async with http(kis) as client:`` an httpx client of the broker."""
    return rest_client
