"""Records of notices about domestic stock, as the broker lays them out."""

from __future__ import annotations

from datetime import datetime

from kxt_trio.models import KST, FillEvent
from kxt_trio.protocol.notices.domestic_stock import read_record

RECEIVED = datetime(2026, 11, 20, 9, 30, 6, tzinfo=KST)
NAMES = [
    "CUST_ID",
    "ACNT_NO",
    "ODER_NO",
    "OODER_NO",
    "SELN_BYOV_CLS",
    "RCTF_CLS",
    "ODER_KIND",
    "ODER_COND",
    "STCK_SHRN_ISCD",
    "CNTG_QTY",
    "CNTG_UNPR",
    "STCK_CNTG_HOUR",
    "RFUS_YN",
    "CNTG_YN",
    "ACPT_YN",
    "BRNC_NO",
    "ODER_QTY",
    "ACNT_NAME",
]
FILL = [
    "htsuser1",
    "1234567801",
    "0000000123",
    "",
    "02",
    "0",
    "00",
    "0",
    "005930",
    "0000000010",
    "000069950",
    "093005",
    "0",
    "2",
    "2",
    "00950",
    "000000030",
    "홍길동",
]
ACCEPTANCE = [
    "htsuser1",
    "1234567801",
    "0000000123",
    "",
    "01",
    "0",
    "03",
    "1",
    "005930",
    "0000000030",
    "000070000",
    "093000",
    "0",
    "1",
    "1",
    "00950",
    "000000030",
    "홍길동",
]
REAL = ["000000000", "2", "N", "", "10", "", "삼성전자", "000070000"]
PACKED = ["1Y", "10", "", "삼성전자", "000070000"]
OLD = ["삼성전자", "10", "", "삼성전자", "000070000"]


def record(base: list[str], tail: list[str] = REAL, **changes: str) -> list[str]:
    fields = [*base, *tail]
    for name, value in changes.items():
        fields[NAMES.index(name)] = value
    return fields


def read_fill(fields: list[str], received_at: datetime = RECEIVED) -> FillEvent:
    event = read_record(fields, received_at)
    assert isinstance(event, FillEvent)
    return event
