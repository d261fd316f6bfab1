"""What tests begin with: a desk for the ledger, a place for a journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from .desk import Desk
from .ledger_steps import live


@pytest.fixture
def desk() -> Desk:
    return live()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fills.db"
