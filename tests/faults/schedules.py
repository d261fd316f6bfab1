"""Schedules of faults: data that hypothesis makes and shrinks, or a seed makes."""

from __future__ import annotations

import random
from typing import Any, TypeAlias

import attrs
from hypothesis import strategies as st

from kxt_trio import (
    Environment,
)

#: A verb of a world, or of the broker, and its arguments.
Step: TypeAlias = tuple[str, tuple[Any, ...]]

#: What a broker should not say, and what it may say at any time.
TEXTS = (
    "",
    "{",
    "[]",
    "{}",
    "\x00" * 5,
    '{"header":null}',
    '{"a":' * 5000,
    "1|H0STCNI0|001|@@",
    '{"header":{"tr_id":"(null)"},"body":{"rt_cd":"9","msg_cd":"OPSP8996","msg1":"x"}}',
    '{"header":{"tr_id":"H0STCNI0"},"body":{"rt_cd":"0","msg_cd":"OPSP0000"}}',
    '{"header":{"tr_id":"H0STCNI0","tr_key":"htsuser1","encrypt":"N"},'
    '"body":{"rt_cd":"0","msg_cd":"OPSP0001","msg1":"UNSUBSCRIBE SUCCESS"}}',
    '{"header":{"tr_id":"PINGPONG","datetime":"20261120090000"}}',
)
TOO_LONG = "x" * (64 * 1024 + 1)
REFUSALS = ("OPSP0007", "OPSP8999", "OPSP0011", "OPSP0002", "OPSP4711", "OPSP8996")
OUTAGES = ((1, 500), (2, 503), (3, None), (1, 403))


def one_of(verb: str, weight: int, *choices: Any) -> list[Step]:
    """The verb with each of the choices, ``weight`` times between them or a little more."""
    if not choices:
        return [(verb, ())] * weight
    arguments = [choice if isinstance(choice, tuple) else (choice,) for choice in choices]
    times = -(-weight // len(arguments))
    return [(verb, argument) for argument in arguments for _ in range(times)]


#: In twelfths of a step.
LINK: list[Step] = [
    *one_of("drop", 24),
    *one_of("close", 24, 1000, 1001, 1011),
    *one_of("close_without_fin", 24),
    *one_of("silence", 12),
    *one_of("refuse", 24, *REFUSALS),
    *one_of("refuse_connections", 24, 1, 2, 4),
    *one_of("hang_connections", 12),
    *one_of("garbage_handshake", 12),
    *one_of("eof_handshake", 12),
    *one_of("reject_handshake", 12, 301, 403, 503),
    *one_of("accept_and_close", 12),
    *one_of("expire_approval_keys", 24),
    *one_of("occupy_session", 4),
    *one_of("rest_down", 24, *OUTAGES),
    *one_of("send_text", 48, *TEXTS, TOO_LONG),
    *one_of("reply_in", 12, 0, 0.5, 3),
    *one_of("attach", 48, "fills", "orders"),
    *one_of("detach", 36, 0, 1, 2),
    *one_of("forget", 24, 0, 1, 2),
    *one_of("advance", 96, 0.01, 0.3, 1, 5, 30, 61, 200),
]
CUTS = ("", "", "", "", "drop", "close", "close_without_fin", "silence", "oversize")
HEARING: list[Step] = [
    *LINK,
    *one_of("fill", 360, *((many, cut) for many in (1, 2, 4) for cut in CUTS)),
    *one_of("swap", 24, 0, 0.05, 0.2, 1, 2.1, 15, 100),
]
COUNTING: list[Step] = [
    *LINK,
    *one_of("order", 96, (1, True), (4, True), (10, True), (60, True), (5, False)),
    *one_of(
        "fill",
        360,
        *(
            (index, part, notify, lag)
            for index in range(4)
            for part in (1, 2, 4)
            for notify, lag in ((True, None), (True, None), (True, 3.5), (False, None))
        ),
    ),
    *one_of("fill_and", 48, *((index, cut) for index in range(4) for cut in CUTS[4:])),
    *one_of("amend", 24, 0, 1, 2),
    *one_of("cancel", 24, 0, 1, 2),
    *one_of("notices_in", 12, 0, 0.5, 2, 3.5),
    *one_of("totals_in", 12, (0, 0), (1, 0.3), (5, 0), (5, 3)),
    *one_of("rest_down", 6, (None, 503), (None, None)),
    *one_of("rest_up", 12),
    *one_of("truncate_pages", 12, 1, 3),
    *one_of("shift_pages", 12, 1, -3),
    *one_of("expire_tokens", 6),
]

STARTS = ("09:00", "15:28", "19:55", "23:40", "23:58")
GOODBYES = ("ignore_goodbye", "silence", "drop")


@attrs.frozen
class Schedule:
    """A run."""

    steps: list[Step]
    connects_per_minute: int = 6
    backoff_max: float = 60
    environment: Environment = Environment.REAL
    start: str = "09:00"
    goodbyes: frozenset[str] = frozenset()
    way_out: str = "end"


def draw(seed: int, steps: list[Step]) -> Schedule:
    """A schedule of this seed."""
    source = random.Random(seed)
    return Schedule(
        steps=source.choices(steps, k=source.randint(20, 80)),
        connects_per_minute=source.choice((6, 60)),
        backoff_max=source.choice((2, 60)),
        environment=source.choice(tuple(Environment)),
        start=source.choice(STARTS),
        goodbyes=frozenset(source.sample(GOODBYES, source.randint(0, 3))),
        way_out=source.choice(("end", "cancel", "raise")),
    )


def schedules(steps: list[Step]) -> st.SearchStrategy[Schedule]:
    """Any schedule."""
    return st.builds(
        Schedule,
        steps=st.lists(st.sampled_from(steps), min_size=5, max_size=60),
        connects_per_minute=st.sampled_from((6, 60)),
        backoff_max=st.sampled_from((2, 60)),
        environment=st.sampled_from(Environment),
        start=st.sampled_from(STARTS),
        goodbyes=st.frozensets(st.sampled_from(GOODBYES)),
        way_out=st.sampled_from(("end", "cancel", "raise")),
    )
