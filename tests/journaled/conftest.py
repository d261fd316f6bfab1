"""A journal's place, and a disk that can be full."""

from __future__ import annotations

from pathlib import Path

import pytest

from kxt_trio import KXTJournalError
from kxt_trio.reconcile.journal_file import JournalFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fills.db"


class Disk:
    """Counts the writes, and refuses them when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[int] = []
        self.is_full = False
        write = JournalFile.write

        def watched(file, records, cursors):
            if self.is_full:
                raise KXTJournalError("journal: the disk is full")
            self.batches.append(len(records))
            return write(file, records, cursors)

        monkeypatch.setattr(JournalFile, "write", watched)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)
