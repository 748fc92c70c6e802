"""How a command's streams come and go: three pipes, or one terminal."""

import asyncio
import fcntl
import os
import socket
import struct
import termios
from pathlib import Path
from typing import Protocol

from wherry.engine.interface import Streams
from wherry.engine.runtime.sessions.pumps import Ended, pump_in, pump_out, ready


class Channels(Protocol):
    """`theirs`: what the runtime's process gets as standard streams."""

    theirs: tuple[int, int, int]

    def arguments(self) -> list[str]:
        """For the runtime."""

    def close_theirs(self) -> None:
        """The runtime's process has its copies."""

    def close(self) -> None: ...

    async def talk(self, streams: Streams, ended: Ended) -> None:
        """Carry bytes until the command has ended and everything that it wrote is handed on."""


class _Descriptors:
    def __init__(self) -> None:
        self.theirs = (-1, -1, -1)
        self._ours: list[int] = []

    def close_theirs(self) -> None:
        for fd in set(self.theirs) - {-1}:
            os.close(fd)
        self.theirs = (-1, -1, -1)

    def _close_ours(self, fd: int) -> None:
        if fd in self._ours:
            self._ours.remove(fd)
            os.close(fd)

    def close(self) -> None:
        self.close_theirs()
        for fd in list(self._ours):
            self._close_ours(fd)


class Pipes(_Descriptors):
    def __init__(self, with_stdin: bool) -> None:
        super().__init__()
        self._stdin: int | None = None
        if with_stdin:
            stdin, self._stdin = os.pipe()
            self._ours.append(self._stdin)
        else:
            stdin = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._stdout, stdout = os.pipe()
        self._stderr, stderr = os.pipe()
        self._ours += [self._stdout, self._stderr]
        self.theirs = (stdin, stdout, stderr)
        for fd in self._ours:
            os.set_blocking(fd, False)

    def arguments(self) -> list[str]:
        return []

    async def talk(self, streams: Streams, ended: Ended) -> None:
        typing = asyncio.ensure_future(self._type(streams))
        try:
            await asyncio.gather(
                pump_out(self._stdout, streams.stdout, ended), pump_out(self._stderr, streams.stderr, ended)
            )
            await ended
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)

    async def _type(self, streams: Streams) -> None:
        if self._stdin is not None and streams.stdin is not None:
            await pump_in(streams.stdin, self._stdin)
            self._close_ours(self._stdin)


class Terminal(_Descriptors):
    """The runtime makes the terminal inside the container and sends its outer end over a socket. What the runtime
    itself has to say (no such command) comes by a pipe."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._complaints, stderr = os.pipe()
        os.set_blocking(self._complaints, False)
        self._ours += [self._folder, self._complaints]
        self.theirs = (os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), stderr, stderr)
        # By the descriptor: socket addresses have room for 107 bytes, folders for more.
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)
        self._listener.bind(f"/proc/self/fd/{self._folder}/tty")
        self._listener.listen(1)

    def close(self) -> None:
        self._listener.close()
        super().close()

    def arguments(self) -> list[str]:
        return ["--tty", "--console-socket", f"/proc/{os.getpid()}/fd/{self._folder}/tty"]

    async def talk(self, streams: Streams, ended: Ended) -> None:
        master = await self._master(ended)
        side = [asyncio.ensure_future(pump_out(self._complaints, streams.stderr, ended))]
        try:
            if master is not None:
                side.append(asyncio.ensure_future(_resize(streams, master)))
                if streams.stdin is not None:
                    side.append(asyncio.ensure_future(pump_in(streams.stdin, master)))
                await pump_out(master, streams.stdout, ended)
            await ended
            await side[0]
        finally:
            for task in side:
                task.cancel()
            await asyncio.gather(*side, return_exceptions=True)

    async def _master(self, ended: Ended) -> int | None:
        """None: the runtime ended without making a terminal."""
        while True:
            try:
                connection, _ = self._listener.accept()
                break
            except BlockingIOError:
                if ended.done():
                    return None
                await ready(self._listener.fileno(), ended=ended)
        with connection:
            connection.setblocking(False)
            await ready(connection.fileno())
            _, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
        self._ours += descriptors
        for fd in descriptors:
            os.set_blocking(fd, False)
        return descriptors[0] if descriptors else None


async def _resize(streams: Streams, master: int) -> None:
    while streams.resize is not None:
        columns, rows = await streams.resize.get()
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
