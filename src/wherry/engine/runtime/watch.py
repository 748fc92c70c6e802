"""Be told when a process ends, child or not: a pidfd that the event loop watches."""

import asyncio
import os
import select
from collections.abc import Callable

from wherry.linux import procs

_awaited: set[int] = set()  # processes in containers whose exit codes somebody wants


def bury_strays() -> None:
    """See `procs.reap_strays`."""
    procs.reap_strays(_awaited)


class Watch:
    """One process. `ended` is called once on the event loop, with its exit code if it was a child of ours. `pid`: of
    one in a container, to keep its exit code from being taken for a stray's."""

    def __init__(self, pidfd: int, ended: Callable[[int | None], None], pid: int = 0) -> None:
        self.pidfd = pidfd
        self._ended = ended
        self._pid = pid
        _awaited.add(pid)
        self._open = True
        asyncio.get_running_loop().add_reader(pidfd, self._ready)

    @property
    def over(self) -> bool:
        """The process has ended, even if the event loop has not come to say so."""
        return not self._open or _readable(self.pidfd)

    def _ready(self) -> None:
        code = procs.reap(self.pidfd)
        self.close()
        self._ended(code)

    def signal(self, number: int) -> bool:
        """False: it has ended."""
        return self._open and procs.send_signal(self.pidfd, number)

    def close(self) -> None:
        if self._open:
            self._open = False
            _awaited.discard(self._pid)
            asyncio.get_running_loop().remove_reader(self.pidfd)
            os.close(self.pidfd)


def _readable(fd: int) -> bool:
    poll = select.poll()  # select() itself knows no descriptor above 1023
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
