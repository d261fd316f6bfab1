"""Which events are of an account."""

from __future__ import annotations

from typing import Protocol

from .models import AccountSummary

__all__ = ["AccountFilter"]


class _OfAnAccount(Protocol):
    @property
    def account(self) -> AccountSummary | None: ...


class AccountFilter:
    """Lets the events of one account pass; those of all, without one."""

    def __init__(self, account: AccountSummary | None) -> None:
        self._account = account
        self._known = account

    def covers(self, event: _OfAnAccount) -> bool:
        """Whether the event passes; one that does not say whose it is passes with all alone."""
        whose = event.account
        if whose is self._known or self._account is None:
            return True
        if whose is None or not self._account.covers(whose):
            return False
        self._known = whose  # the same object comes with nearly every event
        return True
