"""The architecture of the package: who may import whom, and how large a room may be."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

PACKAGE = "kxt_trio"
MAX_LINES = 450
VAGUE_NAMES = {"common", "helper", "helpers", "misc", "util", "utils"}

#: Bottom to top: a room imports from the rooms before it and from itself.  The package's
#: own ``__init__`` is the facade: only what uses the library as a user would is above it.
LAYERS = (
    "errors",
    "models",
    "account_filter",
    "settings",
    "protocol",
    "file_lock",
    "offload",
    "transport",
    "scope",
    "reconnect",
    "watched",
    "reconcile",
    "status",
    "stream",
    "journaled",
    "connection",
    "session",
    "client",
    PACKAGE,
    "testing",
    "cli",
    "__main__",
)

#: Rooms that know neither the network nor the time.
SANS_IO = (
    "errors",
    "models",
    "account_filter",
    "settings",
    "protocol",
    *(
        f"reconcile.{room}"
        for room in (
            "answers",
            "book",
            "calendar",
            "day",
            "facts",
            "findings",
            "joined_rows",
            "ledger",
            "pauses",
            "recent",
            "records",
            "rules",
            "schedule",
            "settlement",
            "statistics",
            "tally",
            "totals",
            "broker_clock",
        )
    ),
    "reconnect",
)
IO = {
    "anyio",
    "asyncio",
    "httpx",
    "select",
    "socket",
    "ssl",
    "threading",
    "time",
    "trio",
    "trio_websocket",
}
CLOCK_CALLS = {
    "date.today",
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.now",
    "datetime.utcnow",
}

#: The one door of each dependency.
DOORS = {
    "Crypto": "protocol.cbc",
    "h11": "testing",
    "httpx": "transport.rest",
    "rich": "cli",
    "trio_websocket": "transport.websocket",
}
#: Modules that may name a type of a dependency, without importing it at run time.
TYPE_DOORS = {"httpx": "transport.network"}


class Import(NamedTuple):
    """One imported name, in full: ``from .b import c`` gives ``kxt_trio.b.c``."""

    target: str
    line: int
    for_types: bool


class Module(NamedTuple):
    """One source file; the name is dotted, without the package, empty for its ``__init__``."""

    name: str
    path: Path
    source: str
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def room(self) -> str:
        return self.name.partition(".")[0] or PACKAGE


def load(root: Path) -> dict[str, Module]:
    modules = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        source = path.read_text(encoding="utf-8")
        modules[name] = Module(name, path, source, ast.parse(source))
    return modules


def imports(module: Module) -> Iterator[Import]:
    """Yield everything the module imports, wherever in the file, types included."""
    for_types = {
        id(child)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for child in ast.walk(statement)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = [PACKAGE, *filter(None, module.name.split("."))]
                climb = node.level - module.is_package
                base = ".".join([*here[: len(here) - climb], *filter(None, [base])])
            targets = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            yield Import(target, node.lineno, id(node) in for_types)


def inner(target: str, modules: dict[str, Module]) -> str | None:
    """The module of the package that an imported name lives in, or None for a foreign one."""
    head, _, name = target.partition(".")
    if head != PACKAGE:
        return None
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def violations(root: Path) -> list[str]:
    """Everything in the package at ``root`` that breaks the rules above."""
    modules = load(root)
    return [
        complaint
        for module in modules.values()
        for check in (direction, sans_io, doors, size_and_name)
        for complaint in check(module, modules)
    ] + cycles(modules)


def direction(module: Module, modules: dict[str, Module]) -> Iterator[str]:
    if module.room not in LAYERS:
        yield f"{module.name}: has no place among the layers"
        return
    for item in imports(module):
        target = inner(item.target, modules)
        if target is None:
            continue
        room = modules[target].room
        if room in LAYERS and LAYERS.index(room) > LAYERS.index(module.room):
            yield f"{module.name}:{item.line}: imports upward from {room}"


def sans_io(module: Module, modules: dict[str, Module]) -> Iterator[str]:
    if not any(within(module.name, room) for room in SANS_IO):
        return
    for item in imports(module):
        if (library := item.target.partition(".")[0]) in IO:
            yield f"{module.name}:{item.line}: sans-IO, but imports {library}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CLOCK_CALLS:
            yield f"{module.name}:{node.lineno}: sans-IO, but reads the clock"


def doors(module: Module, modules: dict[str, Module]) -> Iterator[str]:
    for item in imports(module):
        library = item.target.partition(".")[0]
        if library not in DOORS or within(module.name, DOORS[library]):
            continue
        if item.for_types and module.name == TYPE_DOORS.get(library):
            continue
        yield f"{module.name}:{item.line}: {library} is imported in {DOORS[library]} only"


def size_and_name(module: Module, modules: dict[str, Module]) -> Iterator[str]:
    if (lines := len(module.source.splitlines())) > MAX_LINES:
        yield f"{module.name}: {lines} lines, more than {MAX_LINES}"
    if module.name.rpartition(".")[2].strip("_") in VAGUE_NAMES:
        yield f"{module.name}: the name says nothing"


def cycles(modules: dict[str, Module]) -> list[str]:
    graph = {
        module.name: {
            target
            for item in imports(module)
            if (target := inner(item.target, modules)) not in (None, module.name)
        }
        for module in modules.values()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        return ["a cycle: " + " > ".join(name or PACKAGE for name in reversed(exc.args[1]))]
    return []


def test_the_package_keeps_its_layers():
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    assert len(load(root)) > 20, "the checker found too little to be checking the package"
    assert violations(root) == []


def plant(root: Path, **sources: str) -> Path:
    """Write modules, ``__`` in a name standing for a folder, packages completed."""
    (root / "__init__.py").touch()
    for name, source in sources.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent != root:
            (path.parent / "__init__.py").touch()
        path.write_text(dedent(source), encoding="utf-8")
    return root


def test_a_sound_package_has_no_violations(tmp_path):
    root = plant(
        tmp_path,
        errors="class KXTError(Exception): ...",
        models__values="from ..errors import KXTError",
        models__events="from .values import X\nfrom datetime import datetime",
        protocol__cbc="from Crypto.Cipher import AES\nfrom kxt_trio.models import events",
        transport__network="""
            from typing import TYPE_CHECKING
            import trio
            if TYPE_CHECKING:
                import httpx
            """,
        transport__rest="import httpx\nfrom . import network",
        transport__websocket="import trio_websocket",
        client="from .transport.rest import post",
        testing__fake_kis="import h11\nfrom kxt_trio import client",
        cli__live="import rich.table\nimport kxt_trio",
    )
    assert violations(root) == []


@pytest.mark.parametrize(
    ("name", "source", "complaint"),
    [
        ("errors", "from .models import X", "errors:1: imports upward from models"),
        ("errors", "from . import models", "errors:1: imports upward from models"),
        ("errors", "import kxt_trio.models", "errors:1: imports upward from models"),
        ("models__a", "from .. import client", "models.a:1: imports upward from client"),
        ("models__a", "from ..client import X", "models.a:1: imports upward from client"),
        (
            "session",
            "from kxt_trio import KISClient",
            "session:1: imports upward",
        ),
        ("stream", "from kxt_trio.session import X", "stream:1: imports upward from session"),
        (
            "stream",
            "def later():\n    from .session import X",
            "stream:2: imports upward from session",
        ),
        (
            "stream",
            "if TYPE_CHECKING:\n    from .session import X",
            "stream:2: imports upward from session",
        ),
        ("protocol__a", "import trio", "protocol.a:1: sans-IO, but imports trio"),
        ("reconcile__ledger", "from time import time", "ledger:1: sans-IO, but imports time"),
        ("reconnect", "import trio.testing", "reconnect:1: sans-IO, but imports trio"),
        ("models__a", "x = datetime.now(KST)", "models.a:1: sans-IO, but reads the clock"),
        (
            "session",
            "import trio_websocket",
            "imported in transport.websocket only",
        ),
        ("session", "import httpx", "httpx is imported in transport.rest only"),
        ("transport__network", "import httpx", "httpx is imported in transport.rest only"),
        (
            "session",
            "if TYPE_CHECKING:\n    import httpx",
            "session:2: httpx is imported in transport.rest only",
        ),
        (
            "protocol__frames",
            "from Crypto.Cipher import AES",
            "imported in protocol.cbc only",
        ),
        ("client", "from rich.live import Live", "rich is imported in cli only"),
        ("cli__serve", "import h11", "h11 is imported in testing only"),
        ("cli__util", "", "cli.util: the name says nothing"),
        ("helpers", "", "helpers: has no place among the layers"),
        ("stream", "\n" * 451, "stream: 451 lines, more than 450"),
    ],
)
def test_a_planted_violation_is_found(tmp_path, name, source, complaint):
    root = plant(tmp_path, **{"models__b": "", "session": "", "client": "", name: source})
    assert any(complaint in found for found in violations(root))


def test_a_planted_cycle_is_found(tmp_path):
    root = plant(tmp_path, cli__a="from .b import X", cli__b="from kxt_trio.cli.a import Y")
    assert violations(root) == ["a cycle: cli.a > cli.b > cli.a"] or violations(root) == [
        "a cycle: cli.b > cli.a > cli.b"
    ]
