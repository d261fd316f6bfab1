"""Keys, addresses and patience."""

from __future__ import annotations

import copy
import math
import pickle
import traceback

import attrs
import pytest

from kxt_trio.errors import KXTValidationError
from kxt_trio.settings import Credentials, Endpoints, Environment, StreamPolicy

KEY, SECRET, HTS_ID, ACCOUNT = "PSkey0key0", "c2VjcmV0c2VjcmV0", "hts-user-7", "87654321"
ENV = {"KIS_APP_KEY": KEY, "KIS_APP_SECRET": SECRET}
FULL = {
    **ENV,
    "KIS_HTS_ID": HTS_ID,
    "KIS_ACCOUNT_NO": ACCOUNT,
    "KIS_ACCOUNT_PRODUCT_CODE": "01",
    "KIS_ENV": "paper",
}


def credentials(**changes: object) -> Credentials:
    return Credentials(**{"app_key": KEY, "app_secret": SECRET, **changes})


# -- environment and endpoints ----------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "rest", "websocket"),
    [
        (
            Environment.REAL,
            "https://openapi.koreainvestment.com:9443",
            "ws://ops.koreainvestment.com:21000/tryitout",
        ),
        (
            Environment.PAPER,
            "https://openapivts.koreainvestment.com:29443",
            "ws://ops.koreainvestment.com:31000/tryitout",
        ),
    ],
)
def test_each_environment_has_the_brokers_own_hosts(
    environment: Environment, rest: str, websocket: str
):
    assert Endpoints.of(environment) == Endpoints(rest=rest, websocket=websocket)


def test_tls_and_plain_addresses_are_taken_as_they_are():
    chosen = Endpoints(rest="http://127.0.0.1:8080", websocket="wss://example.net/feed")
    assert chosen.websocket == "wss://example.net/feed"


@pytest.mark.parametrize("name", ["rest", "websocket"])
@pytest.mark.parametrize(
    "url",
    [
        "",
        "openapi.koreainvestment.com",
        "ftp://example.net",
        "ws://",
        "https:///path",
        "http://[::1",
        "ws://[::1",
        "http://example.net:99999",
        "ws://example.net:99999",
        "ws://example.net:0",
        "ws://example.net:port",
        "https://example.net:port",
    ],
)
def test_an_address_that_cannot_be_one_is_refused_by_name(name: str, url: str):
    good = {"rest": "https://example.net", "websocket": "ws://example.net"}
    with pytest.raises(KXTValidationError, match=name):
        Endpoints(**{**good, name: url})


@pytest.mark.parametrize(
    ("name", "url"), [("rest", "ws://example.net"), ("websocket", "https://example.net")]
)
def test_the_two_addresses_cannot_be_swapped(name: str, url: str):
    good = {"rest": "https://example.net", "websocket": "ws://example.net"}
    with pytest.raises(KXTValidationError, match=name):
        Endpoints(**{**good, name: url})


# -- policy -----------------------------------------------------------------------------


def test_the_defaults_are_the_documented_ones():
    assert attrs.asdict(StreamPolicy()) == {
        "heartbeat_timeout": 60,
        "connect_timeout": 10,
        "subscribe_timeout": 10,
        "startup_timeout": 30,
        "backoff_initial": 1,
        "backoff_max": 60,
        "backoff_floor": 1,
        "stable_after": 60,
        "connects_per_minute": 6,
        "shutdown_grace": 2,
        "buffer_size": 10_000,
        "max_message_size": 64 * 1024,
    }


#: The least that each field takes, and the most that it refuses.
BOUNDS = {
    "heartbeat_timeout": (0.001, 0),
    "connect_timeout": (0.001, 0),
    "subscribe_timeout": (0.001, 0),
    "startup_timeout": (0.001, 0),
    "backoff_initial": (0.001, 0),
    "backoff_max": (1, 0),
    "backoff_floor": (0, -0.001),
    "stable_after": (0, -0.001),
    "connects_per_minute": (1, 0),
    "shutdown_grace": (0, -0.001),
    "buffer_size": (1, 0),
    "max_message_size": (1024, 1023),
}


def test_every_field_has_a_bound():
    assert set(BOUNDS) == {field.name for field in attrs.fields(StreamPolicy)}


@pytest.mark.parametrize("name", BOUNDS)
def test_every_field_is_checked_at_its_bound(name: str):
    least, refused = BOUNDS[name]
    assert getattr(StreamPolicy(**{name: least}), name) == least
    for value in (refused, -1, -math.inf, math.nan):
        with pytest.raises(KXTValidationError, match=name):
            StreamPolicy(**{name: value})


@pytest.mark.parametrize("name", ["connects_per_minute", "buffer_size", "max_message_size"])
@pytest.mark.parametrize("value", [5000.5, math.inf])
def test_a_count_is_a_whole_number(name: str, value: float):
    with pytest.raises(KXTValidationError, match=name):
        StreamPolicy(**{name: value})


def test_the_floor_of_the_backoff_may_reach_its_cap_but_not_exceed_it():
    assert StreamPolicy(backoff_floor=5, backoff_max=5).backoff_floor == 5
    with pytest.raises(KXTValidationError, match="backoff_floor"):
        StreamPolicy(backoff_floor=5, backoff_max=4.9)


def test_a_policy_cannot_be_changed_only_copied():
    policy = StreamPolicy()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        policy.buffer_size = 1  # type: ignore[misc]
    with pytest.raises(KXTValidationError, match="buffer_size"):
        attrs.evolve(policy, buffer_size=0)


# -- credentials ------------------------------------------------------------------------


def test_credentials_unpack_into_keywords():
    def take(**keywords: object) -> dict[str, object]:
        return keywords

    assert take(**credentials(hts_id=HTS_ID, account_no=ACCOUNT)) == {
        "app_key": KEY,
        "app_secret": SECRET,
        "hts_id": HTS_ID,
        "account_no": ACCOUNT,
        "account_product_code": None,
        "environment": Environment.REAL,
    }


@pytest.mark.parametrize("name", ["hts_id", "account_no", "account_product_code"])
@pytest.mark.parametrize("blank", [None, "", "  \n"])
def test_a_blank_counts_as_missing(name: str, blank: str | None):
    assert getattr(credentials(**{name: blank}), name) is None


def test_blanks_round_a_value_are_dropped():
    chosen = credentials(app_key=f" {KEY}\n", app_secret=f"\t{SECRET} ", hts_id=f"{HTS_ID}\n")
    assert (chosen.app_key, chosen.app_secret, chosen.hts_id) == (KEY, SECRET, HTS_ID)


@pytest.mark.parametrize("name", ["app_key", "app_secret"])
@pytest.mark.parametrize("blank", [None, "", " "])
def test_the_keys_are_needed(name: str, blank: str | None):
    with pytest.raises(KXTValidationError, match=name):
        credentials(**{name: blank})


def test_the_environment_may_be_given_as_text():
    assert credentials(environment="paper").environment is Environment.PAPER


def test_an_environment_that_does_not_exist_is_refused_by_name():
    with pytest.raises(KXTValidationError, match=r"environment.*real.*paper"):
        credentials(environment="moon")


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_no_text_form_shows_a_secret():
    chosen = credentials(hts_id=HTS_ID, account_no=f"{ACCOUNT}-01")
    for text in (repr(chosen), str(chosen), f"{chosen}", f"{[chosen]}"):
        for secret in (KEY, SECRET, HTS_ID, ACCOUNT, ACCOUNT[:6]):
            assert secret not in text
        assert "Credentials(" in text


@pytest.mark.parametrize("copier", [pickle.dumps, copy.copy, copy.deepcopy])
def test_credentials_leave_the_process_in_no_form(copier):
    with pytest.raises(TypeError, match="secret") as caught:
        copier(credentials())
    assert KEY not in shown(caught.value)
    assert SECRET not in shown(caught.value)


# -- from the environment ---------------------------------------------------------------


def test_every_variable_is_read():
    assert Credentials.from_env(FULL) == credentials(
        hts_id=HTS_ID,
        account_no=ACCOUNT,
        account_product_code="01",
        environment=Environment.PAPER,
    )


def test_the_two_keys_are_enough_and_mean_real_trading():
    assert Credentials.from_env(ENV) == credentials()


def test_blank_variables_count_as_missing():
    blanks = dict.fromkeys(set(FULL) - set(ENV), " ")
    assert Credentials.from_env({**ENV, **blanks}) == credentials()


@pytest.mark.parametrize("text", ["paper", "PAPER", " Paper "])
def test_the_environment_is_read_whatever_its_case(text: str):
    chosen = Credentials.from_env({**ENV, "KIS_ENV": text})
    assert chosen.environment is Environment.PAPER


def test_without_a_mapping_the_process_environment_is_read(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(KXTValidationError, match="KIS_APP_KEY"):
        Credentials.from_env()
    for name, value in FULL.items():
        monkeypatch.setenv(name, value)
    assert Credentials.from_env() == Credentials.from_env(FULL)


@pytest.mark.parametrize("number", ["87654321", "87654321-01", "8765432101"])
def test_an_account_number_may_carry_the_product_code(number: str):
    assert Credentials.from_env({**ENV, "KIS_ACCOUNT_NO": number}).account_no == number


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KIS_APP_KEY", None),
        ("KIS_APP_KEY", "  "),
        ("KIS_APP_SECRET", None),
        ("KIS_APP_SECRET", ""),
        ("KIS_ENV", "vps-7777"),
        ("KIS_ACCOUNT_NO", "7777"),
        ("KIS_ACCOUNT_NO", "87654321-0"),
        ("KIS_ACCOUNT_NO", "87654321-02"),
        ("KIS_ACCOUNT_PRODUCT_CODE", "7777"),
        ("KIS_ACCOUNT_PRODUCT_CODE", "x"),
    ],
)
def test_a_bad_variable_is_named_and_its_value_is_not_shown(name: str, value: str | None):
    env = {key: text for key, text in FULL.items() if key != name}
    if value is not None:
        env[name] = value
    with pytest.raises(KXTValidationError, match=name) as caught:
        Credentials.from_env(env)
    for secret in (KEY, SECRET, HTS_ID, ACCOUNT, "7777"):
        assert secret not in shown(caught.value)


def test_endpoints_from_the_environment_are_both_or_none():
    both = {"KIS_REST_URL": " http://a:1 ", "KIS_WEBSOCKET_URL": "ws://b:2/x"}
    assert Endpoints.from_env(both) == Endpoints(rest="http://a:1", websocket="ws://b:2/x")
    assert Endpoints.from_env({"KIS_REST_URL": " "}) is None
    for name, other in (("REST", "WEBSOCKET"), ("WEBSOCKET", "REST")):
        with pytest.raises(KXTValidationError, match=f"KIS_{other}_URL is not"):
            Endpoints.from_env({f"KIS_{name}_URL": "http://a"})
