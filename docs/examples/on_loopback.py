"""The stand-in broker on a TCP port of this machine, inside your own program."""

from __future__ import annotations

import trio

from kxt_trio import open_fill_stream
from kxt_trio.testing import FakeKIS, serve_fake_kis


async def main() -> None:
    async with trio.open_nursery() as nursery:
        kis: FakeKIS = await nursery.start(serve_fake_kis)
        async with open_fill_stream(**kis.credentials, endpoints=kis.endpoints) as fills:
            kis.fill(kis.place("005930", quantity=10, price=69950))
            fill = await fills.receive()
            print(fill.report.quantity, "over", kis.endpoints.websocket)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
