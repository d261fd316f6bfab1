"""How the stand-in broker's parts are put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random

import attrs

from kxt_trio.settings import Credentials

from .daily_inquiry import DailyInquiry
from .exchange import Exchange
from .issued_keys import IssuedKeys
from .rest_desk import RestDesk
from .switchboard import Switchboard
from .websocket_desk import Timing

__all__ = ["Broker"]


@attrs.frozen
class Broker:
    """The parts: what is true, what was given out, and the two ways to ask."""

    exchange: Exchange
    keys: IssuedKeys
    inquiry: DailyInquiry
    rest: RestDesk
    switchboard: Switchboard

    @classmethod
    def assemble(
        cls,
        credentials: Credentials,
        *,
        timing: Timing,
        now: Callable[[], datetime],
        seed: int,
    ) -> Broker:
        """Build a broker for one user."""
        exchange = Exchange()
        keys = IssuedKeys(Random(f"{seed}/keys"))  # noqa: S311  # made-up keys, repeatable
        inquiry = DailyInquiry(exchange, credentials.environment)
        return cls(
            exchange=exchange,
            keys=keys,
            inquiry=inquiry,
            rest=RestDesk(credentials, keys, inquiry),
            switchboard=Switchboard(credentials, keys, timing=timing, now=now, seed=seed),
        )
