"""The broker process: everything is encoded before the client may come.

``python broker.py '{"layout": "real", "mode": "burst", ...}'`` prints a JSON line with its
port when it is ready, and another with what it saw when the client is gone.  Plain
threads and blocking sockets, so that the sending costs next to nothing.

Modes: ``burst`` sends as fast as the socket takes it, ``paced`` at a rate and notes when
each notice left, ``flood`` is a burst with PINGPONGs in it whose answers are timed.
Every mode begins with one notice by itself, and a pause.  What notices say of their time
fits the rate; without one they are of the same moment.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from array import array
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from fills import TR_ID
from totals import Totals, answer
from wire import (
    CLOSE,
    KST,
    PING,
    PONG,
    TEXT,
    Incoming,
    accept_key,
    frame,
    notices,
    pingpong,
    reply,
)

_TOGETHER = 100  # notices in one write of a burst
_PINGS = 10  # PINGPONGs in a flood
_FLOOD_BUFFER = 256 * 1024  # so that the kernel holds only so much of a flood
_ENCODING = 35e-6  # seconds for one notice, about
_CLIENT_STARTS = 1.5  # seconds, about
_TURN = 100e-6  # seconds that a notice which is due may wait for an answer in the making


class Broker:
    """Serves one client and ends with it."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.totals = Totals(spec["fills"] + 1, spec["cycles"])
        self.subscribed_at = 0
        self.sent_at = array("q")
        self.pinged_at: deque[int] = deque()
        self.answers: list[float] = []
        self.over = threading.Event()
        self._stopped = threading.Event()
        self._writing = threading.Lock()
        self._sender: threading.Thread | None = None
        self._frames = self._encode()

    def _encode(self) -> list[bytes]:
        count = self.spec["fills"] + 1
        lead = timedelta(seconds=count * _ENCODING + _CLIENT_STARTS)
        first_at = datetime.now(KST) + lead
        rate, cycles = self.spec["rate"], self.spec["cycles"]
        texts = notices(count, self.spec["layout"], first_at, rate, cycles)
        return [frame(text.encode()) for text in texts]

    def serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._serve_one, args=(connection,), daemon=True).start()

    def _serve_one(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        incoming = Incoming(connection, bytearray())
        try:
            while True:
                head = incoming.take_head()
                if "upgrade: websocket" in head.lower():
                    self._serve_websocket(incoming, head)
                    return
                self._serve_rest(incoming, head)
        except OSError:
            return
        finally:
            connection.close()

    def _serve_rest(self, incoming: Incoming, head: str) -> None:
        for line in head.lower().split("\r\n"):
            if line.startswith("content-length:"):
                incoming.take(int(line.split(":")[1]))
        incoming.connection.sendall(answer(head, self.totals))

    def _serve_websocket(self, incoming: Incoming, head: str) -> None:
        key = next(
            line.split(":", 1)[1].strip()
            for line in head.split("\r\n")
            if line.lower().startswith("sec-websocket-key:")
        )
        if self.spec["mode"] == "flood":
            incoming.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _FLOOD_BUFFER)
        incoming.connection.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
        )
        try:
            while self._take(incoming):
                pass
        finally:
            self._stopped.set()
            self.over.set()

    def _take(self, incoming: Incoming) -> bool:
        opcode, payload = incoming.take_frame()
        if opcode == CLOSE:
            self._stopped.set()
            self._send(incoming.connection, frame(payload, CLOSE))
            return False
        if opcode == PING:
            self._send(incoming.connection, frame(payload, PONG))
        elif opcode == PONG or b"PINGPONG" in payload:
            self._answered()
        elif opcode == TEXT:
            self._requested(incoming.connection, json.loads(payload))
        return True

    def _answered(self) -> None:
        if self.pinged_at:
            self.answers.append((time.monotonic_ns() - self.pinged_at.popleft()) / 1e6)

    def _requested(self, connection: socket.socket, request: dict[str, Any]) -> None:
        self._send(connection, frame(reply(request).encode()))
        if request["body"]["input"]["tr_id"] == TR_ID and self._sender is None:
            self.subscribed_at = time.monotonic_ns()
            self._sender = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._sender.start()

    def _send(self, connection: socket.socket, data: bytes) -> None:
        with self._writing:
            connection.sendall(data)

    def _run(self, connection: socket.socket) -> None:
        try:
            self._deliver(connection, self._frames[:1])
            if not self._stopped.wait(self.spec["lead"]):
                getattr(self, f"_{self.spec['mode']}")(connection)
        except OSError:
            return

    def _deliver(self, connection: socket.socket, frames: list[bytes]) -> None:
        self._send(connection, b"".join(frames))
        self.totals.sent += len(frames)

    def _burst(self, connection: socket.socket) -> None:
        for start in range(1, len(self._frames), _TOGETHER):
            if self._stopped.is_set():
                return
            self._deliver(connection, self._frames[start : start + _TOGETHER])

    def _flood(self, connection: socket.socket) -> None:
        step = max(1, len(self._frames) // _PINGS)
        for start in range(1, len(self._frames), _TOGETHER):
            if self._stopped.is_set():
                return
            self._deliver(connection, self._frames[start : start + _TOGETHER])
            if (start - 1) // step != (start - 1 - _TOGETHER) // step:
                self.pinged_at.append(time.monotonic_ns())
                self._send(connection, frame(pingpong().encode()))

    def _paced(self, connection: socket.socket) -> None:
        gap = int(1e9 / self.spec["rate"])
        due = time.monotonic_ns()
        for data in self._frames[1:]:
            due += gap
            time.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            if self._stopped.is_set():
                return
            self.sent_at.append(time.monotonic_ns())
            self._deliver(connection, [data])

    def report(self) -> dict[str, Any]:
        return {
            "subscribed_at": self.subscribed_at,
            "sent_at": list(self.sent_at),
            "answers_ms": self.answers,
        }


def main() -> None:
    spec = json.loads(sys.argv[1])
    if spec["cpu"] is not None:
        os.sched_setaffinity(0, {spec["cpu"]})
    sys.setswitchinterval(_TURN)
    broker = Broker(spec)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
        threading.Thread(target=broker.serve, args=(listener,), daemon=True).start()
        broker.over.wait(spec["patience"])
        print(json.dumps(broker.report()), flush=True)
        os._exit(0)


if __name__ == "__main__":
    main()
