from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.testing.client_frames import ClientFrames, Opcode

HEAD = b"GET /tryitout HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"


def frame(opcode: int, payload: bytes, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    elif length < 65536:
        size = bytes([0x80 | 126]) + length.to_bytes(2, "big")
    else:
        size = bytes([0x80 | 127]) + length.to_bytes(8, "big")
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes([0x80 | opcode]) + size + mask + masked


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
def test_every_length_is_read(length):
    payload = bytes(i % 251 for i in range(length))
    (seen,) = ClientFrames().feed(HEAD + frame(Opcode.PONG, payload))
    assert seen == (Opcode.PONG, payload)


@given(st.lists(st.tuples(st.sampled_from([1, 8, 10]), st.binary(max_size=300))), st.data())
def test_frames_are_the_same_however_the_bytes_arrive(frames, data):
    stream = HEAD + b"".join(frame(opcode, payload) for opcode, payload in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    reader, seen = ClientFrames(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        seen += reader.feed(stream[start:end])
    assert seen == frames
