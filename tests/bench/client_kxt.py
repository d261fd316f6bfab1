"""kxt 0.2.0: plain frames, the only ones it can read.  Runs in its own environment."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fills import ACCOUNT_NO, APP_KEY, APP_SECRET, HTS_ID, PRODUCT_CODE
from kxt import ExecutionReport, FillEvent, KISClient
from kxt.clients.kis import transport
from kxt.clients.kis.parsing import parse_notification_event
from meter import combined, finish, meters, peak_rss, prepare, read_frames, time_decoding


def decode(spec: dict[str, Any]) -> dict[str, Any]:
    """As its ``stream_fill_updates`` does with every message."""
    _, frames = read_frames(spec["frames"])

    def to_fill(text: str) -> Any:
        event = parse_notification_event(text)
        report = ExecutionReport(
            execution_id=None,
            order_ref=event.order_ref,
            occurred_at=event.occurred_at,
            price=event.price,
            quantity=event.quantity,
        )
        return FillEvent(report=report, symbol=event.symbol).report.quantity

    return time_decoding(to_fill, frames, spec["warm_up"])


async def follow(spec: dict[str, Any]) -> dict[str, Any]:
    transport.REAL_REST_BASE_URL = f"http://127.0.0.1:{spec['port']}"
    transport.REAL_WS_BASE_URL = f"ws://127.0.0.1:{spec['port']}"
    (meter,) = meters(spec)
    started_at = time.monotonic_ns()
    client = KISClient(
        app_key=APP_KEY,
        app_secret=APP_SECRET,
        hts_id=HTS_ID,
        account_no=ACCOUNT_NO,
        account_product_code=PRODUCT_CODE,
    )
    async for fill in client.stream_fill_updates():
        if meter.take(fill.report.quantity):
            break
    return {"started_at": started_at, "rss": peak_rss(), **combined([meter])}


def main() -> None:
    spec = prepare()
    finish(decode(spec) if spec["measure"] == "decode" else asyncio.run(follow(spec)))


if __name__ == "__main__":
    main()
