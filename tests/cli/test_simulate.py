"""``simulate``: the stand-in broker for other programs."""

from __future__ import annotations

import shlex
import signal
from random import Random

import pytest

from kxt_trio import Environment, from_json
from kxt_trio.cli.simulate import Market
from kxt_trio.testing import FakeKIS


async def read_settings(process):
    text = ""
    while "KIS_WEBSOCKET_URL" not in text or not text.endswith("\n"):
        text += (await process.stdout.receive_some()).decode()
    words = [shlex.split(line, comments=True) for line in text.splitlines()]
    return dict(word.partition("=")[::2] for _, word in filter(None, words))


@pytest.mark.parametrize("side", [[], ["--paper"]], ids=["real", "paper"])
async def test_another_process_listens_to_it(side, cli, env_file):
    async with cli.started("simulate", "--rate", "50", "--seed", "1", *side) as process:
        settings = await read_settings(process)
        assert settings["KIS_ENV"] == ("paper" if side else "real")
        if side:
            arguments = ["fills", "--env-file", str(env_file(settings))]
        else:
            cli.settings, arguments = settings, ["events"]
        ended = await cli.run(*arguments, "--take", "5")
        assert ended.code == 0
        assert len([from_json(line) for line in ended.out.splitlines()]) == 5
        process.send_signal(signal.SIGINT)
        told = b"".join([chunk async for chunk in process.stderr]).decode()
        assert await process.wait() == 130
    assert "Traceback" not in told
    assert settings["KIS_APP_SECRET"] not in told


async def test_a_taken_port_is_one_line(kis, cli):
    port = kis.endpoints.rest.rpartition(":")[2]
    ended = await cli.run("simulate", "--port", port)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"kxt-trio: cannot open port {port}: Address already in use\n"


async def day(seed):
    async with FakeKIS(environment=Environment.PAPER) as kis:
        market = Market(kis, Random(seed))
        for _ in range(500):
            assert market.pause(10) >= 0
            market.move()
        return kis.totals()


async def test_a_seed_gives_the_same_orders_every_time(capsys):
    first, again, other = await day(1), await day(1), await day(2)
    assert first == again != other
    assert len(first) > 10
    told = capsys.readouterr().err
    for verb in ("order", "fill", "cancel"):
        assert f"  {verb} " in told
