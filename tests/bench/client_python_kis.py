"""python-kis 2.1.6: the old 23 fields, the only ones it can read.  Its own environment."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pykis.client.websocket
import pykis.kis
from fills import ACCOUNT_NO, APP_KEY, APP_SECRET, HTS_ID, PRODUCT_CODE, TR_ID
from meter import Meter, combined, finish, meters, peak_rss, prepare, read_frames, time_decoding
from pykis import PyKis
from pykis.api.websocket.order_execution import on_execution
from pykis.client.messaging import KisWebsocketTR


def make_client() -> PyKis:
    logging.getLogger("pykis").setLevel(logging.ERROR)
    return PyKis(
        id=HTS_ID,
        account=f"{ACCOUNT_NO}-{PRODUCT_CODE}",
        appkey=APP_KEY,
        secretkey=APP_SECRET,
        keep_token=False,
    )


def decode(spec: dict[str, Any]) -> dict[str, Any]:
    """As its websocket thread does with every message, the callback included."""
    keys, frames = read_frames(spec["frames"])
    websocket = make_client().websocket
    websocket._set_encryption_key(KisWebsocketTR(TR_ID, ""), keys)
    seen: list[Any] = [0]

    def callback(_: Any, event: Any) -> None:
        seen[0] = event.response.executed_quantity

    ticket = websocket.event.on(callback)

    def to_fill(text: str) -> Any:
        websocket._handle_event(text)
        return seen[0]

    report = time_decoding(to_fill, frames, spec["warm_up"])
    del ticket
    return report


def follow(spec: dict[str, Any]) -> dict[str, Any]:
    pykis.kis.REAL_DOMAIN = f"http://127.0.0.1:{spec['port']}"
    pykis.client.websocket.WEBSOCKET_REAL_DOMAIN = f"ws://127.0.0.1:{spec['port']}"
    used = meters(spec)
    done = [threading.Event() for _ in used]
    started_at = time.monotonic_ns()
    client = make_client()
    tickets = [
        on_execution(client.websocket, callback=_callback(meter, event))
        for meter, event in zip(used, done, strict=True)
    ]
    for event in done:
        event.wait()
    assert tickets
    return {"started_at": started_at, "rss": peak_rss(), **combined(used)}


def _callback(meter: Meter, done: threading.Event) -> Any:
    def callback(_: Any, event: Any) -> None:
        if meter.take(event.response.executed_quantity):
            done.set()

    return callback


def main() -> None:
    spec = prepare()
    finish(decode(spec) if spec["measure"] == "decode" else follow(spec))


if __name__ == "__main__":
    main()
