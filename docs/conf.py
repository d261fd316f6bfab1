"""Sphinx settings.  The build is strict (``-W -n``) and needs no network."""

from __future__ import annotations

import re
import tempfile
import zlib
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
import httpx  # noqa: ASYNC127

import kxt_trio
from kxt_trio.transport import network
from kxt_trio.transport.token_cache import TokenCache

HERE = Path(__file__).parent

project = "kxt_trio"
author = "the kxt_trio authors"
copyright = f"2026 {author}"
release = version = kxt_trio.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build", "inventories"]
default_role = "py:obj"
nitpicky = True

html_theme = "furo"
html_title = f"kxt_trio {release}"
html_static_path = ["_static"]
html_css_files = ["kxt.css"]

autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

doctest_global_setup = "from kxt_trio import *"

# Imported there for type checkers only; autodoc evaluates the annotations, those of the
# class in its module and those of the __init__ that attrs wrote in a copy of it.
for namespace in (vars(network), network.Network.__init__.__globals__):
    namespace["httpx"] = httpx
    namespace["TokenCache"] = TokenCache


# Cross references to other projects.  Their own inventories would have to be fetched, so
# what we refer to is listed in docs/inventories, and turned into Sphinx's format here.


def build_inventory(name: str) -> str:
    lines = (HERE / "inventories" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    entries = "".join(
        f"{target} py:{ROLES.get(role, role)} 1 {page}#{PREFIX.get(role, '')}$ -\n"
        for target, role, page in rows
    )
    path = Path(BUILT.name) / f"{name}.inv"
    head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version:\n"
    head += "# The remainder of this file is compressed using zlib.\n"
    path.write_bytes(head.encode() + zlib.compress(entries.encode()))
    return str(path)


ROLES = {"mod": "module", "func": "function", "exc": "exception", "meth": "method"}
PREFIX = {"mod": "module-"}
BUILT = tempfile.TemporaryDirectory()

intersphinx_mapping = {
    "python": ("https://docs.python.org/3/", build_inventory("python")),
    "trio": ("https://trio.readthedocs.io/en/stable/", build_inventory("trio")),
}

nitpick_ignore_regex = [
    ("py:class", r"kxt_trio\.testing\.rest_desk\.RestCall"),  # a row of FakeKIS.rest_calls
    ("py:meth", r"BrokerFaults\.\w+"),  # documented as methods of FakeKIS
    ("py:attr", r"notice_lag"),  # listed with FakeKIS
    # Fields of Network, for tests of the library itself
    ("py:class", r"kxt_trio\.offload\.Offload"),
    ("py:class", r"kxt_trio\.transport\.token_cache\.TokenCache"),
    ("py:.*", r"httpx\..*"),  # publishes no inventory
    ("py:class", r"kxt_trio\..*\._\w+"),  # type variables
]


def keep_colons(_app: Any, what: str, *rest: Any) -> None:
    """Keep napoleon from reading "Subscribed: what is ..." as a type and its text.

    It looks for a type in the first line only, so that becomes an empty comment.
    """
    lines = rest[-1]
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]


def show_plain_types(*event: Any) -> tuple[str, str] | None:
    """Show what a caller sees.

    Default values instead of where attrs keeps them, a context manager instead of the
    generator it is made of, and a stream's own events instead of the type variable of
    its base class.
    """
    _, _, name, subject, _, signature, returned = event
    returned = returned or ""
    if "attr_dict" in (signature or ""):
        defaults = {field.name: field.default for field in attrs.fields(subject)}
        shown = re.sub(
            r"attr_dict\['(\w+)'\]\.default",
            lambda found: show_value(defaults[found[1]]),
            signature,
        )
        return shown.replace("NOTHING", "..."), returned
    if "AsyncGenerator[" in returned:
        _, _, inner = returned.partition("[")
        return signature, f"~contextlib.AbstractAsyncContextManager[{inner}"
    if returned.endswith("_Event"):
        return signature, "FillEvent" if ".FillStream." in name else "OrderEvent"
    return None


def show_value(value: Any) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    return value.__name__ if callable(value) else repr(value)


def setup(app: Any) -> None:
    app.connect("autodoc-process-signature", show_plain_types)
    app.connect("autodoc-process-docstring", keep_colons, priority=400)
