import os

import trio

from kxt_trio import Credentials, Endpoints, open_fill_stream


async def main() -> None:
    rest, websocket = os.environ.get("KIS_REST_URL"), os.environ.get("KIS_WEBSOCKET_URL")
    elsewhere = Endpoints(rest, websocket) if rest and websocket else None
    async with open_fill_stream(**Credentials.from_env(), endpoints=elsewhere) as fills:
        async for fill in fills:
            print(fill.instrument.symbol, fill.report.quantity, fill.report.price)


trio.run(main)
