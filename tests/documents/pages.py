"""The texts of README.rst and docs/, and how to find things in them."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
README = (ROOT / "README.rst").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.rst")}
TEXTS = {"README.rst": README, **PAGES}


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a page, without their indentation."""
    found = re.findall(
        rf"^\.\. code-block:: {language}\n\n((?:(?: .*)?\n)+)", text, re.MULTILINE
    )
    return [dedent(block).strip() + "\n" for block in found]


def commands(text: str) -> list[str]:
    return [
        line.removeprefix("$ ").split("  #")[0].strip()
        for block in blocks(text, "console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


def table_rows(text: str) -> list[list[str]]:
    """The rows of all list tables of a page, a cell in one line."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        if match := re.match(r"   \* - ?(.*)", line):
            rows.append([match[1].strip()])
        elif match := re.match(r"     - ?(.*)", line):
            rows[-1].append(match[1].strip())
        elif rows and line.startswith("       "):
            rows[-1][-1] += " " + line.strip()
    return rows
