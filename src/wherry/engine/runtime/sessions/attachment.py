"""The container's own streams, through its monitor's socket.

conmon sends packets of one byte (1: stdin, unused; 2: stdout; 3: stderr) and data, from now on: what was written
before is in the log. It takes what the user types as plain packets.
"""

import asyncio
import os
import socket
from pathlib import Path

from wherry.engine.interface import ContainerNotFound, Streams
from wherry.engine.runtime import conmon
from wherry.engine.runtime.container import LiveContainer
from wherry.engine.runtime.sessions.pumps import ready

_PACKET = 32_768  # conmon reads and writes at most 8 KB at a time
_TYPED = 8_192
_STDERR = 3


async def attach(container: LiveContainer, streams: Streams) -> None:
    """Until the container exits. Raises ContainerNotFound: its monitor does not answer."""
    with _connect(container.paths.attach) as connection:
        side = [asyncio.ensure_future(_resize(container, streams))]
        if streams.stdin is not None and container.spec.stdin:
            side.append(asyncio.ensure_future(_type(streams.stdin, connection)))
        try:
            await _listen(connection, streams)
        finally:
            for task in side:
                task.cancel()
            await asyncio.gather(*side, return_exceptions=True)


def _connect(path: Path) -> socket.socket:
    """By the folder's descriptor: socket addresses have room for 107 bytes."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(f"/proc/self/fd/{folder}/{path.name}")
    except OSError as error:
        connection.close()
        raise ContainerNotFound(f"cannot attach: {error.strerror}") from error
    finally:
        os.close(folder)
    connection.setblocking(False)
    return connection


async def _listen(connection: socket.socket, streams: Streams) -> None:
    while True:
        try:
            packet = connection.recv(_PACKET)
        except BlockingIOError:
            await ready(connection.fileno())
            continue
        except ConnectionResetError:
            return
        if not packet:
            return
        sink = streams.stderr if packet[0] == _STDERR else streams.stdout
        await sink(packet[1:])


async def _type(source: asyncio.StreamReader, connection: socket.socket) -> None:
    while data := await source.read(_TYPED):
        while True:
            try:
                connection.send(data)
                break
            except BlockingIOError:
                await ready(connection.fileno(), writing=True)
            except OSError:
                return
    try:
        connection.shutdown(socket.SHUT_WR)  # the container's stdin ends if it was made for one visitor
    except OSError:
        pass


async def _resize(container: LiveContainer, streams: Streams) -> None:
    while streams.resize is not None:
        columns, rows = await streams.resize.get()
        try:
            conmon.resize(container.paths, columns, rows)
        except OSError:
            return
