"""``kxt-trio fills`` and ``kxt-trio events``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

import trio

from kxt_trio import (
    KST,
    FillStream,
    KISClient,
    OrderEventStream,
    Reconciliation,
    to_json,
)

from .arguments import Feed, ListenOptions
from .exits import CommandError, ExitCode
from .lines import LineWriter, is_terminal, say
from .messages import library_messages
from .rows import StreamedEvent, audit_figures
from .settings_source import Settings, read_settings

__all__ = ["listen"]

_Stream: TypeAlias = FillStream | OrderEventStream
_Show: TypeAlias = Callable[[StreamedEvent], Awaitable[None]]

#: Seconds for the journal to be told of the last fill that was taken.
_LAST_WORD = 0.1


async def listen(options: ListenOptions) -> ExitCode:
    """Show events until there were enough of them, the reader is gone, or for ever.

    Raises, inside the groups of its nurseries:
        CommandError: a setting is missing, or rich is.
        KXTError: the broker refuses, or cannot be reached; the journal cannot be used.
        ReaderGoneError: nobody reads the output any more.
    """
    settings = read_settings(options.settings)
    _require_account(options, settings)
    as_lines = options.json or not is_terminal()
    show = _print_lines if as_lines else _draw_table
    async with KISClient(
        **settings.credentials,
        endpoints=settings.endpoints,
        reconcile=Reconciliation(
            enabled=options.reconcile, replay="today" if options.replay_today else "none"
        ),
        journal=options.journal,
    ) as client:
        stream = (
            client.stream_fill_updates(consumer=options.consumer)
            if options.feed is Feed.FILLS
            else client.stream_order_events()
        )
        async with stream:
            await show(stream, options, settings)
    return ExitCode.OK


def _require_account(options: ListenOptions, settings: Settings) -> None:
    if settings.credentials.account_no is not None:
        return
    for flag, given in (
        ("--journal", options.journal),
        ("--replay-today", options.replay_today),
    ):
        if given:
            raise CommandError(f"{flag} needs KIS_ACCOUNT_NO", ExitCode.SETTINGS)


async def _show_each(stream: _Stream, options: ListenOptions, show: _Show) -> None:
    taken = 0
    async for event in stream:
        await show(event)
        taken += 1
        if taken == options.take:
            break
    if options.journal is not None:
        # Asking for the next fill is what acknowledges the last.  One that comes of it is
        # not acknowledged, and so the first the next time.
        with trio.move_on_after(_LAST_WORD):
            await stream.receive()


async def _print_lines(stream: _Stream, options: ListenOptions, settings: Settings) -> None:
    writer = LineWriter()

    def tell(text: str) -> None:
        figures = ", ".join(audit_figures(stream.statistics()))
        say(f"{datetime.now(KST):%H:%M:%S}  {text}" + (figures and f" ({figures})"))

    async def write(event: StreamedEvent) -> None:
        await writer.write(to_json(event))

    with library_messages(tell):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.watch_reader, nursery.cancel_scope)
            await _show_each(stream, options, write)
            nursery.cancel_scope.cancel()


async def _draw_table(stream: _Stream, options: ListenOptions, settings: Settings) -> None:
    try:
        from .table import LiveTable  # noqa: PLC0415  # rich, needed on a terminal only
    except ModuleNotFoundError as exc:
        raise CommandError(
            "the live table needs rich: pip install 'kxt-trio[cli]', or use --json"
        ) from exc
    place = f"{settings.credentials.environment.value} trading, {settings.endpoints.websocket}"
    table = LiveTable(options.feed, place)

    async def add(event: StreamedEvent) -> None:
        await trio.lowlevel.checkpoint()
        table.add(event)

    with library_messages(table.note):
        async with table.shown(stream):
            await _show_each(stream, options, add)
