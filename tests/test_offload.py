"""Blocking work: in order, bounded, left to itself, and beside a loop that is busy."""

from __future__ import annotations

import gc
import threading
import time

import pytest
import trio

from kxt_trio.offload import Inline, InThread


async def test_results_and_errors_come_back():
    for offload in (InThread(), Inline()):
        assert await offload.run(lambda: 3) == 3
        with pytest.raises(ZeroDivisionError):
            await offload.run(lambda: 1 / 0)
        assert await offload.run(lambda: None) is None


async def test_all_run_in_one_thread_in_order():
    offload = InThread()
    seen: list[int] = []
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(offload.run, lambda number=number: seen.append(number))
    assert sorted(seen) == list(range(20))
    seen.clear()
    for number in range(20):
        offload.leave(lambda number=number: seen.append(number))
    thread = await offload.run(threading.current_thread)
    assert seen == list(range(20))
    assert thread is await offload.run(threading.current_thread)
    assert thread is not threading.current_thread()


async def test_what_takes_too_long_is_left_to_itself_and_keeps_its_place():
    offload = InThread(bound=0.1)
    may_end = threading.Event()
    done: list[str] = []
    with pytest.raises(trio.TooSlowError):
        await offload.run(lambda: may_end.wait(10) and done.append("first"))
    with pytest.raises(trio.TooSlowError):
        await offload.run(lambda: done.append("second"))
    offload.leave(lambda: done.append("left"))
    assert done == []
    may_end.set()
    await offload.run(lambda: done.append("last"))
    assert done == ["first", "second", "left", "last"]


async def test_a_cancelled_call_is_left_to_itself():
    offload = InThread()
    may_end = threading.Event()
    done: list[str] = []
    with trio.move_on_after(0.05) as scope:
        await offload.run(lambda: may_end.wait(10) and done.append("it"))
    assert scope.cancelled_caught
    may_end.set()
    assert await offload.run(lambda: done == ["it"])
    with trio.CancelScope() as scope:
        scope.cancel()
        await offload.run(lambda: done.append("never"))
    assert await offload.run(lambda: done == ["it"])


async def test_what_fails_with_nobody_waiting_is_logged(caplog):
    for offload in (InThread(), Inline()):
        caplog.clear()
        offload.leave(lambda: 1 / 0)
        await offload.run(lambda: None)
        assert "nobody waiting: ZeroDivisionError" in caplog.text


async def test_the_thread_ends_with_its_owner():
    offload = InThread()
    thread = await offload.run(threading.current_thread)
    offload.leave(lambda: time.sleep(0.01))
    del offload
    gc.collect()
    with trio.fail_after(5):
        while thread.is_alive():
            await trio.sleep(0.01)


async def test_the_thread_ends_when_told_and_another_begins_where_it_is_needed():
    offload = InThread()
    thread = await offload.run(threading.current_thread)
    offload.leave(lambda: time.sleep(0.01))
    offload.end()
    offload.end()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert await offload.run(threading.current_thread) is not thread
    offload.end()


async def test_a_thread_is_not_starved_by_a_busy_loop():
    """Without the naps this took seconds, as if the disk had hung."""

    def work() -> None:
        for _ in range(30):  # as SQLite does: away from the interpreter and back, often
            time.sleep(0)

    async def compute() -> None:
        while True:
            end = time.perf_counter() + 0.001
            while time.perf_counter() < end:
                sum(range(200))
            await trio.lowlevel.checkpoint()

    offload = InThread()
    taken: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(compute)
        for _ in range(20):
            began_at = time.perf_counter()
            await offload.run(work)
            taken.append(time.perf_counter() - began_at)
            await trio.sleep(0.003)
        nursery.cancel_scope.cancel()
    assert max(taken) < 0.5
