"""Background tasks: groups that end as one, and tasks that begin before the loop's next turn."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Self, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class Tasks:
    """The background tasks of one owner: `async with Tasks() as tasks`, `tasks.start(coroutine, "name")`.

    Leaving the block cancels what still runs and waits for it. A task that fails is logged under its name at once;
    its exception is raised by `wait` and when the block is left, unless another exception is already on its way.
    Unlike asyncio.TaskGroup the failure of one leaves the others alone, so that a component decides itself.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._failed: asyncio.Future[None] | None = None
        self._error: BaseException | None = None

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("%s failed: %s", task.get_name(), error, exc_info=error)
        self._error = self._error or error
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(None)

    async def wait(self) -> None:
        """Until every task is done or one fails; raises the failure."""
        self._failed = asyncio.get_running_loop().create_future()
        while self._running and self._error is None:
            await asyncio.wait([self._failed, *self._running], return_when=asyncio.FIRST_COMPLETED)
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        """Cancel what runs and wait until it has ended."""
        while self._running:
            running = list(self._running)
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            await asyncio.sleep(0)  # their callbacks take them out of the set

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
        if error is None and self._error is not None:
            raise self._error


def start_now(work: Coroutine[Any, Any, T], done: Callable[[asyncio.Task[T]], object]) -> asyncio.Task[T] | None:
    """Run `work` up to its first real wait. None when it ended there: its result is dropped, its exception raised.
    Otherwise a task runs the rest, and `done` is called with it at its end.

    Saves the task, and the turn of the loop, of the many coroutines that never wait. Must be called outside of any
    task (from a protocol's or a future's callback).
    """
    loop = asyncio.get_running_loop()
    first = _FirstStep()
    asyncio.tasks._enter_task(loop, first)  # type: ignore[arg-type]  # documented for other task implementations
    try:
        waits_for = work.send(None)
    except StopIteration:
        return None
    finally:
        asyncio.tasks._leave_task(loop, first)  # type: ignore[arg-type]
    first.task = task = loop.create_task(_Rest(work, waits_for))
    if first.cancelled_early:
        task.cancel()
    task.add_done_callback(done)
    return task


class _FirstStep:
    """The current task during a first step. `asyncio.timeout` and TaskGroup keep it to cancel their task later."""

    __slots__ = ("cancelled_early", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.cancelled_early = False

    def cancel(self, msg: object = None) -> bool:
        if self.task is None:
            self.cancelled_early = True
            return True
        return self.task.cancel(msg)

    def cancelling(self) -> int:
        return int(self.cancelled_early) if self.task is None else self.task.cancelling()

    def uncancel(self) -> int:
        if self.task is None:
            self.cancelled_early = False
            return 0
        return self.task.uncancel()

    def done(self) -> bool:
        return self.task is not None and self.task.done()

    def get_name(self) -> str:
        return "first step" if self.task is None else self.task.get_name()


class _Rest(Coroutine[Any, Any, T]):
    """A coroutine that has begun already and waits for `waits_for`, as a coroutine that has not begun."""

    __slots__ = ("_begun", "_waits_for", "_work")

    def __init__(self, work: Coroutine[Any, Any, T], waits_for: Any) -> None:
        self._work, self._waits_for, self._begun = work, waits_for, False

    def send(self, value: Any) -> Any:
        if self._begun:
            return self._work.send(value)
        self._begun = True
        waits_for, self._waits_for = self._waits_for, None
        return waits_for

    def throw(self, *error: Any) -> Any:
        self._begun = True
        return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, T]:
        raise NotImplementedError("only for tasks")
