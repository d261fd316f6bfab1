from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.errors import KXTProtocolError
from kxt_trio.protocol.cipher import NoticeCipher

KEY = "ikznadvwtxbbvoletwjafmzlwcviuyhe"
IV = "cab1c2d7d66ea8eb"


def encrypted(plaintext: bytes) -> str:
    """What AES makes of bytes that need not be text."""
    cipher = AES.new(KEY.encode(), AES.MODE_CBC, IV.encode())
    return b64encode(cipher.encrypt(pad(plaintext, 16))).decode()


@given(st.text())
def test_round_trip(plaintext: str) -> None:
    cipher = NoticeCipher(KEY, IV)
    assert cipher.decrypt(cipher.encrypt(plaintext)) == plaintext


@pytest.mark.parametrize("size", [16, 24, 32])
def test_key_sizes_of_aes(size: int) -> None:
    cipher = NoticeCipher("k" * size, IV)
    assert cipher.decrypt(cipher.encrypt("체결")) == "체결"
    assert repr(cipher) == f"<NoticeCipher AES-{size * 8}-CBC>"


def test_key_and_iv_are_ascii_bytes_and_not_hex() -> None:
    digits = "0123456789abcdef"
    ours = NoticeCipher(digits * 2, digits).encrypt("x")
    theirs = AES.new((digits * 2).encode(), AES.MODE_CBC, digits.encode())
    assert b64decode(ours) == theirs.encrypt(pad(b"x", 16))


@given(key=st.binary(min_size=32, max_size=32), text=st.text(max_size=300))
def test_it_is_the_librarys_cbc(key: bytes, text: str) -> None:
    key = bytes(byte % 128 for byte in key)
    padded = pad(text.encode(), 16)
    theirs = AES.new(key, AES.MODE_CBC, IV.encode()).encrypt(padded)
    assert NoticeCipher(key.decode(), IV).decrypt(b64encode(theirs).decode()) == text


def test_one_cipher_reads_many() -> None:
    cipher = NoticeCipher(KEY, IV)
    bodies = [cipher.encrypt(text) for text in ("one", "two", "one")]
    assert bodies[0] == bodies[2]
    assert [cipher.decrypt(body) for body in bodies] == ["one", "two", "one"]


@given(st.lists(st.one_of(st.text(max_size=60), st.binary(max_size=60))))
def test_together_they_read_as_each_by_itself(sent: list[str | bytes]) -> None:
    """Good and damaged in any order: neither shifts nor spoils another."""
    bodies = [
        encrypted(one.encode()) if isinstance(one, str) else b64encode(one).decode()
        for one in sent
    ]
    alone = [NoticeCipher(KEY, IV).decrypt_all([body]) for body in bodies]
    assert [[one] for one in NoticeCipher(KEY, IV).decrypt_all(bodies)] == alone
    for one, text in zip(sent, NoticeCipher(KEY, IV).decrypt_all(bodies), strict=True):
        assert isinstance(one, bytes) or text == one


def test_half_a_character_does_not_cost_the_notice() -> None:
    cut = "a^삼성전자".encode()[:-1] + b"^b"
    assert NoticeCipher(KEY, IV).decrypt(encrypted(cut)) == "a^삼성전\ufffd^b"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("not base64!", id="alphabet"),
        pytest.param("aGVsbG8", id="base64 padding"),
        pytest.param("체결", id="not ASCII"),
        pytest.param(encrypted(b"x") + "\n", id="trailing newline"),
        pytest.param(b64encode(b"short").decode(), id="half a block"),
        pytest.param(b64encode(bytes(16)).decode(), id="PKCS#7 padding"),
    ],
)
def test_damage(body: str) -> None:
    with pytest.raises(KXTProtocolError, match="encrypted notice"):
        NoticeCipher(KEY, IV).decrypt(body)


def test_another_key() -> None:
    body = NoticeCipher(KEY, IV).encrypt("x" * 20)
    with pytest.raises(KXTProtocolError, match="of another key"):
        NoticeCipher(KEY[::-1], IV).decrypt(body)


@given(st.one_of(st.text(), st.binary().map(lambda data: b64encode(data).decode())))
def test_decrypt_raises_nothing_else(body: str) -> None:
    try:
        plaintext = NoticeCipher(KEY, IV).decrypt(body)
    except KXTProtocolError:
        return
    assert isinstance(plaintext, str)


@pytest.mark.parametrize("key", ["", "k" * 31, "k" * 33, "열" * 32])
def test_unusable_key(key: str) -> None:
    with pytest.raises(KXTProtocolError, match=r"key: expected 32 .* got \d+ char") as caught:
        NoticeCipher(key, IV)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("iv", ["", "i" * 15, "i" * 32, "열" * 16])
def test_unusable_iv(iv: str) -> None:
    with pytest.raises(KXTProtocolError, match="iv: expected 16"):
        NoticeCipher(KEY, iv)


def test_repr_hides_the_key() -> None:
    shown = repr(NoticeCipher(KEY, IV))
    assert KEY not in shown
    assert IV not in shown
