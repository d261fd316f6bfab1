"""The desk that tests of the ledger begin with."""

from __future__ import annotations

import pytest

from .desk import Desk
from .ledger_steps import live


@pytest.fixture
def desk() -> Desk:
    return live()
