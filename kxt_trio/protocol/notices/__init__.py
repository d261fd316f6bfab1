"""The notices: one module per market."""

from __future__ import annotations

from kxt_trio.settings import Environment

__all__ = ["notice_tr_id"]

_DOMESTIC_STOCK = {Environment.REAL: "H0STCNI0", Environment.PAPER: "H0STCNI9"}


def notice_tr_id(environment: Environment) -> str:
    """Return the TR of the domestic stock notices."""
    return _DOMESTIC_STOCK[environment]
