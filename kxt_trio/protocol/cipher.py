"""The cipher of the notices: AES in CBC mode, PKCS#7, base64, UTF-8.

Key and initialisation vector come with the reply to the subscription and are used as
the ASCII bytes they are written with; the vector looks like hex and is not (checked
with a genuine capture).  They end with the connection.
"""

from __future__ import annotations

from base64 import b64encode
from binascii import a2b_base64

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad, unpad

from kxt_trio.errors import KXTProtocolError

__all__ = ["NoticeCipher"]


class NoticeCipher:
    """Decrypts the notices of one subscription.  ``repr`` shows the algorithm only.

    Args:
        key: 32 ASCII characters; 16 and 24 are legal AES, too.
        iv: 16 ASCII characters.

    Raises:
        KXTProtocolError: the broker gave a key or a vector of another form.
    """

    __slots__ = ("_blocks", "_iv", "_key")

    def __init__(self, key: str, iv: str) -> None:
        if not key.isascii() or len(key) not in AES.key_size:
            raise KXTProtocolError(
                f"notice key: expected 32 ASCII characters, got {len(key)} characters"
            )
        if not iv.isascii() or len(iv) != AES.block_size:
            raise KXTProtocolError(
                f"notice iv: expected 16 ASCII characters, got {len(iv)} characters"
            )
        self._key = key.encode("ascii")
        self._iv = iv.encode("ascii")
        self._blocks = AES.new(self._key, AES.MODE_ECB)

    def __repr__(self) -> str:
        return f"<NoticeCipher AES-{len(self._key) * 8}-CBC>"

    def decrypt(self, body: str) -> str:
        """Return the plain text of an encrypted frame's body.

        Bytes that are not UTF-8 become U+FFFD: the broker cuts names at byte widths,
        and half a character in a name must not cost the notice.

        Raises:
            KXTProtocolError: base64, length or padding is bad, as it is under a wrong
                key.
        """
        try:
            ciphertext = a2b_base64(body, strict_mode=True)
            plaintext = unpad(self._decrypt_cbc(ciphertext), AES.block_size)
        except ValueError as exc:
            raise KXTProtocolError(
                "encrypted notice: bad base64, length or padding; damaged, or of another key"
            ) from exc
        return plaintext.decode("utf-8", errors="replace")

    def _decrypt_cbc(self, ciphertext: bytes) -> bytes:
        """Undo CBC: every block decrypted, then xored with the ciphertext block before it.

        The library's own CBC object is good for one message only and costs more to make
        than a notice costs to decrypt; one ECB object serves them all.
        """
        chain = (self._iv + ciphertext)[: len(ciphertext)]
        mixed = int.from_bytes(self._blocks.decrypt(ciphertext)) ^ int.from_bytes(chain)
        return mixed.to_bytes(len(ciphertext))

    def encrypt(self, plaintext: str) -> str:
        """Return what the broker would send for this text."""
        cipher = AES.new(self._key, AES.MODE_CBC, self._iv)
        padded = pad(plaintext.encode("utf-8"), AES.block_size)
        return b64encode(cipher.encrypt(padded)).decode("ascii")
