"""Bytes between file descriptors and callbacks, with back-pressure: nothing is read that was not yet handed on."""

import asyncio
import os
from collections.abc import Awaitable, Callable

Sink = Callable[[bytes], Awaitable[None]]
Ended = asyncio.Future[int]

_CHUNK = 65_536


async def ready(fd: int, writing: bool = False, ended: Ended | None = None) -> None:
    """Wait until `fd` can be read (or written), or `ended` is done."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()

    def wake(_: object = None) -> None:
        if not woken.done():
            woken.set_result(None)

    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    add(fd, wake)
    if ended:
        ended.add_done_callback(wake)
    try:
        await woken
    finally:
        remove(fd)
        if ended:
            ended.remove_done_callback(wake)


async def pump_out(fd: int, sink: Sink, ended: Ended) -> None:
    """Everything from `fd` (non-blocking) to `sink`, until its end; once `ended` is done, what is there by then: a
    process left in the background may keep the other side open for ever."""
    while True:
        last = ended.done()
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            if last:
                return
            await ready(fd, ended=ended)
            continue
        except OSError:  # EIO: the other side of a terminal is closed
            return
        if not data:
            return
        await sink(data)


async def pump_in(source: asyncio.StreamReader, fd: int) -> None:
    """Everything from `source` to `fd` (non-blocking), until its end or until nobody reads `fd`."""
    while data := await source.read(_CHUNK):
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                await ready(fd, writing=True)
            except OSError:
                return
