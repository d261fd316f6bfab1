from __future__ import annotations

import pytest

from kxt_trio.errors import (
    KXTAuthenticationError,
    KXTSessionInUseError,
    KXTSubscriptionError,
)
from kxt_trio.protocol.control import Reply
from kxt_trio.protocol.refusals import MESSAGE_CODES, Advice, advice_for, refusal_error


def reply(rt_cd: str, msg_cd: str | None, msg1: str | None = "words") -> Reply:
    return Reply(None, None, rt_cd, msg_cd, msg1)


ADVICE = {
    Advice.OK: "0000 0001 0002 0003",
    Advice.RENEW_KEY: "0011",
    Advice.WAIT: "8996",
    Advice.RETRY: "0007 8999 9993 9995",
    Advice.UNKNOWN: "0009",
    Advice.FATAL: "0008 0010 0017 8991 8992 8993 8994 8995 8997 8998 "
    "9990 9991 9992 9994 9996 9997 9998 9999",
}


def test_every_code_has_its_advice() -> None:
    expected = {f"OPSP{code}": a for a, codes in ADVICE.items() for code in codes.split()}
    assert {code: advice for code, (advice, _) in MESSAGE_CODES.items()} == expected


@pytest.mark.parametrize("code", [c for c, (a, _) in MESSAGE_CODES.items() if a != Advice.OK])
@pytest.mark.parametrize("rt_cd", ["0", "1", "9"])
def test_a_refusal_outweighs_rt_cd(code: str, rt_cd: str) -> None:
    assert advice_for(reply(rt_cd, code)) is MESSAGE_CODES[code][0]


@pytest.mark.parametrize("rt_cd", ["0", "1", "9"])
@pytest.mark.parametrize("code", ["OPSP0002", "OPSP0003"])
def test_welcome_refusals(code: str, rt_cd: str) -> None:
    assert advice_for(reply(rt_cd, code)) is Advice.OK


@pytest.mark.parametrize("code", ["OPSP0000", "OPSP0001", "OPSP1234", "", None])
def test_otherwise_rt_cd_decides(code: str | None) -> None:
    assert advice_for(reply("0", code)) is Advice.OK
    assert advice_for(reply("1", code)) is Advice.UNKNOWN
    assert advice_for(reply("9", code)) is Advice.UNKNOWN


@pytest.mark.parametrize(
    "code", ["OPSP0010", "OPSP0011", "OPSP8994", "OPSP8995", "OPSP9994", "OPSP9996"]
)
def test_refused_keys(code: str) -> None:
    error = refusal_error(reply("9", code), "H0STCNI0")
    assert isinstance(error, KXTAuthenticationError)
    assert error.code == code


def test_session_in_use() -> None:
    error = refusal_error(reply("9", "OPSP8996", "ALREADY IN USE appkey"), "H0STCNI0")
    assert isinstance(error, KXTSessionInUseError)
    assert "OPSP8996" in str(error)


@pytest.mark.parametrize("code", ["OPSP0008", "OPSP0009", "OPSP0017", "OPSP9999", "OPSP1234"])
def test_everything_else_is_about_the_subscription(code: str) -> None:
    error = refusal_error(reply("9", code), "H0STCNI0")
    assert isinstance(error, KXTSubscriptionError)
    assert (error.tr_id, error.msg_cd, error.msg1) == ("H0STCNI0", code, "words")
    assert str(error).startswith(f"H0STCNI0 refused with {code} 'words': ")


def test_wrong_hts_id_says_so_and_where_to_set_it() -> None:
    message = str(refusal_error(reply("9", "OPSP0017"), "H0STCNI0"))
    assert "wrong HTS ID" in message
    assert "hts_id" in message
    assert "KIS_HTS_ID" in message


def test_a_refusal_without_code_or_words() -> None:
    error = refusal_error(reply("9", None, None), "H0STCNI0")
    assert str(error) == "H0STCNI0 refused with no code '': a code that is not documented"
