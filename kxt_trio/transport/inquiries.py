"""The broker's totals of all orders, page by page: what reconciliation asks for."""

from __future__ import annotations

from datetime import date

import attrs

from kxt_trio.errors import KXTError, KXTProtocolError
from kxt_trio.models import AccountSummary
from kxt_trio.protocol.inquiry import InquiryRequest, PageKey
from kxt_trio.protocol.rest_answers import is_token_refused
from kxt_trio.settings import Environment

from .access_tokens import AccessTokens
from .rest import RestClient, TimedPage

__all__ = ["DailyOrders", "Inquiries"]


@attrs.frozen
class DailyOrders:
    """The answer to one question, each page with its own times.

    Attributes:
        pages: In the order in which they were asked for, at least one.
        failure: Why the pages after these are missing; None if the broker ended it.
    """

    pages: tuple[TimedPage, ...]
    failure: KXTError | None = None

    @property
    def flaw(self) -> str | None:
        """Why something may be missing; None if nothing is.

        Nothing is, if every page came, every row could be read, the last page was marked
        as such, and there are rows or the broker's sums say that there are none: on paper,
        lists without rows have been seen beside sums that were not zero.  Only then does
        the absence of an order mean anything.  The sums are not held against rows that are
        there: the labels of the portal's sheet are shifted, so a sum may be of anything.
        """
        if self.failure is not None:
            return str(self.failure)
        for timed in self.pages:
            if timed.page.faults:
                return timed.page.faults[0]
        filled = sum(row.filled_quantity for timed in self.pages for row in timed.page.rows)
        said = [timed.page.sums for timed in self.pages]
        if not any(timed.page.rows for timed in self.pages) and any(
            sums.ordered or sums.filled for sums in said
        ):
            return "no rows, beside sums that are not zero"
        last = self.pages[-1].page
        if not (last.last or (last.ends_in_silence and last.sums.filled == filled)):
            return "the last page is not marked as such"
        return None


class Inquiries:
    """Asks for orders and their totals.

    Args:
        rest: The calls.
        tokens: The access token.
        environment: Real or paper trading.
    """

    def __init__(
        self, rest: RestClient, tokens: AccessTokens, environment: Environment
    ) -> None:
        self._rest = rest
        self._tokens = tokens
        self._environment = environment

    async def daily_orders(
        self, account: AccountSummary, first: date, last: date, *, order_id: str | None = None
    ) -> DailyOrders:
        """Ask for the orders of these trade dates, oldest first, and follow all pages.

        A failure after the first page is in the answer, with the pages before it: what
        they list is as good as any.

        Args:
            account: The account, product code included.
            first: First trade date, in Korea; not more than three months ago.
            last: Last trade date.
            order_id: One order alone.

        Raises:
            KXTValidationError: the account has no product code, or the dates are in the
                wrong order.
            KXTAuthenticationError: the keys are refused.
            KXTAPIError: refused for another reason.
            KXTConnectionError: no answer.
            KXTProtocolError: an answer that is none.
        """
        request = InquiryRequest(
            account=account,
            first=first,
            last=last,
            environment=self._environment,
            order_id=order_id,
        )
        pages = [await self._page(request, None)]
        asked: set[PageKey] = set()
        while pages[-1].page.more:
            key = pages[-1].page.key
            try:
                if key in asked:
                    raise KXTProtocolError("inquiry: the same page is announced again")
                asked.add(key)
                pages.append(await self._page(request, key))
            except KXTError as exc:
                return DailyOrders(tuple(pages), exc)
        return DailyOrders(tuple(pages))

    async def _page(self, request: InquiryRequest, after: PageKey | None) -> TimedPage:
        token = await self._tokens.get()
        try:
            return await self._rest.ask_daily_orders(request, token, after)
        except KXTError as exc:
            if not is_token_refused(exc):
                raise
        token = await self._tokens.get(refused=token)
        return await self._rest.ask_daily_orders(request, token, after)
