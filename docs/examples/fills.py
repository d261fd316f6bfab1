import trio

from kxt_trio import Credentials, Endpoints, open_fill_stream


async def main() -> None:
    settings = Credentials.from_env()
    async with open_fill_stream(**settings, endpoints=Endpoints.from_env()) as fills:
        async for fill in fills:
            print(fill.instrument.symbol, fill.report.quantity, fill.report.price)


trio.run(main)
