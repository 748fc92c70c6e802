"""/exec and /attach, over WebSocket or SPDY."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from wherry.aio import websocket
from wherry.aio.http import Request, Response, Upgrade
from wherry.aio.websocket import WebSocket
from wherry.engine.interface import EngineError, Streams
from wherry.node.server import spdy
from wherry.node.server.carriers import Carrier, SpdyCarrier, WebSocketCarrier
from wherry.node.server.errors import Refused
from wherry.wire import channels
from wherry.wire.channels import ChannelError, Frame

log = logging.getLogger(__name__)

_STDIN_LIMIT = 256 * 1024
_SPDY_PROTOCOLS = (channels.V4, "v3.channel.k8s.io", "v2.channel.k8s.io", channels.V1)
Run = Callable[[Streams], Awaitable[int | None]]
"""Run or join a process on streams; its exit code, None where there is none to tell."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the query says, in the words of the API (`stdin`) or of the node (`input`)."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool
    command: tuple[str, ...] = ()

    @property
    def channels(self) -> set[int]:
        """Those that the client has to open."""
        chosen = {
            channels.STDIN: self.stdin,
            channels.STDOUT: self.stdout,
            channels.STDERR: self.stderr,
            channels.RESIZE: self.tty,
        }
        return {channels.ERROR, *(number for number, wanted in chosen.items() if wanted)}

    @property
    def first_output(self) -> int:
        return channels.STDOUT if self.stdout else channels.STDERR if self.stderr else channels.ERROR


def options(query: str) -> Options:
    """Raises Refused when nothing is to be connected."""
    fields = parse_qs(query, keep_blank_values=True)

    def wanted(*names: str) -> bool:
        return any(fields.get(name, ["0"])[0].lower() in ("1", "true") for name in names)

    tty = wanted("tty")
    stderr = wanted("stderr", "error") and not tty
    command = tuple(fields.get("command", []))
    found = Options(wanted("stdin", "input"), wanted("stdout", "output"), stderr, tty, command)
    if not (found.stdin or found.stdout or found.stderr):
        raise Refused(400, "you must specify at least 1 of stdin, stdout, stderr")
    return found


def serve(request: Request, wanted: Options, run: Run) -> Upgrade | Response:
    """Answer the handshake, then connect the process. Raises Refused for a request that asks for neither protocol."""
    if spdy.is_upgrade(request):
        protocol = spdy.choose(request, _SPDY_PROTOCOLS)
        resizable = protocol in (channels.V4, "v3.channel.k8s.io")
        carrier = SpdyCarrier(wanted.channels if resizable else wanted.channels - {channels.RESIZE}, protocol)
        return spdy.upgrade(protocol, carrier.add, lambda: _Session(carrier, wanted).run(run))
    if not websocket.is_handshake(request):
        raise Refused(400, "unable to upgrade: missing upgrade headers in request")

    async def session(socket: WebSocket) -> None:
        await _Session(WebSocketCarrier(socket, wanted.first_output), wanted).run(run)

    return websocket.accept(request, session, channels.REMOTE_COMMAND)


class _Gate(asyncio.ReadTransport):
    """Shut while the process has more to read than it takes: holds back whoever types."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()

    def pause_reading(self) -> None:
        self.open.clear()

    def resume_reading(self) -> None:
        self.open.set()


class _Session:
    """One process and one client."""

    def __init__(self, carrier: Carrier, wanted: Options) -> None:
        self._carrier, self._wanted = carrier, wanted
        self._stdin = asyncio.StreamReader(limit=_STDIN_LIMIT) if wanted.stdin else None
        self._gate = _Gate()
        if self._stdin is not None:
            self._stdin.set_transport(self._gate)
        self._resize: asyncio.Queue[tuple[int, int]] = asyncio.Queue()

    async def run(self, work: Run) -> None:
        """Whoever leaves takes the process's streams along; an ended process ends the connection."""
        await self._carrier.opened()
        reading = asyncio.create_task(self._read())
        working = asyncio.ensure_future(work(self._streams()))
        try:
            await asyncio.wait([reading, working], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await self._conclude(working)
        except ConnectionError:
            pass
        finally:
            reading.cancel()
            working.cancel()
            await asyncio.gather(reading, working, return_exceptions=True)

    def _streams(self) -> Streams:
        async def stdout(data: bytes) -> None:
            if self._wanted.stdout:
                await self._carrier.send(channels.STDOUT, data)

        async def stderr(data: bytes) -> None:
            if self._wanted.stderr:
                await self._carrier.send(channels.STDERR, data)

        return Streams(self._stdin, stdout, stderr, self._wanted.tty, self._resize if self._wanted.tty else None)

    async def _conclude(self, working: "asyncio.Future[int | None]") -> None:
        error = working.exception()
        if error is None:
            status = channels.exit_status(working.result() or 0)
        elif isinstance(error, EngineError | OSError):
            status = channels.failure(str(error))
        else:
            log.error("remote command failed", exc_info=error)
            status = channels.failure("internal error")
        if self._carrier.tells_status:
            await self._carrier.send(channels.ERROR, json.dumps(status).encode())
        elif status["status"] != "Success":
            await self._carrier.send(channels.ERROR, status["message"].encode())
        await self._carrier.close()

    async def _read(self) -> None:
        """Until the client leaves."""
        async for frame in self._carrier.frames():
            try:
                self._take(frame)
            except ChannelError as error:
                log.debug("ignored: %s", error)
            await self._gate.open.wait()

    def _take(self, frame: Frame) -> None:
        if frame.channel == channels.RESIZE and not frame.closes:
            self._resize.put_nowait(channels.resize(frame.data))
        elif frame.channel == channels.STDIN and self._stdin is not None:
            if frame.closes:
                self._stdin.feed_eof()
            elif frame.data:
                self._stdin.feed_data(frame.data)
