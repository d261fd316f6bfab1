"""A service written for anyio, on its trio backend."""

from __future__ import annotations

from typing import Any

import anyio
from anyio.abc import ObjectSendStream

from kxt_trio import Credentials, FillEvent, open_fill_stream


async def listen(outbox: ObjectSendStream[FillEvent], **connection: Any) -> None:
    async with outbox, open_fill_stream(**connection) as fills:
        async for fill in fills:
            await outbox.send(fill)


async def serve(**connection: Any) -> None:
    send, receive = anyio.create_memory_object_stream[FillEvent](100)
    async with anyio.create_task_group() as group, receive:
        group.start_soon(lambda: listen(send, **connection))
        async for fill in receive:
            print(fill.instrument.symbol, fill.report.quantity, fill.report.price)


async def main() -> None:
    await serve(**Credentials.from_env())


if __name__ == "__main__":
    anyio.run(main, backend="trio")
