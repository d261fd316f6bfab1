"""One connection's life: subscribe, keep alive, pump.

Everything that belongs to a connection, its AES keys above all, is thrown away with it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from operator import is_not, ne
from typing import TypeAlias

import trio

from .errors import KXTConnectionError, KXTError, KXTTimeoutError
from .models import FillEvent, OrderLifecycleEvent
from .protocol.conversation import (
    Complaint,
    Conversation,
    ConversationState,
    Output,
    Ping,
    Refused,
    Released,
    Subscribed,
    Unreadable,
)
from .reconnect import Loss
from .settings import StreamPolicy
from .transport.websocket import Link
from .watched import Watched

__all__ = ["Connection", "News"]

#: What a connection tells its session besides events.
News: TypeAlias = Subscribed | Released | Ping | Unreadable | Complaint

#: Pause between two requests.  The broker advises 100 to 150 ms.
_REQUEST_GAP = 0.15

#: PINGPONGs that may wait for their answer; the broker sends one every 11 to 14 s.
_PINGS = 16

#: How long a subscription that nobody listens to is kept.
_LINGER = 2.0

_PENDING = (ConversationState.SUBSCRIBING, ConversationState.RELEASING)


class Connection:
    """Runs one open link until it ends.

    Args:
        link: The open websocket.
        conversation: Its protocol state, new.
        demand: The HTS ID that should be subscribed now; None for nobody wants any.
        deliver: Takes the events, in order, with the moment on trio's clock at which they
            came; one for all that came together.  Never waits.
        tell: Takes what else is to be known.  Never waits.
        now: The wall clock.
        policy: Timeouts.
    """

    def __init__(
        self,
        link: Link,
        conversation: Conversation,
        *,
        demand: Watched[str | None],
        deliver: Callable[[FillEvent | OrderLifecycleEvent, float], None],
        tell: Callable[[News], None],
        now: Callable[[], datetime],
        policy: StreamPolicy,
    ) -> None:
        self.link = link
        self._conversation = conversation
        self._demand = demand
        self._deliver = deliver
        self._tell = tell
        self._now = now
        self._policy = policy
        self._opened_at = trio.current_time()
        self._phase = Watched(conversation.state)
        self._loss: Loss | None = None
        self._send_pings, self._pings = trio.open_memory_channel[bytes](_PINGS)

    async def run(self) -> Loss:
        """Subscribe and pump until the link ends; return how it did."""
        async with trio.open_nursery() as children:
            children.start_soon(self._keep_subscribed, name="kxt_trio subscriber")
            children.start_soon(self._heartbeat, name="kxt_trio heartbeat")
            # Not awaited here: to wake a task takes the longer, the more callers it has.
            children.start_soon(self._pump, children.cancel_scope, name="kxt_trio pump")
        assert self._loss is not None
        return self._loss

    def is_about(self, hts_id: str | None) -> bool:
        """Whether the notices that come are those of this HTS ID."""
        return self._conversation.hts_id == hts_id

    def serves(self, hts_id: str | None) -> bool:
        """Whether this HTS ID is subscribed, and its release was not asked for."""
        return self._conversation.state is ConversationState.LIVE and self.is_about(hts_id)

    async def goodbye(self) -> None:
        """Release the subscription and close; the caller bounds it."""
        try:
            if self._conversation.state is ConversationState.LIVE:
                await self.link.send(self._conversation.release())
            await self.link.aclose()
        except KXTError:
            return  # the peer was faster
        finally:
            self.link.abort()

    async def _pump(self, connection: trio.CancelScope) -> None:
        while self._loss is None:
            try:
                texts = await self.link.receive()
            except KXTError as ending:
                self._loss = self._lost(ending)
            else:
                self._loss = self._take(texts)
        connection.cancel(reason="the link ended")

    def _take(self, texts: list[str]) -> Loss | None:
        """Act on messages that came together, also on those after the one that ends it."""
        loss: Loss | None = None
        at = trio.current_time()
        for output in self._conversation.receive_all(texts, self._now()):
            if isinstance(output, FillEvent):  # nearly all are
                self._deliver(output, at)
            else:
                loss = self._act_on(output, at) or loss
        return loss

    def _act_on(self, output: Output, at: float) -> Loss | None:
        match output:
            case Ping():
                self._answer(output)
                self._tell(output)
            case Refused():
                return Loss(output.error, output.advice)
            case Released() if self._phase.value is ConversationState.LIVE:
                return Loss(KXTConnectionError("the broker ended the subscription"))
            case Subscribed() | Released():
                self._tell(output)
                self._phase.set(self._conversation.state)
            case Unreadable() | Complaint():
                self._tell(output)
            case _:
                self._deliver(output, at)
        return None

    def _lost(self, ending: KXTError) -> Loss:
        silent = isinstance(ending, KXTTimeoutError)
        return Loss(ending, lived=None if silent else trio.current_time() - self._opened_at)

    def _answer(self, ping: Ping) -> None:
        try:
            self._send_pings.send_nowait(ping.payload)
        except trio.WouldBlock:
            self.link.abort(
                KXTTimeoutError(f"the broker takes no answer to {_PINGS} PINGPONGs")
            )

    async def _keep_subscribed(self) -> None:
        try:
            while True:
                # A client that is being left says goodbye itself, so look for a cancel
                # before the conversation takes a step.
                await trio.lowlevel.checkpoint()
                wanted, state = self._demand.value, self._conversation.state
                if state is ConversationState.IDLE and wanted is not None:
                    await self._ask(self._conversation.subscribe(wanted))
                elif state is not ConversationState.LIVE or self.serves(wanted):
                    await self._demand.wait(partial(ne, wanted))
                elif wanted is not None or await self._nobody_returns():
                    await self._ask(self._conversation.release())
        except KXTError as ending:
            self.link.abort(ending)

    async def _nobody_returns(self) -> bool:
        """Wait a little before the release: whoever comes back needs no new subscription.

        KIS blocks keys that subscribe and release in a loop.
        """
        with trio.move_on_after(_LINGER):
            await self._demand.wait(partial(is_not, None))
            return False
        return True

    async def _ask(self, request: str) -> None:
        self._phase.set(self._conversation.state)
        with trio.move_on_after(self._policy.subscribe_timeout) as patience:
            await self.link.send(request)
            await self._phase.wait(lambda phase: phase not in _PENDING)
        if patience.cancelled_caught:
            raise KXTTimeoutError(
                "no reply to the subscription request within "
                f"{self._policy.subscribe_timeout:g} s"
            )
        await trio.sleep(_REQUEST_GAP)

    async def _heartbeat(self) -> None:
        """Answer PINGPONGs, and cut the link when nothing at all has come for too long.

        The answer goes out from here and not from the pump, so that a peer that does
        not read cannot stop us from reading.
        """
        timeout = self._policy.heartbeat_timeout
        while True:
            silent_at = self.link.last_received_at + timeout
            payload = None
            with trio.move_on_at(silent_at):
                payload = await self._pings.receive()
            if payload is not None:
                await self._pong(payload)
            elif trio.current_time() >= self.link.last_received_at + timeout:
                self.link.abort(KXTTimeoutError(f"the link was silent for {timeout:g} s"))
                return

    async def _pong(self, payload: bytes) -> None:
        try:
            with trio.fail_after(self._policy.heartbeat_timeout):
                await self.link.pong(payload)
        except trio.TooSlowError:
            self.link.abort(KXTTimeoutError("the broker takes no answer to its PINGPONG"))
        except KXTError as ending:
            self.link.abort(ending)
