"""kxt_trio: enciphered frames of 26 fields, today's wire of a real account."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import trio
from fills import ACCOUNT_NO, APP_KEY, APP_SECRET, HTS_ID, PRODUCT_CODE, TR_ID
from meter import Meter, combined, finish, meters, peak_rss, prepare, read_frames, time_decoding

from kxt_trio import KST, Endpoints, FillStream, KISClient, Reconciliation, StreamPolicy

#: Messages that one read of a busy link brings.
TOGETHER = 28


def decode(spec: dict[str, Any]) -> dict[str, Any]:
    """As its connection does: with all that one read brings, and with one that comes alone."""
    import json

    from kxt_trio.protocol.conversation import Conversation

    keys, frames = read_frames(spec["frames"])
    conversation = Conversation(approval_key="-", tr_id=TR_ID)
    conversation.subscribe(HTS_ID)
    header = {"tr_id": TR_ID, "tr_key": HTS_ID, "encrypt": "N"}
    body = {"rt_cd": "0", "msg_cd": "OPSP0000", "msg1": "SUBSCRIBE SUCCESS", "output": keys}
    conversation.receive(json.dumps({"header": header, "body": body}), datetime.now(KST))

    def to_fills(texts: list[str]) -> Any:
        fills: list[Any] = conversation.receive_all(texts, datetime.now(KST))
        return sum(fill.report.quantity for fill in fills)

    alone = time_decoding(lambda text: to_fills([text]), frames, spec["warm_up"])
    return {
        **time_decoding(to_fills, frames, spec["warm_up"], TOGETHER),
        "alone_us": alone["us"],
    }


def make_client(spec: dict[str, Any]) -> KISClient:
    return KISClient(
        app_key=APP_KEY,
        app_secret=APP_SECRET,
        hts_id=HTS_ID,
        account_no=ACCOUNT_NO,
        account_product_code=PRODUCT_CODE,
        endpoints=Endpoints(
            f"http://127.0.0.1:{spec['port']}", f"ws://127.0.0.1:{spec['port']}/tryitout"
        ),
        policy=StreamPolicy(buffer_size=max(10_000, spec["fills"] + 1)),
        reconcile=Reconciliation(enabled=spec["reconcile"]),
        journal=spec["journal"],
    )


async def follow(spec: dict[str, Any]) -> dict[str, Any]:
    used = meters(spec)
    started_at = time.monotonic_ns()
    async with make_client(spec) as client, trio.open_nursery() as nursery:
        streams = [
            client.stream_fill_updates(consumer=f"bench {number}")
            for number, _ in enumerate(used)
        ]
        for stream, meter in zip(streams, used, strict=True):
            nursery.start_soon(consume, stream, meter)
        await streams[0].wait_live()
        live_at = time.monotonic_ns()
    figures = streams[0].statistics()
    return {
        "started_at": started_at,
        "live_at": live_at,
        "rss": peak_rss(),
        "recovered": figures.recovered or 0,
        "corrections": figures.corrections or 0,
        **combined(used),
    }


async def consume(stream: FillStream, meter: Meter) -> None:
    async for fill in stream:
        if meter.take(fill.report.quantity):
            return


def main() -> None:
    spec = prepare()
    finish(decode(spec) if spec["measure"] == "decode" else trio.run(follow, spec))


if __name__ == "__main__":
    main()
