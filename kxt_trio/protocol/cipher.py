"""The cipher of the notices: AES in CBC mode, PKCS#7, base64, UTF-8.

Key and initialisation vector come with the reply to the subscription and are used as
the ASCII bytes they are written with; the vector looks like hex and is not (checked
with a genuine capture).  They end with the connection.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Sequence

from kxt_trio.errors import KXTProtocolError

from .cbc import BLOCK, KEY_SIZES, decryptor, encrypt

__all__ = ["NoticeCipher", "damaged_notice"]

#: PKCS#7: as many bytes of padding as each of them says.
_PADDINGS = {count: bytes([count]) * count for count in range(1, BLOCK + 1)}


class NoticeCipher:
    """Decrypts the notices of one subscription.  ``repr`` shows the algorithm only.

    Args:
        key: 32 ASCII characters; 16 and 24 are legal AES, too.
        iv: 16 ASCII characters.

    Raises:
        KXTProtocolError: the broker gave a key or a vector of another form.
    """

    __slots__ = ("_decrypt_blocks", "_iv", "_key")

    def __init__(self, key: str, iv: str) -> None:
        if not key.isascii() or len(key) not in KEY_SIZES:
            raise KXTProtocolError(
                f"notice key: expected 32 ASCII characters, got {len(key)} characters"
            )
        if not iv.isascii() or len(iv) != BLOCK:
            raise KXTProtocolError(
                f"notice iv: expected 16 ASCII characters, got {len(iv)} characters"
            )
        self._key = key.encode("ascii")
        self._iv = iv.encode("ascii")
        self._decrypt_blocks = decryptor(self._key, self._iv)

    def __repr__(self) -> str:
        return f"<NoticeCipher AES-{len(self._key) * 8}-CBC>"

    def decrypt(self, body: str) -> str:
        """Return the plain text of one encrypted frame's body; as :meth:`decrypt_all`.

        Raises:
            KXTProtocolError: it is damaged.
        """
        (plaintext,) = self.decrypt_all([body])
        if plaintext is None:
            raise damaged_notice()
        return plaintext

    def decrypt_all(self, bodies: Sequence[str]) -> list[str | None]:
        """Return the plain texts of encrypted frames' bodies, in one go.

        None stands for one of which base64, length or padding is bad, as it is under a
        wrong key.  Bytes that are not UTF-8 become U+FFFD: the broker cuts names at byte
        widths, and half a character in a name must not cost the notice.
        """
        # A call of the library costs more than the blocks of a notice, and a new object
        # more than that, so there is one of each.  CBC goes on from the last block it saw;
        # shown the vector as if it were ciphertext, it begins anew with the block after.
        # What it makes of the vector itself is skipped.
        chained = [self._iv + _whole_blocks(body) for body in bodies]
        padded = self._decrypt_blocks(b"".join(chained))
        plaintexts: list[str | None] = []
        end = 0
        for blocks in chained:
            start, end = end + BLOCK, end + len(blocks)
            padding = _PADDINGS.get(padded[end - 1])
            if padding is None or not padded.endswith(padding, start, end):
                plaintexts.append(None)
            else:
                plaintexts.append(padded[start : end - len(padding)].decode("utf-8", "replace"))
        return plaintexts

    def encrypt(self, plaintext: str) -> str:
        """Return what the broker would send for this text."""
        data = plaintext.encode("utf-8")
        padded = data + _PADDINGS[BLOCK - len(data) % BLOCK]
        return b64encode(encrypt(self._key, self._iv, padded)).decode("ascii")


def damaged_notice() -> KXTProtocolError:
    """Return the error for a body that cannot be decrypted."""
    return KXTProtocolError(
        "encrypted notice: bad base64, length or padding; damaged, or of another key"
    )


def _whole_blocks(body: str) -> bytes:
    """Return the ciphertext; nothing, which no padding fits, for what is none."""
    try:
        ciphertext = a2b_base64(body, strict_mode=True)
    except ValueError:
        return b""
    return b"" if len(ciphertext) % BLOCK else ciphertext
