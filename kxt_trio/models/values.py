"""The values that events are made of: instrument, order reference, account."""

from __future__ import annotations

from datetime import timedelta, timezone

import attrs

from kxt_trio.errors import KXTValidationError

__all__ = ["KST", "PROVIDER", "AccountSummary", "InstrumentRef", "ProviderOrderRef", "mask"]

#: Korea Standard Time.  Fixed: Korea has no daylight saving time.
KST = timezone(timedelta(hours=9), "KST")

#: The name under which this broker's orders are referenced.
PROVIDER = "kis"

_ACCOUNT_DIGITS = 8
_PRODUCT_DIGITS = 2


def mask(text: str | None) -> str:
    """Show how long an account number is and its last two digits, nothing else."""
    if text is None:
        return "None"
    return "'" + "*" * (len(text) - 2) + text[-2:] + "'"


@attrs.frozen
class InstrumentRef:
    """A listed instrument.

    ``symbol`` is the exchange's short code, such as ``"005930"``.  ``name`` is what the
    broker calls it, cut by the broker at 40 bytes; it takes no part in comparisons.
    """

    symbol: str
    name: str | None = attrs.field(default=None, eq=False)


@attrs.frozen
class ProviderOrderRef:
    """An order as the broker numbers it.

    ``order_id`` keeps the zero-padded form of the wire.  The broker starts numbering
    anew every day, so an order is identified by the day, the account and this number.
    ``original_order_id`` is the order that this one amends or cancels, if any.
    ``account_id`` is the eight-digit account number (CANO); ``repr`` masks it.
    """

    provider: str
    order_id: str
    original_order_id: str | None = None
    account_id: str | None = attrs.field(default=None, repr=mask)


@attrs.frozen
class AccountSummary:
    """An account: eight digits (CANO) and, where known, the two-digit product code.

    ``repr`` masks the number.
    """

    account_id: str = attrs.field(repr=mask)
    product_code: str | None = None

    @classmethod
    def parse(cls, account_no: str, product_code: str | None = None) -> AccountSummary:
        """Read ``"12345678"``, ``"12345678-01"`` or ``"1234567801"``.

        Raises:
            KXTValidationError: it is none of these, or the product code inside the
                number contradicts ``product_code``.
        """
        number, dash, tail = account_no.strip().partition("-")
        if not dash and len(number) == _ACCOUNT_DIGITS + _PRODUCT_DIGITS:
            number, tail = number[:_ACCOUNT_DIGITS], number[_ACCOUNT_DIGITS:]
        code = (product_code or "").strip()
        if tail and code and tail != code:
            raise KXTValidationError(
                "account_no carries another product code than account_product_code; "
                "give the product code once"
            )
        code = code or tail
        if not _digits(number, _ACCOUNT_DIGITS) or (dash and not tail):
            raise KXTValidationError(
                "account_no must be 8 digits, or 8 digits and the 2-digit product code, "
                "such as '12345678' or '12345678-01'"
            )
        if code and not _digits(code, _PRODUCT_DIGITS):
            raise KXTValidationError("account_product_code must be 2 digits, such as '01'")
        return cls(number, code or None)

    def covers(self, account: AccountSummary) -> bool:
        """Whether ``account`` is this account.

        A product code that is not known, here or there, excludes nothing: a fill that may
        be this account's is not dropped.
        """
        return self.account_id == account.account_id and (
            self.product_code is None
            or account.product_code is None
            or self.product_code == account.product_code
        )


def _digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit()
