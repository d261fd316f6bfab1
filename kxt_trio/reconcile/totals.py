"""Shares and what they cost: what is counted, what the broker says, and what lies between."""

from __future__ import annotations

import attrs

from .facts import Amount

__all__ = ["Totals"]


@attrs.frozen
class Totals:
    """Shares and what they cost."""

    quantity: int
    amount: Amount

    @property
    def nothing(self) -> bool:
        """Neither shares nor money."""
        return self.quantity == 0 and self.amount == 0

    @property
    def a_fill(self) -> bool:
        """Something that can have been traded: shares, for money."""
        return self.quantity > 0 and self.amount > 0
