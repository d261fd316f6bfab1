"""The front door, opened on the stand-in broker."""

from __future__ import annotations

from kxt_trio import KISClient, Reconciliation, open_fill_stream
from kxt_trio.testing import FakeKIS

#: These tests are about the front door; what it finds missing has tests of its own.
ALONE = {"reconcile": Reconciliation(enabled=False)}


def opened(kis: FakeKIS, **changes):
    return open_fill_stream(**{**kis.credentials, "network": kis.network, **ALONE, **changes})


def client_of(kis: FakeKIS, **changes) -> KISClient:
    return KISClient(**{**kis.credentials, "network": kis.network, **ALONE, **changes})


def one_fill(kis: FakeKIS, quantity: int = 1) -> None:
    kis.fill(kis.place("005930", quantity=quantity, price=100))
