"""``kxt-trio demo``: a stand-in broker, real sockets, a broken link, and an honest count."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

import trio

from kxt_trio import (
    FillEvent,
    FillOrigin,
    FillStream,
    KISClient,
    Network,
    Reconciliation,
    StreamPolicy,
)
from kxt_trio.testing import FakeKIS, serve_fake_kis
from kxt_trio.transport.token_cache import MemoryTokenCache

from .arguments import DemoOptions
from .exits import ExitCode
from .lines import is_terminal
from .rows import grouped, price_text, side_word
from .scenario import Cable, Scenario
from .stage import JsonStage, PlainStage, Stage
from .tally import Outcome, Tally

__all__ = ["demo"]

#: Seconds between two attempts to reconnect.  A broker that is not a stand-in would mind.
_IMPATIENCE = 0.2
_POLICY = StreamPolicy(
    connect_timeout=30,  # the cable may be out for longer than a usual attempt lasts
    subscribe_timeout=30,
    startup_timeout=60,
    backoff_initial=_IMPATIENCE,
    backoff_floor=_IMPATIENCE,
    backoff_max=_IMPATIENCE,
)
#: On one machine nothing is late.  A notice tells the second of its execution only, so
#: one second of lag is what the library has to assume, and twice that is what it allows.
_RECONCILIATION = Reconciliation(stream_lag=2, rest_lag=1, audit_interval=2)


async def demo(options: DemoOptions) -> ExitCode:
    """Play the scenario and count.

    Returns:
        OK when the broker's totals and the delivered ones are the same.

    Raises:
        KXTError: the link could not be made or mended.
        ReaderGoneError: nobody reads the output any more.
    """
    stage = _choose_stage(options)
    cable = Cable()
    tally = Tally()
    async with FakeKIS() as kis, trio.open_nursery() as nursery:
        await nursery.start(partial(serve_fake_kis, kis=kis))
        await stage.introduce(urlsplit(kis.endpoints.rest).netloc)
        tokens = MemoryTokenCache()
        network = Network(
            open_stream=cable.open_stream,
            now=lambda: kis.now,
            token_cache=lambda _credentials, _rest_url: tokens,
        )
        async with (
            KISClient(
                **kis.credentials,
                endpoints=kis.endpoints,
                policy=_POLICY,
                reconcile=_RECONCILIATION,
                network=network,
            ) as client,
            client.stream_fill_updates() as fills,
        ):
            await fills.wait_live()
            await stage.tell("link", "listening: the broker acknowledged the subscription")
            scenario = Scenario(kis, cable, stage, tally=tally, orders=options.orders)
            async with trio.open_nursery() as watchers:
                watchers.start_soon(_listen, fills, tally, stage)
                watchers.start_soon(stage.watch, fills)
                await scenario.play(fills)
                watchers.cancel_scope.cancel()
            outcome = Outcome.of(scenario.orders, kis.totals(), tally, fills.statistics())
        nursery.cancel_scope.cancel()
    await stage.finish(outcome)
    return ExitCode.OK if outcome.adds_up else ExitCode.FAILURE


def _choose_stage(options: DemoOptions) -> Stage:
    if options.json:
        return JsonStage()
    if is_terminal():
        try:
            from .live_stage import LiveStage  # noqa: PLC0415  # rich, for a terminal only
        except ModuleNotFoundError:
            return PlainStage()
        return LiveStage()
    return PlainStage()


async def _listen(fills: FillStream, tally: Tally, stage: Stage) -> None:
    previous: FillEvent | None = None
    async for fill in fills:
        report = fill.report
        so_far = tally.add(fill)
        side = side_word(fill.side)
        text = (
            f"{report.order_ref.order_id}  {side:<4} {grouped(report.quantity):>4} x "
            f"{fill.instrument.symbol} at {price_text(report.price):>7}   "
            f"{grouped(so_far)} of {grouped(fill.order_quantity or so_far)}"
        )
        await stage.deliver(fill, text)
        if fill == previous and fill.origin is FillOrigin.LIVE:
            await stage.tell("note", "the last two look alike: they are two fills and stay two")
        previous = fill
