"""AES in CBC mode; the only importer of pycryptodome.

Of the time that the library's ``decrypt()`` takes for a notice, more than half goes into
checking and wrapping what it is given, and a notice that comes alone waits for that.  So
the C function below it is called here, with memory that is made once.

That takes a few private names, of which no other module knows.  In the versions below
they are what they have been for years; with another version, or without them, the public
method does the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import Crypto
from Crypto.Cipher import AES

__all__ = ["BLOCK", "KEY_SIZES", "decryptor", "encrypt"]

#: Bytes.
BLOCK: int = AES.block_size
KEY_SIZES: tuple[int, ...] = AES.key_size

_Decrypt: TypeAlias = Callable[[bytes], bytes]

#: The first and the last version of the library that the short way was tried with.
_TRIED = ((3, 20), (4, 4))

#: Bytes of two notices.  Where more come together, the wrapping hardly counts.
_ROOM = 512


def encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """Encrypt whole blocks."""
    ciphertext: bytes = AES.new(key, AES.MODE_CBC, iv).encrypt(plaintext)
    return ciphertext


def decryptor(key: bytes, iv: bytes) -> _Decrypt:
    """Return a function that decrypts whole blocks, each call going on from the one before.

    It may be called by one thread at a time.
    """
    cipher: Any = AES.new(key, AES.MODE_CBC, iv)
    return _short_way(cipher) or cipher.decrypt


def _short_way(cipher: Any) -> _Decrypt | None:
    first, last = _TRIED
    if not first <= Crypto.version_info[:2] <= last:
        return None
    try:
        from Crypto.Cipher._mode_cbc import raw_cbc_lib  # noqa: PLC0415  # may not be there
        from Crypto.Util import _raw_api  # noqa: PLC0415

        raw: Any = _raw_api
        room, take_raw, c_size = (
            raw.create_string_buffer(_ROOM),
            raw.get_raw_buffer,
            raw.c_size_t,
        )
        # A pointer into the cipher, which must live as long: the function below holds it.
        function, state = raw_cbc_lib.CBC_decrypt, cipher._state.get()  # noqa: SLF001
    except (ImportError, AttributeError):
        return None

    def decrypt(blocks: bytes) -> bytes:
        size = len(blocks)
        # One state for both ways, so each goes on where the other stopped.  What fails here
        # fails there, with the library's words.
        if size > _ROOM or function(state, blocks, room, c_size(size)):
            plaintext: bytes = cipher.decrypt(blocks)
        else:
            plaintext = take_raw(room)[:size]
        return plaintext

    return decrypt
