"""Puts an auditor together from what a session has."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from kxt_trio.models import AccountSummary
from kxt_trio.settings import Credentials, Endpoints, Reconciliation
from kxt_trio.transport.access_tokens import AccessTokens
from kxt_trio.transport.inquiries import DailyOrders, Inquiries
from kxt_trio.transport.network import Network
from kxt_trio.transport.pacing import call_gap
from kxt_trio.transport.rest import RestClient

from .account_tags import account_tag
from .auditor import Auditor
from .delivery import Delivery, Direct, Emit
from .ledger import Ledger
from .rules import LedgerPolicy
from .translation import Translation

if TYPE_CHECKING:
    from .journal import Journal

__all__ = ["audited_account", "prepare_auditor"]

#: The product code of a plain stock account; asked for where none is given.
_STOCK = "01"


def audited_account(account: AccountSummary) -> AccountSummary:
    """Return the account with the product code that the broker wants in an inquiry."""
    return AccountSummary(account.account_id, account.product_code or _STOCK)


async def prepare_auditor(
    account: AccountSummary,
    credentials: Credentials,
    endpoints: Endpoints,
    reconciliation: Reconciliation,
    *,
    network: Network,
    rest: RestClient,
    emit: Emit,
    journal: Journal | None,
) -> Auditor:
    """Return an auditor for this account, its ledger loaded from the journal.

    Raises:
        KXTJournalError: the journal cannot be read.
    """
    environment = credentials.environment
    tokens = AccessTokens(
        rest.issue_token, network.token_cache(credentials, endpoints.rest), network.now
    )
    inquiries = Inquiries(rest, tokens, environment)

    async def ask(trade_date: date, order_id: str | None) -> DailyOrders:
        return await inquiries.daily_orders(account, trade_date, trade_date, order_id=order_id)

    delivery: Delivery
    if journal is None:
        tag = account_tag(account.account_id, credentials.app_key)
        delivery = Direct(emit)
    else:
        from .outbox import Outbox  # noqa: PLC0415  # of no use without a journal

        tag = await journal.enrol(account.account_id, environment.value, credentials.app_key)
        delivery = Outbox(journal, emit)
    auditor = Auditor(
        Ledger(
            LedgerPolicy(
                stream_lag=reconciliation.stream_lag,
                rest_lag=reconciliation.rest_lag,
                audit_interval=reconciliation.audit_interval,
                pace=call_gap(environment),
                replay=reconciliation.replay,
            )
        ),
        Translation(environment.value, account, tag),
        ask=ask,
        now=network.now,
        delivery=delivery,
    )
    await auditor.load()
    return auditor
