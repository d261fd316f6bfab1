"""What the package exports is what the reference documents, no more and no less."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import kxt_trio
import kxt_trio.errors
import kxt_trio.models

REFERENCE = Path(__file__).parent.parent / "docs" / "reference.rst"

_DIRECTIVE = re.compile(
    r"^\.\. (?:py:)?(currentmodule|module|auto\w+):: +([\w.]+)", re.MULTILINE
)


def documented(text: str) -> Iterator[str]:
    """Yield the full names of what autodoc is asked for at the top level of a page."""
    module = ""
    for directive, name in _DIRECTIVE.findall(text):
        if directive in ("currentmodule", "module", "automodule"):
            module = name
        elif name.startswith("kxt_trio.") or not module:
            yield name
        else:
            yield f"{module}.{name}"


def test_names_are_documented_at_the_top_of_the_package():
    names = [
        name.removeprefix("kxt_trio.")
        for name in documented(REFERENCE.read_text(encoding="utf-8"))
    ]
    public = [name for name in names if "." not in name]  # kxt_trio.testing has its own part
    assert sorted(public) == sorted(kxt_trio.__all__)


def test_reading_the_reference():
    page = """
.. currentmodule:: kxt_trio
.. autoclass:: KISClient
   :members:
.. autofunction:: kxt_trio.open_fill_stream
.. currentmodule:: kxt_trio.testing
.. autoclass:: FakeKIS
.. autoexception:: kxt_trio.KXTError
"""
    assert list(documented(page)) == [
        "kxt_trio.KISClient",
        "kxt_trio.open_fill_stream",
        "kxt_trio.testing.FakeKIS",
        "kxt_trio.KXTError",
    ]


def test_all_is_a_list_without_repeats_of_names_that_exist():
    assert len(set(kxt_trio.__all__)) == len(kxt_trio.__all__)
    assert [name for name in kxt_trio.__all__ if not hasattr(kxt_trio, name)] == []


def test_all_is_sorted():
    """Constants, then classes, then the rest, as ruff keeps it."""

    def key(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    assert list(kxt_trio.__all__) == sorted(kxt_trio.__all__, key=key)


def test_models_and_errors_are_all_at_the_top():
    assert set(kxt_trio.models.__all__) <= set(kxt_trio.__all__)
    assert set(kxt_trio.errors.__all__) <= set(kxt_trio.__all__)


def test_nothing_public_is_left_out_of_all():
    names = {
        name
        for name, value in vars(kxt_trio).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert names - {"annotations"} <= set(kxt_trio.__all__)


def test_version_is_that_of_the_distribution():
    assert kxt_trio.__version__ == importlib.metadata.version("kxt_trio")


def test_what_a_client_needs_is_not_imported_before_there_is_one() -> None:
    late = ("httpx", "cattrs", "trio_websocket", "sqlite3", "Crypto", "kxt_trio.session")
    assert imported("import kxt_trio", late) == []


def test_what_a_journal_needs_is_not_imported_without_one() -> None:
    code = """
import trio
from kxt_trio import open_fill_stream
from kxt_trio.testing import FakeKIS

async def main():
    async with FakeKIS() as kis:
        async with open_fill_stream(**kis.credentials, network=kis.network) as fills:
            await fills.wait_live()

trio.run(main)
"""
    rooms = ("journal", "journal_file", "journal_records", "outbox", "records")
    late = ("sqlite3", "cattrs", *(f"kxt_trio.reconcile.{room}" for room in rooms))
    auditor = "kxt_trio.reconcile.auditor"
    assert imported(code, (*late, auditor)) == [auditor]


def imported(code: str, names: tuple[str, ...]) -> list[str]:
    """Run the code in a new interpreter; return which of the modules it has brought.

    What is there from the start was brought by others, such as what measures coverage.
    """
    start = "import sys; before = set(sys.modules)"
    end = f"print(*[name for name in {names} if name in sys.modules.keys() - before])"
    code = f"{start}\n{code}\n{end}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.split()
