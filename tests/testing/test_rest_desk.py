from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import trio

from kxt_trio import KST, Environment
from kxt_trio.testing import FakeKIS

INQUIRY = "/uapi/domestic-stock/v1/trading/inquire-daily-ccld"


def token_request(kis, **changes):
    keys = kis.credentials
    body = {
        "grant_type": "client_credentials",
        "appkey": keys.app_key,
        "appsecret": keys.app_secret,
        **changes,
    }
    return {"url": "/oauth2/tokenP", "json": body}


def inquiry(kis, token, *, headers=None, **changes):
    keys = kis.credentials
    real = keys.environment is Environment.REAL
    return {
        "url": INQUIRY,
        "headers": {
            "authorization": f"Bearer {token}",
            "appkey": keys.app_key,
            "appsecret": keys.app_secret,
            "tr_id": "TTTC0081R" if real else "VTTC0081R",
            "custtype": "P",
            **(headers or {}),
        },
        "params": {
            "CANO": keys.account_no,
            "ACNT_PRDT_CD": keys.account_product_code,
            "INQR_STRT_DT": f"{kis.now:%Y%m%d}",
            "INQR_END_DT": f"{kis.now:%Y%m%d}",
            "SLL_BUY_DVSN_CD": "00",
            "CCLD_DVSN": "00",
            "INQR_DVSN": "01",
            "EXCG_ID_DVSN_CD": "ALL" if real else "KRX",
            "CTX_AREA_FK100": "",
            "CTX_AREA_NK100": "",
            **changes,
        },
    }


async def token(kis, client) -> str:
    answer = await client.post(**token_request(kis))
    return answer.json()["access_token"]


async def test_a_token(autojump_clock, fake_kis, http):
    async with http(fake_kis) as client:
        answer = await client.post(**token_request(fake_kis))
        assert answer.status_code == 200
        body = answer.json()
        assert body["token_type"] == "Bearer"
        assert body["expires_in"] == 86400
        assert body["access_token_token_expired"] == "2026-11-21 09:00:00"

        refused = await client.post(**token_request(fake_kis))
        assert refused.status_code == 403
        assert refused.json() == {
            "error_code": "EGW00133",
            "error_description": "접근토큰 발급 잠시 후 다시 시도하세요(1분당 1회)",
        }
        await trio.sleep(3600)
        again = (await client.post(**token_request(fake_kis))).json()
        assert again["access_token"] == body["access_token"]
        assert again["expires_in"] == 86400 - 3600


@pytest.mark.parametrize("path", ["/oauth2/Approval", "/oauth2/tokenP"])
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"appkey": ""}, "EGW00102"),
        ({"appkey": "wrong"}, "EGW00103"),
        ({"appsecret": "wrong", "secretkey": "wrong"}, "EGW00105"),
    ],
)
async def test_wrong_keys(autojump_clock, fake_kis, http, path, changes, code):
    async with http(fake_kis) as client:
        request = token_request(fake_kis, **changes)
        answer = await client.post(path, json=request["json"])
        assert (answer.status_code, answer.json()["error_code"]) == (403, code)


async def test_a_body_that_is_no_json(autojump_clock, fake_kis, http):
    async with http(fake_kis) as client:
        answer = await client.post("/oauth2/Approval", content=b"{")
        assert answer.json()["error_code"] == "EGW00102"


async def test_an_inquiry(autojump_clock, fake_kis, http):
    order_id = fake_kis.place("005930", quantity=10, price=69950)
    fake_kis.fill(order_id, quantity=4, price=69940)
    async with http(fake_kis) as client:
        answer = await client.get(**inquiry(fake_kis, await token(fake_kis, client)))
        assert answer.status_code == 200
        assert answer.headers["tr_cont"] == "D"
        assert answer.headers["tr_id"] == "TTTC0081R"
        body = answer.json()
        assert body["rt_cd"] == "0"
        (row,) = body["output1"]
        assert (row["odno"], row["tot_ccld_amt"]) == (order_id, "279760")


async def test_every_page_over_http(autojump_clock, http):
    async with FakeKIS(environment=Environment.PAPER) as kis, http(kis) as client:
        for _ in range(40):
            kis.place("005930", quantity=1, price=1)
        bearer, context, tr_cont, rows = await token(kis, client), {}, "", []
        while True:
            answer = await client.get(
                **inquiry(kis, bearer, headers={"tr_cont": tr_cont}, **context)
            )
            body = answer.json()
            rows += body["output1"]
            if answer.headers["tr_cont"] not in ("F", "M"):
                break
            tr_cont = "N"
            context = {
                "CTX_AREA_FK100": body["ctx_area_fk100"],
                "CTX_AREA_NK100": body["ctx_area_nk100"],
            }
        assert len(rows) == 40
        assert len(kis.rest_calls) == 1 + 3


async def test_inquiries_lag(autojump_clock, fake_kis, http):
    fake_kis.rest_lag = 30
    async with http(fake_kis) as client:
        bearer = await token(fake_kis, client)
        order_id = fake_kis.place("005930", quantity=10, price=69950)
        await trio.sleep(10)
        fake_kis.fill(order_id)
        seen = []
        for _ in range(5):
            rows = (await client.get(**inquiry(fake_kis, bearer))).json()["output1"]
            seen.append([row["tot_ccld_qty"] for row in rows])
            await trio.sleep(10)
        assert seen == [[], [], ["0"], ["10"], ["10"]]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"appkey": "wrong"}, "EGW00103"),
        ({"appsecret": "wrong"}, "EGW00105"),
        ({"authorization": "Bearer wrong"}, "EGW00121"),
        ({"tr_id": "VTTC0081R"}, "EGW02004"),
    ],
)
async def test_refused_inquiries(autojump_clock, fake_kis, http, headers, code):
    async with http(fake_kis) as client:
        bearer = await token(fake_kis, client)
        answer = await client.get(**inquiry(fake_kis, bearer, headers=headers))
        assert answer.status_code == 500
        assert (answer.json()["rt_cd"], answer.json()["msg_cd"]) == ("1", code)


async def test_expired_tokens(autojump_clock, fake_kis, http):
    async with http(fake_kis) as client:
        bearer = await token(fake_kis, client)
        fake_kis.expire_tokens()
        answer = await client.get(**inquiry(fake_kis, bearer))
        assert (answer.status_code, answer.json()["msg_cd"]) == (500, "EGW00123")
        await trio.sleep(60)
        bearer = await token(fake_kis, client)
        assert (await client.get(**inquiry(fake_kis, bearer))).status_code == 200
        fake_kis.shift_clock(24 * 3600)
        assert (await client.get(**inquiry(fake_kis, bearer))).json()["msg_cd"] == "EGW00123"


async def test_too_many_calls(autojump_clock, fake_kis, http):
    async with http(fake_kis) as client:
        bearer = await token(fake_kis, client)
        await trio.sleep(2)
        fake_kis.limit_rest(1)
        codes = []
        for pause in (0, 1.5, 0):
            answer = await client.get(**inquiry(fake_kis, bearer))
            codes.append((answer.status_code, answer.json()["msg_cd"]))
            await trio.sleep(pause)
        assert codes[0] == codes[2] == (200, "KIOK0460")
        assert codes[1] == (500, "EGW00201")


async def test_an_unusable_parameter_is_named(autojump_clock, fake_kis, http):
    async with http(fake_kis) as client:
        bearer = await token(fake_kis, client)
        body = (await client.get(**inquiry(fake_kis, bearer, CCLD_DVSN=""))).json()
        assert body["rt_cd"] == "2"
        assert body["msg1"] == "ERROR : INPUT FIELD NOT FOUND [CCLD_DVSN]"


async def test_answers_carry_the_brokers_time(autojump_clock, fake_kis, http):
    fake_kis.shift_clock(90)
    async with http(fake_kis) as client:
        date = (await client.get("/any")).headers["date"]
    assert date.endswith(" GMT")
    assert parsedate_to_datetime(date) - fake_kis.now < timedelta(seconds=1)


async def test_pages_and_rows_can_lie(autojump_clock, fake_kis, http):
    numbers = [fake_kis.place("005930", quantity=1, price=1) for _ in range(110)]
    fake_kis.misreport_finished(numbers[0])
    fake_kis.misreport_totals(numbers[1], quantity=3, amount=30)
    fake_kis.truncate_pages()
    fake_kis.shift_pages(by=2)
    async with http(fake_kis) as client:
        bearer = await token(fake_kis, client)
        first = (await client.get(**inquiry(fake_kis, bearer))).json()
        context = {
            "CTX_AREA_FK100": first["ctx_area_fk100"],
            "CTX_AREA_NK100": first["ctx_area_nk100"],
        }
        request = inquiry(fake_kis, bearer, headers={"tr_cont": "N"}, **context)
        second = (await client.get(**request)).json()
    assert [row["odno"] for row in first["output1"]] == numbers[:50]
    assert [row["odno"] for row in second["output1"]] == numbers[102:]
    assert [row["rmn_qty"] for row in first["output1"][:3]] == ["0", "0", "1"]
    assert first["output1"][1]["tot_ccld_amt"] == "30"


async def test_the_truth_can_be_had_again(autojump_clock, fake_kis, http):
    numbers = [fake_kis.place("005930", quantity=1, price=1) for _ in range(10)]
    fake_kis.misreport_finished(numbers[0])
    fake_kis.misreport_totals(numbers[1], quantity=1, amount=30)
    for number in numbers[:2]:
        fake_kis.report_truly(number)
    fake_kis.truncate_pages(times=9)
    fake_kis.shift_pages(times=9)
    fake_kis.restore_pages()
    async with http(fake_kis) as client:
        answer = await client.get(**inquiry(fake_kis, await token(fake_kis, client)))
    rows = answer.json()["output1"]
    assert [(row["rmn_qty"], row["tot_ccld_amt"]) for row in rows] == [("1", "0")] * 10


async def test_two_orders_of_one_number_are_told_apart(autojump_clock, http, dial):
    start = datetime(2026, 11, 20, 23, 59, 57, tzinfo=KST)
    async with FakeKIS(start=start) as kis, dial(kis, subscribed=True) as desk:
        yesterday = kis.place("005930", quantity=3, price=100, announce=False)
        kis.fill(yesterday, lag=6)
        await trio.sleep(5)
        today = kis.place("005930", quantity=4, price=200, announce=False)
        kis.fill(today)
        assert yesterday == today
        seen = [await desk.notice() for _ in range(2)]
        assert [(fields[2], fields[9], fields[11]) for fields in seen] == [
            (today, "0000000004", "000002"),
            (today, "0000000003", "235957"),
        ]
        async with http(kis) as client:
            both = inquiry(kis, await token(kis, client), INQR_STRT_DT="20261120")
            rows = (await client.get(**both)).json()["output1"]
    assert [(row["ord_dt"], row["odno"], row["tot_ccld_amt"]) for row in rows] == [
        ("20261120", yesterday, "300"),
        ("20261121", today, "800"),
    ]
