from __future__ import annotations

import json
from collections import deque
from copy import deepcopy
from datetime import datetime
from random import Random

import pytest

from kxt_trio import KST, Credentials, Environment
from kxt_trio.protocol.cipher import NoticeCipher
from kxt_trio.testing.control_desk import ControlDesk, Refusal
from kxt_trio.testing.issued_keys import IssuedKeys

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=KST)


class Counter:
    """A desk, and what it is asked."""

    def __init__(self, environment: Environment = Environment.REAL) -> None:
        self.keys = IssuedKeys(Random(0))
        self.refusals: deque[Refusal] = deque()
        self.taken = False
        self.desk = ControlDesk(
            Credentials(app_key="k", app_secret="s", hts_id="$abc", environment=environment),
            self.keys,
            refusals=self.refusals,
            is_taken=lambda: self.taken,
            random=Random(0),
        )
        tr_id = "H0STCNI0" if environment is Environment.REAL else "H0STCNI9"
        self.subscribe = {
            "header": {
                "approval_key": self.keys.issue_approval_key(NOW),
                "custtype": "P",
                "tr_type": "1",
                "content-type": "utf-8",
            },
            "body": {"input": {"tr_id": tr_id, "tr_key": "$abc"}},
        }
        self.release = deepcopy(self.subscribe)
        self.release["header"]["tr_type"] = "2"

    def ask(self, message: object) -> dict:
        return json.loads(self.desk.answer(message, NOW))

    def code(self, message: object) -> str:
        return self.ask(message)["body"]["msg_cd"]


@pytest.fixture
def counter() -> Counter:
    return Counter()


def test_success_has_the_shape_of_the_captures(counter):
    reply = counter.ask(counter.subscribe)
    output = reply["body"].pop("output")
    assert reply == {
        "header": {"tr_id": "H0STCNI0", "tr_key": "$abc", "encrypt": "N"},
        "body": {"rt_cd": "0", "msg_cd": "OPSP0000", "msg1": "SUBSCRIBE SUCCESS"},
    }
    assert len(output["key"]) == 32
    assert output["key"].isalpha()
    assert output["key"].islower()
    assert len(output["iv"]) == 16
    assert int(output["iv"], 16) >= 0


def test_notices_are_encrypted_with_what_the_reply_gave(counter):
    output = counter.ask(counter.subscribe)["body"]["output"]
    flag, tr_id, count, body = counter.desk.frame("a^b", "c^d").split("|")
    assert (flag, tr_id, count) == ("1", "H0STCNI0", "002")
    assert NoticeCipher(output["key"], output["iv"]).decrypt(body) == "a^b^c^d"


def test_every_subscription_has_keys_of_its_own(counter):
    first = counter.ask(counter.subscribe)["body"]["output"]
    assert counter.ask(counter.release)["body"] == {
        "rt_cd": "0",
        "msg_cd": "OPSP0001",
        "msg1": "UNSUBSCRIBE SUCCESS",
    }
    assert counter.desk.frame("a") is None
    assert counter.ask(counter.subscribe)["body"]["output"] != first


def test_twice_is_told_without_keys(counter):
    counter.ask(counter.subscribe)
    reply = counter.ask(counter.subscribe)
    assert reply["body"]["msg_cd"] == "OPSP0002"
    assert "output" not in reply["body"]
    assert counter.desk.cipher is not None


def test_releasing_nothing(counter):
    assert counter.code(counter.release) == "OPSP0003"


def test_an_unknown_approval_key(counter):
    counter.keys.expire_approval_keys()
    reply = counter.ask(counter.subscribe)
    assert reply["header"]["tr_id"] == "H0STCNI0"
    assert reply["body"]["rt_cd"] == "1"
    assert reply["body"]["msg_cd"] == "OPSP0011"


def test_an_occupied_app_key(counter):
    counter.taken = True
    assert counter.ask(counter.subscribe) == {
        "header": {"tr_id": "(null)", "tr_key": "", "encrypt": "N"},
        "body": {"rt_cd": "9", "msg_cd": "OPSP8996", "msg1": "ALREADY IN USE appkey"},
    }


def test_a_wrong_hts_id(counter):
    counter.subscribe["body"]["input"]["tr_key"] = "$ABC"
    assert counter.ask(counter.subscribe)["body"]["msg1"] == "ERROR : htsid가잘못되었습니다"


def test_the_tr_of_the_other_environment():
    counter = Counter(Environment.PAPER)
    assert counter.code(counter.subscribe) == "OPSP0000"
    counter.subscribe["body"]["input"]["tr_id"] = "H0STCNI0"
    assert counter.code(counter.subscribe) == "OPSP8991"


def changed(message: dict, *path: str, value: object = None) -> dict:
    message = deepcopy(message)
    place = message
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return message


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("header",), None, "OPSP9998"),
        (("body",), None, "OPSP9992"),
        (("body", "input"), None, "OPSP9991"),
        (("body", "input", "tr_id"), None, "OPSP8991"),
        (("body", "input", "tr_id"), "H0NOSUCH", "OPSP8991"),
        (("body", "input", "tr_key"), None, "OPSP9990"),
        (("header", "tr_type"), "0", "OPSP8997"),
        (("header", "custtype"), "X", "OPSP8998"),
        (("header", "custtype"), None, "OPSP9997"),
        (("header", "approval_key"), None, "OPSP0011"),
        (("header", "approval_key"), ["a"], "OPSP0011"),
        (("header", "tr_id"), "PINGPONG", "OPSP8993"),
    ],
)
def test_a_malformed_request(counter, path, value, code):
    reply = counter.ask(changed(counter.subscribe, *path, value=value))
    assert reply["body"]["msg_cd"] == code
    assert (reply["header"]["tr_id"] == "(null)") == (reply["body"]["rt_cd"] == "9")


@pytest.mark.parametrize("message", [None, 17, "text", []])
def test_what_is_no_json_object(counter, message):
    assert counter.code(message) == "OPSP9999"


def test_ordered_refusals_come_once_each(counter):
    counter.refusals += [Refusal("OPSP0007"), Refusal("OPSP1234", "so it is")]
    first, second = counter.ask(counter.subscribe), counter.ask(counter.subscribe)
    assert (first["body"]["rt_cd"], first["header"]["tr_id"]) == ("1", "H0STCNI0")
    assert (second["body"]["rt_cd"], second["header"]["tr_id"]) == ("9", "(null)")
    assert second["body"]["msg1"] == "so it is"
    assert counter.code(counter.subscribe) == "OPSP0000"
