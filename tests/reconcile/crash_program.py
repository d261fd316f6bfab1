"""The program that is killed: it listens with a journal and notes every fill it gets.

Everything is imported once; each line on stdin then starts the program anew, by a fork,
and its process id is the answer.  ``over`` follows when that process has ended.
"""

from __future__ import annotations

import os
import random
import sys

import trio

from kxt_trio import Endpoints, Reconciliation, StreamPolicy, open_fill_stream

HASTE = Reconciliation(stream_lag=0.3, rest_lag=0.3, audit_interval=1)
POLICY = StreamPolicy(
    backoff_initial=0.05,
    backoff_floor=0,
    connects_per_minute=600,
    startup_timeout=120,
    buffer_size=20,
)


async def listen(rest: str, websocket: str, journal: str, notes: str, keys: list[str]) -> None:
    app_key, app_secret, hts_id, account_no = keys
    file = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    async with open_fill_stream(
        app_key=app_key,
        app_secret=app_secret,
        hts_id=hts_id,
        account_no=account_no,
        endpoints=Endpoints(rest, websocket),
        policy=POLICY,
        reconcile=HASTE,
        journal=journal,
        consumer="strategy",
    ) as fills:
        async for fill in fills:
            # One write: a kill comes before it or after it.  And then some other work, in
            # which the fill is noted and not acknowledged.
            os.write(file, f"{fill.fill_id} {fill.report.quantity} {fill.amount}\n".encode())
            await trio.sleep(random.choice((0, 0.01, 0.03)))


def main(arguments: list[str]) -> None:
    rest, websocket, journal, notes, *keys = arguments
    while sys.stdin.readline():
        child = os.fork()
        if child == 0:
            try:
                trio.run(listen, rest, websocket, journal, notes, keys)
            finally:
                os._exit(1)  # it is to be killed; an end of its own is told by the notes
        print(child, flush=True)
        os.waitpid(child, 0)
        print("over", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
