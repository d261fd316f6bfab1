"""Who takes part, on which wire, from which environment."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fills import OLD, PLAIN, REAL

OURS, UNAUDITED, JOURNALED = "kxt_trio", "kxt_trio-unaudited", "kxt_trio-journaled"
KXT, PYTHON_KIS = "kxt", "python-kis"
NAMES = (OURS, UNAUDITED, JOURNALED, KXT, PYTHON_KIS)

#: What is installed from the package index, and how users import it.
PEERS = {KXT: "kxt==0.2.0", PYTHON_KIS: "python-kis==2.1.6"}
#: What they import and do not declare.
UNDECLARED = {PYTHON_KIS: ("typing_extensions",)}
IMPORTS = {
    OURS: "from kxt_trio import open_fill_stream",
    KXT: "from kxt import KISClient",
    PYTHON_KIS: "from pykis import PyKis",
}

#: Each reads no other than this.
WIRES = {
    OURS: "26 fields, enciphered: a real account's wire today",
    KXT: "26 fields in plain text: it does not decipher, and KIS sends no plain notices",
    PYTHON_KIS: "23 fields, enciphered: the layout before 2025; it drops 26 fields",
}


@dataclass(frozen=True)
class Contestant:
    """A library, or one of ours with other settings."""

    name: str
    library: str
    script: str
    layout: str
    python: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether this is the library as it comes."""
        return self.name == self.library


def contestants(peers: Path, only: set[str]) -> dict[str, Contestant]:
    """Return who takes part by name, the environments made."""
    ours = (OURS, "client_kxt_trio.py", REAL, sys.executable)
    found = [
        Contestant(name, *ours, {"reconcile": reconcile, "journal": journal})
        for name, reconcile, journal in (
            (OURS, True, None),
            (UNAUDITED, False, None),
            (JOURNALED, True, True),
        )
        if name in only
    ]
    for name, script, layout in (
        (KXT, "client_kxt.py", PLAIN),
        (PYTHON_KIS, "client_python_kis.py", OLD),
    ):
        if name in only:
            python = _environment(peers, name)
            found.append(Contestant(name, name, script, layout, python))
    return {contestant.name: contestant for contestant in found}


def _environment(folder: Path, library: str) -> str:
    """Return the interpreter of the library's environment; make it if need be."""
    home = folder.resolve() / library
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"installing {PEERS[library]} into an environment of its own", flush=True)
        venv.create(home, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet"]
        needed = [PEERS[library], *UNDECLARED.get(library, ())]
        subprocess.run([*install, *needed], check=True)
    return str(python)


def version(python: str, package: str) -> str:
    """Return which version of a package an environment has."""
    code = (
        "import importlib as i, importlib.metadata as m\n"
        f"try: print(m.version({package!r}))\n"
        f"except m.PackageNotFoundError: print(i.import_module({package!r}).__version__)"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "?"
