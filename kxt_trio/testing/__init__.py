"""A stand-in broker for tests, in memory or on loopback TCP.

``pytest_plugins = ["kxt_trio.testing.plugin"]`` gives the fixture ``fake_kis``.
"""

from __future__ import annotations

from .fake_kis import FakeKIS
from .loopback import serve_fake_kis
from .notice_layouts import Layout

__all__ = ["FakeKIS", "Layout", "serve_fake_kis"]
