"""Be told when something in a directory changes: one inotify instance for a whole event loop.

The kernel gives a user few instances (128 by default), so all watchers of a loop share one.
"""

import asyncio
import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

from wherry.linux.procs import check, libc

_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE, _DELETE_SELF = 0x2, 0x40, 0x80, 0x100, 0x200, 0x400
_CHANGES = _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF
_NONBLOCK = os.O_NONBLOCK | os.O_CLOEXEC
_EVENT = struct.Struct("iIII")
_BUFFER = 65_536


class _Instance:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._fd = check(libc.inotify_init1(_NONBLOCK), "inotify_init1")
        self._waiting: dict[int, set[asyncio.Event]] = {}
        loop.add_reader(self._fd, self._read)

    def add(self, directory: Path, event: asyncio.Event) -> int:
        raw = os.fsencode(directory)
        watch = check(libc.inotify_add_watch(self._fd, raw, ctypes.c_uint32(_CHANGES)), f"watch {directory}")
        self._waiting.setdefault(watch, set()).add(event)
        return watch

    def drop(self, watch: int, event: asyncio.Event) -> bool:
        """True: nobody uses the instance any more, and it is closed."""
        events = self._waiting.get(watch)
        if events is not None:
            events.discard(event)
            if not events:
                del self._waiting[watch]
                libc.inotify_rm_watch(self._fd, watch)
        if self._waiting:
            return False
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        return True

    def _read(self) -> None:
        data = os.read(self._fd, _BUFFER)
        place = 0
        while place < len(data):
            watch, _, _, length = _EVENT.unpack_from(data, place)
            place += _EVENT.size + length
            woken = self._waiting.get(watch)
            for event in woken if woken is not None else self._everyone(watch):
                event.set()

    def _everyone(self, watch: int) -> list[asyncio.Event]:
        """The queue overflowed (watch -1): anything may have changed."""
        return [event for events in self._waiting.values() for event in events] if watch < 0 else []


_instances: WeakKeyDictionary[asyncio.AbstractEventLoop, _Instance] = WeakKeyDictionary()


@contextmanager
def changes(directory: Path) -> Iterator[asyncio.Event]:
    """An event that is set at each change in `directory` (files written, made, moved, removed); who waits clears it.
    Raises OSError: there is no such directory, or the kernel has no room for a watch."""
    loop = asyncio.get_running_loop()
    instance = _instances.get(loop)
    if instance is None:
        instance = _instances[loop] = _Instance(loop)
    event = asyncio.Event()
    try:
        watch = instance.add(directory, event)
    except OSError:
        if instance.drop(-1, event):
            del _instances[loop]
        raise
    try:
        yield event
    finally:
        if instance.drop(watch, event):
            del _instances[loop]
