"""``doctor``: what is wrong, and what to do."""

from __future__ import annotations

import socket
from functools import partial

import pytest
import trio

from kxt_trio import Endpoints, Environment
from kxt_trio.cli.arguments import DoctorOptions, SettingsOptions
from kxt_trio.cli.broker_clock import read_broker_clock
from kxt_trio.cli.doctor import doctor
from kxt_trio.cli.exits import ExitCode
from kxt_trio.testing import FakeKIS, serve_fake_kis

SUBJECTS = ["settings", "environment", "clock", "approval key", "subscription"]


@pytest.fixture
def examine(cli, set_env, capfd, monkeypatch):
    """Runs the doctor; returns its exit code, verdicts by subject, and all it said."""

    async def run(**changes):
        monkeypatch.setenv("COLUMNS", "200")
        set_env({**cli.settings, **changes})
        nothing = SettingsOptions(env_file=None, paper=False, rest=None, websocket=None)
        code = await doctor(DoctorOptions(settings=nothing))
        shown = capfd.readouterr()
        assert shown.err == ""
        for name in ("KIS_APP_KEY", "KIS_APP_SECRET", "KIS_HTS_ID", "KIS_ACCOUNT_NO"):
            value = {**cli.settings, **changes}.get(name)
            assert not value or value not in shown.out
        verdicts = {
            subject: line[:6].strip()
            for line in shown.out.splitlines()
            for subject in SUBJECTS
            if line[6:20].strip() == subject and not line.startswith("note")
        }
        return code, verdicts, shown.out

    return run


async def test_all_good(kis, examine):
    code, verdicts, text = await examine()
    assert code is ExitCode.OK
    assert verdicts == dict.fromkeys(SUBJECTS, "ok")
    assert "not the broker's own addresses" in text
    assert "All good" in text
    assert kis.closes == [1000]


async def test_no_settings(examine):
    code, verdicts, text = await examine()
    assert code is ExitCode.SETTINGS
    assert verdicts == {**dict.fromkeys(SUBJECTS, "-"), "settings": "FAIL"}
    assert "KIS_APP_KEY, KIS_APP_SECRET and KIS_HTS_ID are missing" in text


async def test_settings_that_look_wrong_are_remarked(kis, examine):
    code, verdicts, text = await examine(KIS_APP_KEY="a" * 35, KIS_ACCOUNT_NO="")
    assert code is ExitCode.REFUSED
    assert "KIS_APP_KEY is 35 long, the broker's are 36 characters" in text
    assert "no KIS_ACCOUNT_NO" in text
    assert verdicts["approval key"] == "FAIL"
    assert verdicts["subscription"] == "-"


async def test_an_account_number_in_place_of_the_hts_id(kis, examine):
    code, verdicts, text = await examine(KIS_HTS_ID="9876543201")
    assert code is ExitCode.REFUSED
    assert "KIS_HTS_ID has digits only" in text
    assert verdicts["subscription"] == "FAIL"


async def test_a_session_in_use(kis, examine, monkeypatch):
    kis.refuse("OPSP9994")
    code, verdicts, text = await examine()
    assert code is ExitCode.REFUSED
    assert verdicts["approval key"] == "ok"
    assert verdicts["subscription"] == "FAIL"
    assert "OPSP9994" in text


@pytest.mark.parametrize(("seconds", "words"), [(300, "behind"), (-300, "ahead of")])
async def test_a_clock_that_is_wrong(seconds, words, kis, examine):
    kis.shift_clock(seconds)
    code, verdicts, text = await examine()
    assert code is ExitCode.FAILURE
    assert verdicts == {**dict.fromkeys(SUBJECTS, "ok"), "clock": "FAIL"}
    assert f"s {words} the broker's" in text
    assert "All good" not in text


async def test_nobody_there(kis, examine):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        code, verdicts, _ = await examine(KIS_REST_URL=f"http://127.0.0.1:{port}")
    assert code is ExitCode.CONNECTION
    assert verdicts["clock"] == "-"
    assert verdicts["approval key"] == "FAIL"


async def test_addresses_of_the_other_side(kis, examine):
    paper = Endpoints.of(Environment.PAPER)
    code, verdicts, text = await examine(
        KIS_REST_URL=kis.endpoints.rest, KIS_WEBSOCKET_URL=paper.websocket
    )
    assert code is ExitCode.SETTINGS
    assert verdicts["environment"] == "FAIL"
    assert [verdicts[subject] for subject in SUBJECTS[2:]] == ["-"] * 3
    assert "KIS_ENV says real" in text


@pytest.mark.parametrize("known_there", [True, False])
async def test_keys_of_the_other_side_are_recognised(
    known_there, kis, cli, examine, monkeypatch, nursery
):
    async with FakeKIS(environment=Environment.PAPER, seed=1) as paper:
        await nursery.start(partial(serve_fake_kis, kis=paper))
        sides = {Environment.REAL: kis.endpoints, Environment.PAPER: paper.endpoints}
        monkeypatch.setattr(Endpoints, "of", sides.__getitem__)
        cli.settings = {
            name: value for name, value in cli.settings.items() if "URL" not in name
        }
        keys = paper.credentials if known_there else None
        code, verdicts, text = await examine(
            KIS_APP_KEY=keys.app_key if keys else "a" * 36,
            KIS_APP_SECRET=keys.app_secret if keys else "b" * 180,
        )
    assert code is ExitCode.REFUSED
    assert verdicts["approval key"] == "FAIL"
    assert ("set KIS_ENV=paper" in text) is known_there
    assert ("the paper side does not accept them either" in text) is not known_there


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1\r\nDate: x\r\n\r\n"]
)
async def test_an_answer_without_a_date_is_no_failure(answer, nursery):
    async def reply(stream):
        await stream.receive_some()
        if answer:
            await stream.send_all(answer)
        await stream.aclose()

    (listener,) = await nursery.start(partial(trio.serve_tcp, reply, 0, host="127.0.0.1"))
    port = listener.socket.getsockname()[1]
    assert await read_broker_clock(f"http://127.0.0.1:{port}", patience=5) is None


async def test_as_a_process(kis, cli):
    ended = await cli.run("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert len(ended.out.splitlines()) >= len(SUBJECTS)
