"""What README.rst promises, its commands, code and links; and that the index has every page."""

from __future__ import annotations

import re
from collections import Counter

from .pages import EXAMPLES, PAGES, README, ROOT, blocks, commands


def test_the_readme_gives_the_same_two_commands_in_both_languages():
    """``.ci/run`` extracts the test command and runs it; the demo's is next to it."""
    venvs = Counter(line for line in commands(README) if line.startswith("python3 -m venv"))
    assert sorted(venvs.values()) == [2, 2]
    demo, tests = sorted(venvs, key=len)
    assert demo.endswith("kxt-trio demo")
    assert (
        re.findall(r"^ *\$ (python3 -m venv .*pytest) *$", README, re.MULTILINE) == [tests] * 2
    )
    assert demo in commands(PAGES["quickstart.rst"])
    assert demo in commands(PAGES["quickstart_ko.rst"])


def test_the_readme_shows_the_ten_lines_in_both_languages():
    code = (EXAMPLES / "fills.py").read_text(encoding="utf-8")
    assert blocks(README, "python") == [code, code]
    assert len([line for line in code.splitlines() if line]) <= 10


def test_the_readme_renders_without_sphinx():
    assert re.findall(r":\w+(?::\w+)?:`", README) == []
    directives = set(re.findall(r"^ *\.\. ([\w-]+)::", README, re.MULTILINE))
    assert directives == {"code-block", "list-table"}


def test_what_the_readme_links_to_is_there():
    targets = re.findall(r"<([^>`]+)>`__", README)
    assert {f"docs/{name}" for name in PAGES if name != "index.rst"} <= set(targets)
    assert [target for target in targets if not (ROOT / target).is_file()] == []


def test_every_page_is_in_the_index():
    listed = re.findall(r"^   (\w+)$", PAGES["index.rst"], re.MULTILINE)
    assert sorted(f"{name}.rst" for name in [*listed, "index"]) == sorted(PAGES)
