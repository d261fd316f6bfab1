"""``fills`` and ``events``: JSON lines for programs, a live table for people."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest
import trio

from kxt_trio import (
    FillEvent,
    FillNotificationEvent,
    FillOrigin,
    KXTAuthenticationError,
    OrderAcceptedEvent,
    OrderCancelAckEvent,
    from_json,
)
from kxt_trio.cli.arguments import Feed, ListenOptions, SettingsOptions
from kxt_trio.cli.listen import listen

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
NO_RICH = "import sys; sys.modules['rich'] = None"


def options(feed=Feed.FILLS, take=None, **given):
    nothing = SettingsOptions(env_file=None, paper=False, rest=None, websocket=None)
    return ListenOptions(feed=feed, settings=nothing, json=True, take=take, **given)


def trade(kis, fills=3):
    order_id = kis.place("005930", quantity=100, price=69_950)
    for _ in range(fills):
        kis.fill(order_id, quantity=10)
    return order_id


def assert_no_secrets(text, kis):
    credentials = kis.credentials
    for secret in (credentials.app_key, credentials.app_secret, credentials.hts_id):
        assert secret not in text


async def test_fills_are_json_lines(kis, cli, set_env, capfd, nursery):
    set_env(cli.settings)
    nursery.start_soon(listen, options(take=3))
    await kis.wait_subscribed()
    order_id = trade(kis)
    await wait_unsubscribed(kis)
    shown = capfd.readouterr()
    events = [from_json(line) for line in shown.out.splitlines()]
    assert [type(event) for event in events] == [FillEvent] * 3
    assert {event.report.order_ref.order_id for event in events} == {order_id}
    assert "reconciling" in shown.err
    assert_no_secrets(shown.out + shown.err, kis)


async def test_events_are_everything_that_happens(kis, cli, set_env, capfd, nursery):
    set_env(cli.settings)
    nursery.start_soon(listen, options(Feed.EVENTS, take=3))
    await kis.wait_subscribed()
    kis.cancel(trade(kis, fills=1))
    await wait_unsubscribed(kis)
    kinds = [type(from_json(line)) for line in capfd.readouterr().out.splitlines()]
    assert kinds == [OrderAcceptedEvent, FillNotificationEvent, OrderCancelAckEvent]


async def wait_unsubscribed(kis):
    with trio.fail_after(10):
        while True:
            await trio.sleep(0.01)
            if not kis.sessions:
                return


async def test_a_refusal_is_raised_and_said_once(kis, cli, set_env, capfd):
    set_env({**cli.settings, "KIS_APP_SECRET": "wrong"})
    with pytest.RaisesGroup(KXTAuthenticationError):
        await listen(options())
    assert capfd.readouterr() == ("", "")


async def test_a_gap_is_told_on_stderr_while_the_lines_go_on(kis, cli, set_env, capfd, nursery):
    set_env(cli.settings)
    nursery.start_soon(listen, options(take=2, reconcile=False))
    await kis.wait_subscribed()
    trade(kis, fills=1)
    await trio.sleep(0.1)
    kis.drop()
    await trio.sleep(0.1)
    await kis.wait_subscribed()
    trade(kis, fills=1)
    await wait_unsubscribed(kis)
    shown = capfd.readouterr()
    assert len(shown.out.splitlines()) == 2
    assert "may be missing" in shown.err


async def read_events(process, count):
    text = b""
    while text.count(b"\n") < count:
        text += await process.stdout.receive_some()
    return [from_json(line) for line in text.splitlines()]


async def test_what_a_gap_hid_is_recovered(kis, cli, in_a_hurry):
    async with cli.started("fills", "--take", "2") as process:
        await kis.wait_subscribed()
        order_id = trade(kis, fills=1)
        (live,) = await read_events(process, 1)
        kis.drop()
        kis.fill(order_id, quantity=25, price=69_940)
        (recovered,) = await read_events(process, 1)
        err = b"".join([chunk async for chunk in process.stderr]).decode()
        assert await process.wait() == 0
    assert (live.origin, live.executed_between) == (FillOrigin.LIVE, None)
    assert recovered.origin is FillOrigin.RECOVERED
    assert (recovered.report.quantity, recovered.amount) == (25, 25 * 69_940)
    assert recovered.cumulative_quantity == 35
    assert recovered.executed_between is not None
    assert "reconciling (unverified orders 1)" in err
    assert "may be missing" not in err


async def test_the_day_so_far_is_replayed(kis, cli, in_a_hurry):
    order_id = trade(kis)
    ended = await cli.run("fills", "--replay-today", "--take", "1")
    assert ended.code == 0
    fill = from_json(ended.out)
    assert fill.origin is FillOrigin.RECOVERED
    assert fill.report.order_ref.order_id == order_id
    assert fill.amount == 30 * 69_950


async def test_a_killed_listener_goes_on_from_its_journal(kis, cli, in_a_hurry, tmp_path):
    arguments = ["fills", "--journal", str(tmp_path / "fills.db")]
    async with cli.started(*arguments) as process:
        await kis.wait_subscribed()
        order_id = trade(kis, fills=2)
        seen = await read_events(process, 2)
        await trio.sleep(0.3)  # it asks for the next, and so has told the journal
        process.kill()
        await process.wait()
    await kis_alone(kis)
    kis.fill(order_id, quantity=7, price=69_900)
    ended = await cli.run(*arguments, "--take", "1")
    assert ended.code == 0, ended.err
    seen.append(from_json(ended.out))
    async with cli.started(*arguments, "--take", "1") as process:
        await kis.wait_subscribed()
        await trio.sleep(1.1)  # what is filled within the second of a recovery waits
        kis.fill(order_id, quantity=1)
        seen += await read_events(process, 1)
        assert await process.wait() == 0
    assert [fill.origin for fill in seen] == [
        FillOrigin.LIVE, FillOrigin.LIVE, FillOrigin.RECOVERED, FillOrigin.LIVE,
    ]  # fmt: skip
    assert [int(fill.cumulative_quantity) for fill in seen] == [10, 20, 27, 28]
    assert sum(fill.amount for fill in seen) == kis.totals()[order_id][1]
    ended = await cli.run("journal", "verify", arguments[-1])
    assert ended.code == 0
    assert re.search(r"fills 4\n", ended.out)


async def kis_alone(kis):
    """Wait until the broker has noticed that the client is gone."""
    with trio.fail_after(10):
        while kis.sessions:
            await trio.sleep(0.01)


async def test_consumers_go_on_by_themselves(kis, cli, in_a_hurry, tmp_path):
    arguments = ["fills", "--take", "1", "--journal", str(tmp_path / "fills.db")]
    quantities = []
    for extra in ([], [], ["--consumer", "default"]):
        async with cli.started(*arguments, *extra) as process:
            await kis.wait_subscribed()
            trade(kis, fills=1)
            (fill,) = await read_events(process, 1)
            quantities.append(fill.report.order_ref.order_id)
            assert await process.wait() == 0
    assert quantities == ["0000000001", "0000000002", "0000000003"]


async def test_a_journal_in_use_is_one_line_and_its_own_code(kis, cli, tmp_path):
    path = str(tmp_path / "fills.db")
    async with cli.started("fills", "--journal", path):
        await kis.wait_subscribed()
        ended = await cli.run("events", "--journal", path)
    assert (ended.code, ended.out) == (6, "")
    assert re.fullmatch(r"kxt-trio: journal fills\.db is being written by .*\n", ended.err)


@pytest.mark.parametrize("flags", [["--journal", "fills.db"], ["--replay-today"]])
async def test_what_needs_an_account_says_so(flags, kis, cli, tmp_path):
    del cli.settings["KIS_ACCOUNT_NO"]
    ended = await cli.run("fills", *flags)
    assert ended == (3, "", f"kxt-trio: {flags[0]} needs KIS_ACCOUNT_NO\n")


async def test_each_line_is_there_at_once_and_take_ends_with_0(kis, cli):
    async with cli.started("fills", "--take", "2") as process:
        await kis.wait_subscribed()
        order_id = trade(kis, fills=1)
        assert await process.stdout.receive_some()
        assert process.returncode is None
        kis.fill(order_id, quantity=1)
        assert await process.wait() == 0


@pytest.mark.parametrize("fills", [1, 200])
async def test_head_ends_it_quietly(fills, kis, cli):
    """With one fill it is noticed while nothing is written, with many by writing."""
    line = " ".join([*map(repr, cli.command), "fills", "--json"])
    process = await trio.lowlevel.open_process(
        f"{{ {line}; echo code=$? >&2; }} | head -1",
        shell=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=cli.environment,
    )
    with trio.fail_after(10):
        async with process.stdout, process.stderr:
            await kis.wait_subscribed()
            order_id = kis.place("005930", quantity=1000, price=69_950)
            for _ in range(fills):
                kis.fill(order_id, quantity=1)
            out = b"".join([chunk async for chunk in process.stdout]).decode()
            err = b"".join([chunk async for chunk in process.stderr]).decode()
            await process.wait()
    assert isinstance(from_json(out), FillEvent)
    assert err.splitlines()[-1] == "code=0"
    assert "Error" not in err
    assert "Traceback" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has this device")
async def test_a_full_disk_is_one_line(kis, cli, nursery):
    run = partial(
        trio.run_process,
        " ".join([*map(repr, cli.command), "fills", ">", "/dev/full"]),
        shell=True,
        check=False,
        stderr=subprocess.PIPE,
        env=cli.environment,
    )
    process = await nursery.start(run)
    await kis.wait_subscribed()
    trade(kis, fills=1)
    with trio.fail_after(10):
        err = b"".join([chunk async for chunk in process.stderr]).decode()
        assert await process.wait() == 1
    assert err.endswith("kxt-trio: cannot write the output: No space left on device\n")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "kill"]
)
async def test_a_signal_releases_the_subscription_and_leaves_no_traceback(
    number, code, kis, cli
):
    async with cli.started("events") as process:
        err = ""
        while "reconciling" not in err:
            err += (await process.stderr.receive_some()).decode()
        process.send_signal(number)
        out = b"".join([chunk async for chunk in process.stdout])
        err += b"".join([chunk async for chunk in process.stderr]).decode()
        assert await process.wait() == code
    assert out == b""
    assert "Traceback" not in err
    assert len(kis.requests) == 2  # subscribed, and released
    assert kis.closes == [1000]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"KIS_APP_SECRET": "wrong"}, "the broker refused the app key"),
        ({"KIS_HTS_ID": "nobody"}, "wrong HTS ID"),
    ],
)
async def test_an_error_is_one_line_on_stderr(changes, words, kis, cli):
    cli.settings.update(changes)
    ended = await cli.run("fills")
    assert (ended.code, ended.out) == (4, "")
    (line,) = [line for line in ended.err.splitlines() if line.startswith("kxt-trio: ")]
    assert ended.err == line + "\n"
    assert words in line
    assert_no_secrets(line, kis)


async def test_the_live_table(kis, cli, in_a_hurry):
    async with cli.on_terminal("events") as terminal:
        await terminal.wait_for("reconciling")
        order_id = trade(kis, fills=2)
        await terminal.wait_for("unverified orders 1")
        kis.cancel(order_id, quantity=1)
        await terminal.wait_for("cancelled")
        for text in ("accepted", order_id, "buy", "005930", "삼성전자", "69,950", "received 4"):
            await terminal.wait_for(text)
        kis.drop()
        kis.fill(order_id, quantity=3)
        await terminal.wait_for("reconnects 1")
        await terminal.wait_for("recovered 1")
        for text in ("reconnecting", "gaps 1 (last ", "recovered   0000"):
            assert text in terminal.text
        terminal.process.send_signal(signal.SIGINT)
        ended = await terminal.end()
    assert ended.code == 130
    assert ended.out.rindex(SHOW_CURSOR) > ended.out.rindex(HIDE_CURSOR)
    assert "Traceback" not in ended.out
    assert_no_secrets(ended.out, kis)


async def test_take_leaves_the_last_rows_on_the_terminal(kis, cli):
    async with cli.on_terminal("fills", "--take", "40") as terminal:
        await kis.wait_subscribed()
        order_id = kis.place("035720", quantity=1000, price=41_250)
        for quantity in range(1, 41):
            kis.fill(order_id, quantity=quantity)
        ended = await terminal.end()
    assert ended.code == 0
    last_picture = ended.out[ended.out.rindex("time ") :]
    assert last_picture.count(order_id) < 24
    assert " 40 " in last_picture
    assert "received 40" in last_picture


async def test_json_on_a_terminal(kis, cli):
    cli.prelude = NO_RICH
    async with cli.on_terminal("fills", "--json", "--take", "1") as terminal:
        await kis.wait_subscribed()
        trade(kis, fills=1)
        ended = await terminal.end()
    assert ended.code == 0
    lines = [line for line in ended.out.splitlines() if line.startswith("{")]
    assert json.loads(lines[0])["type"] == "FillEvent"


async def test_without_rich_a_terminal_is_told_what_to_install(kis, cli):
    cli.prelude = NO_RICH
    async with cli.on_terminal("fills") as terminal:
        ended = await terminal.end()
    assert ended.code == 1
    assert ended.out.splitlines() == [
        "kxt-trio: the live table needs rich: pip install 'kxt-trio[cli]', or use --json"
    ]
