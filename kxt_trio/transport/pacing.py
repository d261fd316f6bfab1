"""The pace of REST calls: the broker counts them and refuses what is too much.

18 calls a second on real accounts, one on paper, 100 to 150 ms apart (official notice of
2026-04-20; three a second in an account's first days).  A refused call counts as one.
"""

from __future__ import annotations

import math

import trio

from kxt_trio.settings import Environment

__all__ = ["Pacer", "call_gap"]

# Paper counts by the second on its own clock, and calls bunch up on the way there.
_GAPS = {Environment.REAL: 0.125, Environment.PAPER: 1.1}

#: Told to slow down, nobody calls for this long: the second that was full is over then.
_BREATHER = 1.1


def call_gap(environment: Environment) -> float:
    """Seconds from one call to the next, at the soonest."""
    return _GAPS[environment]


class Pacer:
    """Gives out turns, a fixed time apart, in the order in which they are asked for.

    One is shared by all calls with the same keys.

    Args:
        gap: Seconds from one call to the next.
    """

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._free_at = -math.inf

    @classmethod
    def of(cls, environment: Environment) -> Pacer:
        """Return one at the environment's pace."""
        return cls(call_gap(environment))

    async def turn(self) -> None:
        """Wait for the next turn.  Who is cancelled while waiting leaves it unused."""
        at = max(self._free_at, trio.current_time())
        self._free_at = at + self._gap
        await trio.sleep_until(at)

    def slow_down(self) -> None:
        """Keep everybody waiting for a moment: the broker said that it was too much."""
        self._free_at = max(self._free_at, trio.current_time() + _BREATHER)
