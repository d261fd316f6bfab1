"""Background work behind a block: how it starts, fails and ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial

import pytest
import trio
from trio.testing import MockClock, assert_no_checkpoints, wait_all_tasks_blocked

from kxt_trio.scope import open_scope

GRACE = 2.0


class Chore:
    """Work that can be told what to do, and tells what happened."""

    def __init__(
        self,
        run: Callable[[trio.Nursery], Awaitable[None]] | None = None,
        goodbye: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.log: list[str] = []
        self._run = run
        self._goodbye = goodbye

    async def run(self, supports: trio.Nursery) -> None:
        self.log.append("run")
        try:
            if self._run is not None:
                await self._run(supports)
            await trio.sleep_forever()
        except trio.Cancelled:
            self.log.append("cancelled")
            raise

    async def goodbye(self) -> None:
        self.log.append("goodbye")
        if self._goodbye is not None:
            await self._goodbye()
        self.log.append("gone")


def opened(chore: Chore, *, grace: float = GRACE) -> AbstractAsyncContextManager[None]:
    return open_scope(chore, name="chore", grace=grace)


def raising(error: BaseException) -> Callable[..., Awaitable[None]]:
    async def fail(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise error

    return fail


@pytest.fixture(autouse=True)
async def _no_task_is_left():  # noqa: ASYNC124  # its questions are about the run
    before = trio.lowlevel.current_statistics().tasks_living
    yield
    assert trio.lowlevel.current_statistics().tasks_living == before


# -- starting and ending ----------------------------------------------------------------


async def test_entering_never_waits():
    scope = opened(Chore())
    with assert_no_checkpoints():
        await scope.__aenter__()
    await scope.__aexit__(None, None, None)


async def test_the_work_runs_beside_the_block_and_ends_with_it():
    chore = Chore()
    async with opened(chore):
        await wait_all_tasks_blocked()
        assert chore.log == ["run"]
    assert chore.log == ["run", "cancelled", "goodbye", "gone"]


async def test_a_block_that_ends_at_once_still_says_goodbye():
    chore = Chore()
    async with opened(chore):
        pass
    assert chore.log[-2:] == ["goodbye", "gone"]


async def test_the_task_bears_the_given_name():
    names = []

    async def tell(_: trio.Nursery) -> None:
        names.append(trio.lowlevel.current_task().name)
        await trio.lowlevel.checkpoint()

    async with opened(Chore(run=tell)):
        await wait_all_tasks_blocked()
    assert names == ["chore"]


async def test_supports_outlive_the_work_serve_the_goodbye_and_die_after_it():
    log: list[str] = []
    ask, asked = trio.open_memory_channel[str](0)

    async def serve(task_status: trio.TaskStatus[None]) -> None:
        try:
            task_status.started()
            async for word in asked:
                log.append(f"served {word}")
        finally:
            log.append("support died")

    async def run(supports: trio.Nursery) -> None:
        await supports.start(serve)
        try:
            await trio.sleep_forever()
        finally:
            log.append("work over")

    async def goodbye() -> None:
        await ask.send("goodbye")
        log.append("goodbye over")

    async with ask, asked, opened(Chore(run, goodbye)):
        await wait_all_tasks_blocked()
    assert log[0] == "work over"
    assert set(log[1:3]) == {"served goodbye", "goodbye over"}
    assert log[3:] == ["support died"]


# -- the end is bounded -----------------------------------------------------------------


async def leave() -> None:
    await trio.sleep(5)


async def fail() -> None:
    await trio.sleep(5)
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "body", [leave, fail, trio.sleep_forever], ids=["end", "error", "cancel"]
)
@pytest.mark.parametrize(
    ("needed", "taken", "last"),
    [(1.5, 1.5, "gone"), (float("inf"), GRACE, "goodbye")],
    ids=["in time", "never"],
)
async def test_however_the_block_ends_the_goodbye_has_the_grace_and_no_more(
    autojump_clock: MockClock,
    body: Callable[[], Awaitable[None]],
    needed: float,
    taken: float,
    last: str,
):
    chore = Chore(goodbye=partial(trio.sleep, needed))
    began = trio.current_time()
    with trio.move_on_after(5 if body is trio.sleep_forever else 100):
        try:
            async with opened(chore):
                await body()
        except ZeroDivisionError:
            pass
    assert trio.current_time() - began == 5 + taken
    assert chore.log[-1] == last


async def test_without_any_grace_the_end_takes_no_time(autojump_clock: MockClock):
    chore = Chore(goodbye=trio.sleep_forever)
    began = trio.current_time()
    async with opened(chore, grace=0):
        await wait_all_tasks_blocked()
    assert trio.current_time() == began
    assert "gone" not in chore.log


async def test_work_that_is_slow_to_stop_uses_up_the_grace_of_the_goodbye(
    autojump_clock: MockClock,
):
    async def slow(_: trio.Nursery) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(1.5, shield=True):
                await trio.sleep_forever()

    began = trio.current_time()
    async with opened(Chore(slow, trio.sleep_forever)):
        await wait_all_tasks_blocked()
    assert trio.current_time() - began == GRACE


async def test_a_support_that_hangs_does_not_outlive_the_grace(autojump_clock: MockClock):
    async def hang() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(1, shield=True):
                await trio.sleep_forever()

    async def run(supports: trio.Nursery) -> None:
        supports.start_soon(hang)
        await trio.sleep_forever()

    began = trio.current_time()
    async with opened(Chore(run)):
        await wait_all_tasks_blocked()
    assert trio.current_time() - began == 1


async def test_a_second_cancel_does_not_cut_the_goodbye(autojump_clock: MockClock):
    chore = Chore(goodbye=partial(trio.sleep, 1))
    with trio.move_on_after(5.5):
        with trio.move_on_after(5):
            async with opened(chore):
                await trio.sleep_forever()
    assert chore.log[-1] == "gone"


# -- the block's own exception ----------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        ValueError("mine"),
        KeyboardInterrupt(),
        SystemExit(3),
        StopIteration("not lost in a generator"),
        StopAsyncIteration("nor this"),
        ExceptionGroup("mine", [ValueError(), OSError()]),
        ExceptionGroup("one", [ValueError()]),
        BaseExceptionGroup("mine", [KeyboardInterrupt(), ValueError()]),
    ],
    ids=repr,
)
async def test_what_the_block_raises_comes_out_as_the_same_object(error: BaseException):
    chore = Chore()
    with pytest.raises(BaseException) as caught:
        async with opened(chore):
            await wait_all_tasks_blocked()
            raise error
    assert caught.value is error
    assert chore.log[-1] == "gone"


async def test_cause_and_context_of_the_blocks_exception_survive():
    cause, context, error = OSError("why"), KeyError("while"), ValueError("what")
    with pytest.raises(ValueError, match="what") as caught:
        async with opened(Chore()):
            try:
                raise context
            except KeyError:
                raise error from cause
    assert caught.value is error
    assert error.__cause__ is cause
    assert error.__context__ is context
    assert error.__suppress_context__


async def test_an_exception_without_context_gets_none():
    error = ValueError()
    with pytest.raises(ValueError) as caught:
        async with opened(Chore()):
            raise error
    assert caught.value is error
    assert error.__context__ is None


async def test_an_error_raised_while_being_cancelled_comes_out_bare(autojump_clock: MockClock):
    error = ValueError()
    with pytest.raises(ValueError) as caught:
        with trio.move_on_after(5):
            async with opened(Chore()):
                try:
                    await trio.sleep_forever()
                except trio.Cancelled:
                    raise error from None  # noqa: ASYNC104  # the user's fault, our matter
    assert caught.value is error


# -- cancellation -----------------------------------------------------------------------


async def test_an_outer_cancel_is_caught_by_its_own_scope(autojump_clock: MockClock):
    with trio.move_on_after(5) as outer:
        async with opened(Chore()):
            await trio.sleep_forever()
        raise AssertionError("the block was cancelled")
    assert outer.cancelled_caught


async def test_a_cancel_scope_inside_the_block_does_not_end_it(autojump_clock: MockClock):
    chore = Chore()
    async with opened(chore):
        with trio.move_on_after(1) as inner:
            await trio.sleep_forever()
        assert inner.cancelled_caught
        assert chore.log == ["run"]


async def test_an_outer_timeout_is_a_plain_timeout(autojump_clock: MockClock):
    with pytest.raises(trio.TooSlowError):
        with trio.fail_after(5):
            async with opened(Chore()):
                await trio.sleep_forever()


async def test_a_group_of_a_cancel_and_an_error_leaves_the_error_as_the_users_nursery_would(
    autojump_clock: MockClock,
):
    error = ValueError("on the way out")

    async def stubborn() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise error

    async def left(around: AbstractAsyncContextManager[None]) -> tuple[Exception, ...]:
        with pytest.raises(ExceptionGroup) as caught:  # noqa: ASYNC401  # identity counts
            with trio.move_on_after(5):
                async with around, trio.open_nursery() as mine:
                    mine.start_soon(stubborn)
                    await trio.sleep_forever()
        return caught.value.exceptions

    assert await left(opened(Chore())) == await left(nullcontext()) == (error,)


# -- the work fails ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("where", ["work", "support", "goodbye"])
async def test_what_leaves_the_background_ends_the_block_and_surfaces_bare(
    kind: type[BaseException], where: str
):
    error = kind()

    async def support(supports: trio.Nursery) -> None:
        supports.start_soon(raising(error))
        await trio.sleep_forever()

    chore = {
        "work": Chore(run=raising(error)),
        "support": Chore(run=support),
        "goodbye": Chore(goodbye=raising(error)),
    }[where]
    with pytest.raises(kind) as caught:
        async with opened(chore):
            if where != "goodbye":
                await trio.sleep_forever()
    assert caught.value is error


async def test_ctrl_c_in_the_background_outranks_the_blocks_error_and_keeps_it_as_context():
    interrupt, error = KeyboardInterrupt(), ValueError()
    with pytest.raises(KeyboardInterrupt) as caught:
        async with opened(Chore(run=raising(interrupt))):
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                raise error from None  # noqa: ASYNC104
    assert caught.value is interrupt
    assert interrupt.__context__ is error


async def test_a_cancel_by_the_dying_background_does_not_leak_out_of_a_users_group():
    async def stubborn() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError

    with pytest.RaisesGroup(KeyboardInterrupt, pytest.RaisesGroup(ValueError)):
        async with opened(Chore(run=raising(KeyboardInterrupt()))):
            async with trio.open_nursery() as mine:
                mine.start_soon(stubborn)
                await trio.sleep_forever()


async def test_a_bug_beside_an_outer_cancel_surfaces_and_the_cancel_is_caught(
    autojump_clock: MockClock,
):
    error = RuntimeError("a bug")
    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, check=lambda exc: exc is error)):
        with trio.move_on_after(5):
            async with opened(Chore(goodbye=raising(error))):
                await trio.sleep_forever()


# -- several ----------------------------------------------------------------------------


async def test_nested_scopes_end_from_the_inside_out_each_with_its_own_grace(
    autojump_clock: MockClock,
):
    log: list[str] = []

    def parting(name: str) -> Chore:
        async def goodbye() -> None:
            log.append(name)
            await trio.sleep_forever()

        return Chore(goodbye=goodbye)

    error = ExceptionGroup("mine", [ValueError()])
    began = trio.current_time()
    with pytest.raises(ExceptionGroup) as caught:  # noqa: ASYNC401  # identity counts
        async with opened(parting("outer"), grace=3), opened(parting("inner"), grace=4):
            raise error
    assert caught.value is error
    assert log == ["inner", "outer"]
    assert trio.current_time() - began == 7


async def test_an_outer_cancel_passes_through_nested_scopes(autojump_clock: MockClock):
    outer_chore, inner_chore = Chore(), Chore()
    with trio.move_on_after(5) as outer:
        async with opened(outer_chore), opened(inner_chore):
            await trio.sleep_forever()
    assert outer.cancelled_caught
    assert outer_chore.log[-1] == inner_chore.log[-1] == "gone"
