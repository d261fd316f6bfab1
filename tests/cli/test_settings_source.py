"""Where the settings come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from kxt_trio import Endpoints, Environment, KXTValidationError
from kxt_trio.cli import main
from kxt_trio.cli.arguments import SettingsOptions
from kxt_trio.cli.exits import CommandError, ExitCode
from kxt_trio.cli.settings_source import read_settings

KEYS = {
    "KIS_APP_KEY": "the-key",
    "KIS_APP_SECRET": "the-secret",
    "KIS_HTS_ID": "somebody",
    "KIS_ACCOUNT_NO": "87654321-01",
}


def options(env_file=None, paper=False, rest=None, websocket=None):
    return SettingsOptions(env_file=env_file, paper=paper, rest=rest, websocket=websocket)


def refusal(**given):
    with pytest.raises((CommandError, KXTValidationError)) as refused:
        read_settings(options(**given))
    message = str(refused.value)
    for secret in KEYS.values():
        assert secret not in message
    return message


def test_the_environment(set_env):
    set_env(KEYS)
    settings = read_settings(options())
    assert settings.credentials.app_key == "the-key"
    assert settings.credentials.account_no == "87654321-01"
    assert settings.endpoints == Endpoints.of(Environment.REAL)
    assert not settings.is_elsewhere


def test_paper_by_flag_beats_the_environment(set_env):
    set_env({**KEYS, "KIS_ENV": "real"})
    settings = read_settings(options(paper=True))
    assert settings.credentials.environment is Environment.PAPER
    assert settings.endpoints == Endpoints.of(Environment.PAPER)


def test_a_file_replaces_the_environment_as_a_whole(set_env, env_file, capsys):
    set_env({**KEYS, "KIS_APP_KEY": "another", "KIS_ENV": "paper", "KIS_REST_URL": "http://a"})
    settings = read_settings(options(env_file=env_file(KEYS)))
    assert settings.credentials.app_key == "the-key"
    assert settings.credentials.environment is Environment.REAL
    assert not settings.is_elsewhere
    assert capsys.readouterr() == ("", "")


def test_the_forms_of_a_line(tmp_path):
    path = tmp_path / "kis.env"
    path.write_text(
        "\ufeff# a comment\n\n"
        "export KIS_APP_KEY='the-key'\n"
        ' KIS_APP_SECRET = "the=secret" \n'
        "KIS_HTS_ID=somebody\r\n"
        "OTHER=value\n",
        encoding="utf-8",
    )
    path.chmod(0o600)
    credentials = read_settings(options(env_file=path)).credentials
    assert credentials.app_key == "the-key"
    assert credentials.app_secret == "the=secret"
    assert credentials.hts_id == "somebody"


def test_a_file_that_others_can_read_is_warned_of(env_file, capsys):
    path = env_file(KEYS)
    path.chmod(0o644)
    read_settings(options(env_file=path))
    assert capsys.readouterr().err == (
        f"kxt-trio: warning: {path} holds keys and others can read it; chmod 600 it\n"
    )


def test_a_line_that_is_none_is_named_and_not_shown(tmp_path):
    path = tmp_path / "kis.env"
    path.write_text("KIS_HTS_ID=somebody\nthe-secret\n")
    path.chmod(0o600)
    assert refusal(env_file=path) == f"{path}, line 2: not KEY=VALUE"


def test_a_file_that_cannot_be_read(tmp_path):
    assert refusal(env_file=Path("/nowhere/kis.env")) == (
        "cannot read /nowhere/kis.env: No such file or directory"
    )
    assert refusal(env_file=tmp_path) == f"cannot read {tmp_path}: Is a directory"
    path = tmp_path / "kis.env"
    path.write_bytes(b"KIS_APP_KEY=\xb0\xa1\n")
    assert refusal(env_file=path) == f"{path} is not a text file in UTF-8"


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (["KIS_APP_KEY"], "KIS_APP_KEY is missing: set it in"),
        (["KIS_HTS_ID"], "KIS_HTS_ID is missing: set it in"),
        (["KIS_APP_KEY", "KIS_HTS_ID"], "KIS_APP_KEY and KIS_HTS_ID are missing: set them in"),
    ],
)
def test_what_is_missing_is_named(missing, message, set_env, env_file):
    settings = {name: value for name, value in KEYS.items() if name not in missing}
    set_env({**settings, missing[0]: "  "})
    assert refusal() == f"{message} the environment or in --env-file"
    path = env_file(settings)
    assert refusal(env_file=path) == f"{message} {path}"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"KIS_ENV": "demo"}, "KIS_ENV"),
        ({"KIS_ACCOUNT_NO": "1234"}, "KIS_ACCOUNT_NO"),
        ({"KIS_REST_URL": "http://a"}, "KIS_WEBSOCKET_URL is not"),
        ({"KIS_WEBSOCKET_URL": "ws://a"}, "KIS_REST_URL is not"),
        ({"KIS_REST_URL": "ftp://a", "KIS_WEBSOCKET_URL": "ws://b"}, "endpoint rest"),
        ({"KIS_REST_URL": "http://a", "KIS_WEBSOCKET_URL": "b"}, "endpoint websocket"),
    ],
)
def test_what_cannot_be_used_is_named(changes, named, set_env):
    set_env({**KEYS, **changes})
    assert named in refusal()


def test_addresses_by_flag_beat_the_environment(set_env):
    set_env({**KEYS, "KIS_REST_URL": "http://a", "KIS_WEBSOCKET_URL": "ws://b"})
    settings = read_settings(options(rest="http://c"))
    assert settings.endpoints == Endpoints("http://c", "ws://b")
    assert settings.is_elsewhere


@pytest.mark.parametrize("command", ["fills", "events"])
def test_a_missing_setting_is_one_line_that_says_what_to_set(command, set_env, capfd):
    set_env({name: KEYS[name] for name in ("KIS_APP_SECRET", "KIS_HTS_ID")})
    assert main([command]) == ExitCode.SETTINGS == 3
    assert capfd.readouterr() == (
        "",
        "kxt-trio: KIS_APP_KEY is missing: set it in the environment or in --env-file\n",
    )
