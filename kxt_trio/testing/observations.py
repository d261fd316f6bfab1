"""What a test can see of the clients from the broker's side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .broker import Broker
from .rest_desk import RestCall

__all__ = ["BrokerObservations"]


class BrokerObservations:
    """What :class:`~kxt_trio.testing.FakeKIS` has seen, over all connections."""

    _broker: Broker

    @property
    def connects(self) -> Sequence[float]:
        """When a websocket was asked for, on trio's clock; refused ones are in it."""
        return self._broker.switchboard.traffic.connects

    @property
    def requests(self) -> Sequence[Any]:
        """Every subscription and release, as parsed JSON; None for what was no JSON."""
        return self._broker.switchboard.traffic.requests

    @property
    def pongs(self) -> Sequence[bytes]:
        """The answers to PINGPONG: payloads of pongs, and echoed texts."""
        return self._broker.switchboard.traffic.pongs

    @property
    def closes(self) -> Sequence[int]:
        """Codes of the close frames that clients sent; 1005 for one without a code."""
        return self._broker.switchboard.traffic.closes

    @property
    def rest_calls(self) -> Sequence[RestCall]:
        """Every REST request, with its time."""
        return self._broker.rest.calls

    @property
    def sessions(self) -> int:
        """How many websockets are open."""
        return len(self._broker.switchboard.connections)

    @property
    def is_subscribed(self) -> bool:
        """Whether a notice sent now could arrive."""
        return self._broker.switchboard.is_subscribed

    async def wait_subscribed(self) -> None:
        """Wait until there is a live subscription; returns at once when there is one."""
        await self._broker.switchboard.wait_subscribed()
