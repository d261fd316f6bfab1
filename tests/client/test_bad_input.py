"""The session behind the streams, and what it cannot use."""

from __future__ import annotations

import pytest
import trio

from kxt_trio import KXTError
from kxt_trio.testing import FakeKIS

from .front_door import one_fill, opened

BAD = {
    "not JSON": "{this is not json",
    "JSON of another kind": '{"header": 3, "body": []}',
    "no frame": "hello",
    "empty": "",
    "bad base64": "1|H0STCNI0|001|@@@@",
    "bad padding": "1|H0STCNI0|001|AAAAAAAAAAAAAAAAAAAAAA==",
    "another TR": "0|H0STCNT0|001|005930^120651",
    "truncated": "1|H0STCNI0|001",
    "bad count": "1|H0STCNI0|abc|AAAA",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_what_cannot_be_read_is_counted_and_the_next_fill_still_arrives(
    text, autojump_clock, caplog
):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.send_text(text)
        one_fill(kis)
        await fills.receive()
        statistics = fills.statistics()
        assert statistics.unreadable == 1
        assert statistics.last_unreadable is not None
        assert "unreadable" in caplog.text
        assert len(kis.connects) == 1


async def test_a_bad_record_does_not_hold_back_its_neighbours(autojump_clock):
    good = (
        "htsuser1^1234567801^0000000001^^02^0^00^0^005930^0000000001^000000100^090000"
        "^0^2^2^00950^000000001^name^^1^N^^10^^Samsung^000000100"
    )
    bad = good.replace("000000100^090000", "71,2x0^090000")
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.send_notice(good, bad, good)
        await fills.receive()
        await fills.receive()
        statistics = fills.statistics()
        assert statistics.unreadable == 1
        assert "99,9a9" in statistics.last_unreadable
        assert "1234567801" not in statistics.last_unreadable


async def test_an_error_nobody_asked_for_is_a_warning_and_the_link_goes_on(
    autojump_clock, caplog
):
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.send_text(
            '{"header":{"tr_id":"(null)"},"body":{"rt_cd":"9","msg_cd":"OPSP8993","msg1":"x"}}'
        )
        one_fill(kis)
        await fills.receive()
        assert "OPSP8993" in caplog.text


async def test_the_words_of_a_complaint_are_logged_short_and_without_what_is_private(
    autojump_clock, caplog
):
    async with FakeKIS() as kis, opened(kis):
        words = f"bad htsuser1 12345678\\nWARNING forged {'y' * 3000}"
        kis.send_text(
            '{"header":{"tr_id":"(null)"},'
            f'"body":{{"rt_cd":"9","msg_cd":"OPSP9999","msg1":"{words}"}}}}'
        )
        await trio.sleep(1)
        assert "OPSP9999" in caplog.text
        assert "htsuser1" not in caplog.text
        assert "12345678" not in caplog.text
        assert "\nWARNING" not in caplog.text
        assert len(caplog.text) < 1000


async def test_an_account_without_a_product_code_on_the_wire_is_not_passed_over(
    autojump_clock,
):
    record = (
        "htsuser1^12345678^0000000001^^02^0^00^0^005930^0000000001^000000100^090000"
        "^0^2^2^00950^000000001^name^^1^N^^10^^Samsung^000000100"
    )
    async with FakeKIS() as kis, opened(kis) as fills:
        kis.send_notice(record)
        await trio.sleep(1)
        statistics = fills.statistics()
        assert statistics.received + statistics.unreadable == 1


async def test_an_oversize_message_costs_the_connection_and_nothing_before_it(autojump_clock):
    async with FakeKIS() as kis, opened(kis) as fills:
        order_id = kis.place("005930", quantity=100, price=100)
        for _ in range(50):
            kis.fill(order_id, quantity=1)
        kis.send_text("x" * (64 * 1024 + 1))
        await trio.sleep(0.5)
        assert fills.statistics().received == 50
        await fills.wait_live()
        assert len(kis.connects) == 2


async def test_a_bug_inside_is_the_streams_failure_and_not_a_crash(autojump_clock, monkeypatch):
    async with FakeKIS() as kis, opened(kis) as fills:

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(type(fills._outlet), "offer", broken)
        one_fill(kis)
        with pytest.raises(KXTError, match="inside") as caught:
            await fills.receive()
        assert caught.value.__cause__ is not None
