"""``kxt-trio fills`` and ``kxt-trio events``."""

from __future__ import annotations

import sys
from datetime import datetime

import trio

from kxt_trio import KST, FillStream, KISClient, OrderEventStream, to_json

from .arguments import Feed, ListenOptions
from .exits import CommandError, ExitCode
from .lines import LineWriter, say
from .messages import library_messages
from .settings_source import Settings, read_settings

__all__ = ["listen"]


async def listen(options: ListenOptions) -> ExitCode:
    """Show events until there were enough of them, the reader is gone, or for ever.

    Raises, inside the groups of its nurseries:
        CommandError: a setting is missing, or rich is.
        KXTError: the broker refuses, or cannot be reached.
        ReaderGoneError: nobody reads the output any more.
    """
    settings = read_settings(options.settings)
    as_lines = options.json or not sys.stdout.isatty()
    show = _print_lines if as_lines else _draw_table
    async with KISClient(**settings.credentials, endpoints=settings.endpoints) as client:
        stream = (
            client.stream_fill_updates()
            if options.feed is Feed.FILLS
            else client.stream_order_events()
        )
        async with stream:
            await show(stream, options, settings)
    return ExitCode.OK


async def _print_lines(
    stream: FillStream | OrderEventStream, options: ListenOptions, settings: Settings
) -> None:
    writer = LineWriter()
    with library_messages(lambda text: say(f"{datetime.now(KST):%H:%M:%S}  {text}")):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.watch_reader, nursery.cancel_scope)
            taken = 0
            async for event in stream:
                await writer.write(to_json(event))
                taken += 1
                if taken == options.take:
                    break
            nursery.cancel_scope.cancel()


async def _draw_table(
    stream: FillStream | OrderEventStream, options: ListenOptions, settings: Settings
) -> None:
    try:
        from .table import LiveTable  # noqa: PLC0415  # rich, needed on a terminal only
    except ModuleNotFoundError as exc:
        raise CommandError(
            "the live table needs rich: pip install 'kxt-trio[cli]', or use --json"
        ) from exc
    place = f"{settings.credentials.environment.value} trading, {settings.endpoints.websocket}"
    table = LiveTable(options.feed, place)
    with library_messages(table.note):
        async with table.shown(stream):
            taken = 0
            async for event in stream:
                table.add(event)
                taken += 1
                if taken == options.take:
                    break
