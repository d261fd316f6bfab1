"""The short way to the AES library is its public way, only shorter."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import Crypto
import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from kxt_trio.protocol import cbc
from kxt_trio.protocol.cbc import decryptor

KEY = b"ikznadvwtxbbvoletwjafmzlwcviuyhe"
IV = b"cab1c2d7d66ea8eb"

blocks = st.integers(0, 40).flatmap(lambda n: st.binary(min_size=16 * n, max_size=16 * n))


def public(data: bytes, key: bytes = KEY, iv: bytes = IV) -> bytes:
    plaintext: bytes = AES.new(key, AES.MODE_CBC, iv).decrypt(data)
    return plaintext


def is_short(decrypt: Any) -> bool:
    return decrypt.__module__ == cbc.__name__


def test_the_short_way_is_taken_with_the_versions_that_were_tried() -> None:
    first, last = cbc._TRIED
    assert is_short(decryptor(KEY, IV)) is (first <= Crypto.version_info[:2] <= last)


@given(
    key=st.sampled_from([16, 24, 32]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
    iv=st.binary(min_size=16, max_size=16),
    pieces=st.lists(blocks),
)
def test_it_goes_on_as_the_librarys_own_does(key: bytes, iv: bytes, pieces: list[bytes]):
    decrypt = decryptor(key, iv)
    assert b"".join(map(decrypt, pieces)) == public(b"".join(pieces), key, iv)


def test_what_is_too_long_for_its_memory_is_decrypted_in_its_turn() -> None:
    pieces = [bytes(range(16)), bytes(cbc._ROOM + 16), bytes(range(16, 32)), b""]
    decrypt = decryptor(KEY, IV)
    assert b"".join(map(decrypt, pieces)) == public(b"".join(pieces))


@pytest.mark.parametrize("version", [(3, 19, "0"), (99, 0, "0")])
def test_a_version_that_was_not_tried_is_used_by_its_public_way(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, str]
) -> None:
    monkeypatch.setattr(Crypto, "version_info", version)
    decrypt = decryptor(KEY, IV)
    assert not is_short(decrypt)
    assert decrypt(KEY) + decrypt(KEY) == public(KEY + KEY)


def test_without_the_private_names_it_is_the_public_way() -> None:
    assert cbc._short_way(object()) is None


@pytest.mark.parametrize("without", ["", "cffi"])
def test_by_way_of_cffi_and_without_it(without: str) -> None:
    """The library takes cffi where there is one, and ctypes otherwise."""
    code = f"""
import sys
if {without!r}:
    sys.modules[{without!r}] = None
from Crypto.Util import _raw_api
from kxt_trio.protocol.cbc import decryptor
print(_raw_api.backend)
decrypt = decryptor({KEY!r}, {IV!r})
print(decrypt.__module__)
print((decrypt({KEY!r}) + decrypt({KEY!r})).hex())
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    backend, module, plaintext = ran.stdout.split()
    assert backend == ("ctypes" if without else "cffi")
    assert module == cbc.__name__
    assert plaintext == public(KEY + KEY).hex()


def test_half_a_block_is_refused_as_by_the_library() -> None:
    with pytest.raises(ValueError, match="16 byte"):
        decryptor(KEY, IV)(b"half")
