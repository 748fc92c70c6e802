import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from wherry.aio.tasks import Tasks, start_now


async def forever(log: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        log.append("cancelled")


async def fail() -> None:
    await asyncio.sleep(0)
    raise LookupError("lost")


async def test_leaving_the_block_ends_the_tasks() -> None:
    log: list[str] = []
    async with Tasks() as tasks:
        tasks.start(forever(log), "one")
        tasks.start(forever(log), "two")
        await asyncio.sleep(0)
    assert log == ["cancelled"] * 2


async def test_wait_raises_the_first_failure_and_names_the_task(caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []
    with pytest.raises(LookupError):
        async with Tasks() as tasks:
            tasks.start(forever(log), "patient")
            tasks.start(fail(), "unlucky")
            await tasks.wait()
    assert log == ["cancelled"]
    assert "unlucky failed: lost" in caplog.text


async def test_wait_returns_when_all_have_ended() -> None:
    async with Tasks() as tasks:
        tasks.start(asyncio.sleep(0), "short")
        await asyncio.wait_for(tasks.wait(), 5)


async def outside(work: Coroutine[Any, Any, Any]) -> Any:
    """start_now as a protocol's callback would call it; the result, or the task's."""
    loop = asyncio.get_running_loop()
    end = loop.create_future()

    def begin() -> None:
        try:
            if start_now(work, lambda task: end.set_result(task)) is None:
                end.set_result(None)
        except Exception as error:
            end.set_exception(error)

    loop.call_soon(begin)
    task = await end
    return await task if task is not None else None


async def answer(*waits: float) -> int:
    for seconds in waits:
        await asyncio.sleep(seconds)
    return 42


async def test_start_now() -> None:
    assert await outside(answer()) is None  # never waited: no task
    assert await outside(answer(0)) == 42
    assert await outside(answer(0.001, 0, 0.001)) == 42
    with pytest.raises(LookupError):
        await outside(fail())


async def test_start_now_raises_at_once_what_the_first_step_raises() -> None:
    async def broken() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await outside(broken())


async def test_a_first_step_has_a_current_task_that_can_be_cancelled() -> None:
    log: list[str] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)
        await forever(log)

    with pytest.raises(asyncio.CancelledError):
        await outside(work())
    assert log == ["cancelled"]


async def test_a_task_cancelled_before_its_second_step_still_cleans_up() -> None:
    log: list[str] = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await forever(log)

    with pytest.raises(asyncio.CancelledError):
        await outside(work())
    assert log == ["cancelled"]
