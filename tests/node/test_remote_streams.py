"""Exec, attach and port-forward as clients speak them: a real server, a process that is a coroutine."""

import asyncio
import json
import struct

import pytest

from wherry.aio import websocket
from wherry.aio.http.client import Pool
from wherry.aio.http.server import serve
from wherry.engine.interface import EngineError
from wherry.node.server import portforward, remote
from wherry.node.server.errors import Refused
from wherry.wire import channels, spdy
from wherry.wire.spdy import Frame, Session


async def shout(streams):
    """Answers what is typed in capitals, complains about numbers, tells sizes; ends with the length of the input."""
    total = 0
    if streams.resize is not None:
        columns, rows = await streams.resize.get()
        await streams.stdout(f"{columns}x{rows}\n".encode())
    while streams.stdin is not None and (data := await streams.stdin.read(1000)):
        total += len(data)
        await (streams.stderr if data.isdigit() else streams.stdout)(data.upper())
    return total


async def refuse(streams):
    raise EngineError("no such command")


@pytest.fixture
async def pool():
    async def answer(request):
        try:
            if request.path == "/forward":
                return portforward.serve(request, None)
            return remote.serve(request, remote.options(request.query), refuse if request.path == "/bad" else shout)
        except Refused as refused:
            return refused.response()

    server = await serve(answer)
    pool = Pool(f"http://127.0.0.1:{server.port}")
    yield pool
    await pool.close()
    await server.close(timeout=1.0)


QUERY = "stdin=true&stdout=true&stderr=true"


async def by_websocket(pool, protocol, target, *messages):
    """What comes on each channel after sending `messages` (channel, data)."""
    socket = await websocket.connect(pool, target, subprotocols=(protocol,))
    for channel, data in messages:
        await socket.send(channels.encode(channels.Frame(channel, data), protocol))
    if protocol == channels.V5:
        await socket.send(channels.close(channels.STDIN))
    out = {}
    async for message in socket:
        frame = channels.decode(message, protocol)
        out[frame.channel] = out.get(frame.channel, b"") + frame.data
        if protocol != channels.V5 and out.get(channels.STDOUT) == b"ABC":
            break
    await socket.close()
    return out


async def test_version_5_closes_stdin_and_tells_the_exit_code(pool):
    out = await by_websocket(pool, channels.V5, f"/exec?{QUERY}", (channels.STDIN, b"abc"))
    assert out[channels.STDOUT] == b"ABC"
    assert channels.exit_code(json.loads(out[channels.ERROR])) == 3


@pytest.mark.parametrize("protocol", [channels.V4, channels.V4_BASE64, channels.V1])
async def test_older_versions(pool, protocol):
    out = await by_websocket(pool, protocol, f"/exec?{QUERY}", (channels.STDIN, b"abc"))
    assert out[channels.STDOUT] == b"ABC"


async def test_errors_and_sizes(pool):
    out = await by_websocket(pool, channels.V5, f"/exec?{QUERY}", (channels.STDIN, b"123"))
    assert out[channels.STDERR] == b"123"
    size = (channels.RESIZE, b'{"Width":80,"Height":24}')
    out = await by_websocket(pool, channels.V5, f"/exec?{QUERY}&tty=true", size)
    assert out[channels.STDOUT] == b"80x24\n"
    out = await by_websocket(pool, channels.V5, f"/bad?{QUERY}")
    assert json.loads(out[channels.ERROR])["message"] == "no such command"


async def test_what_is_no_upgrade(pool):
    answer = await pool.request("POST", f"/exec?{QUERY}")
    assert answer.status == 400
    headers = [("Upgrade", "SPDY/3.1"), (spdy_header(), "v9.channel.k8s.io")]
    assert (await pool.upgrade("POST", f"/exec?{QUERY}", headers)).status == 403


def spdy_header():
    return "X-Stream-Protocol-Version"


class SpdyClient:
    """A client's side of SPDY/3.1 over a connection."""

    def __init__(self, write, chunks):
        self.session, self.write, self.chunks = Session(), write, chunks
        self.received, self.ended, self.next = {}, set(), 1

    async def open(self, **headers):
        stream, self.next = self.next, self.next + 2
        await self.send(Frame(spdy.SYN_STREAM, stream, tuple(headers.items())))
        return stream

    async def send(self, frame):
        await self.write(self.session.send(frame))

    async def until(self, *streams):
        """Until the server has ended these streams."""
        while not self.ended >= set(streams):
            for frame in self.session.feed(await anext(self.chunks)):
                if frame.kind == 0:
                    self.received[frame.stream] = self.received.get(frame.stream, b"") + frame.data
                if frame.fin:
                    self.ended.add(frame.stream)


async def spdy_client(pool, target, protocol):
    upgraded = await pool.upgrade("POST", target, [("Upgrade", "SPDY/3.1"), (spdy_header(), protocol)])
    assert upgraded.status == 101
    assert upgraded.headers.get(spdy_header()) == protocol
    connection = upgraded.connection

    async def write(data):
        connection.write(data)
        await connection.drain()

    async def chunks():
        while data := await connection.reader.read(1000):
            yield data

    return SpdyClient(write, chunks())


async def test_a_command_over_spdy(pool):
    client = await spdy_client(pool, f"/exec?{QUERY}", channels.V4)
    error = await client.open(streamtype="error")
    stdin = await client.open(streamtype="stdin")
    stdout = await client.open(streamtype="stdout")
    stderr = await client.open(streamtype="stderr")
    await client.send(Frame(0, stdin, data=b"abc", fin=True))
    await client.until(error, stdout, stderr)
    assert client.received[stdout] == b"ABC"
    assert channels.exit_code(json.loads(client.received[error])) == 3


@pytest.fixture
async def echo():
    """A port that answers in capitals."""

    async def answer(reader, writer):
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def forward_by_spdy(client, port, request):
    error = await client.open(streamtype="error", port=str(port), requestid=request)
    data = await client.open(streamtype="data", port=str(port), requestid=request)
    await client.send(Frame(0, data, data=b"hello", fin=True))
    await client.until(error, data)
    return client.received.get(data, b""), client.received.get(error, b"")


async def test_ports_over_spdy(pool, echo):
    client = await spdy_client(pool, "/forward", portforward.PROTOCOL)
    assert await forward_by_spdy(client, echo, "0") == (b"HELLO", b"")
    assert await forward_by_spdy(client, echo, "1") == (b"HELLO", b"")
    data, error = await forward_by_spdy(client, 1, "2")
    assert data == b""
    assert error.startswith(b"failed to connect to localhost:1 inside")


async def test_ports_over_spdy_in_a_websocket(pool, echo):
    socket = await websocket.connect(pool, "/forward", subprotocols=("SPDY/3.1+portforward.k8s.io",))
    client = SpdyClient(socket.send, aiter(socket))
    assert await forward_by_spdy(client, echo, "0") == (b"HELLO", b"")
    await socket.close()


async def test_ports_over_websocket_channels(pool, echo):
    socket = await websocket.connect(pool, f"/forward?ports={echo}&ports=1", subprotocols=(channels.V4,))
    heads = [await socket.receive() for _ in range(4)]
    assert heads == [bytes([n]) + struct.pack("<H", port) for n, port in enumerate([echo, echo, 1, 1])]
    assert (await socket.receive()).startswith(b"\x03failed to connect")
    await socket.send(b"\x00hello")
    assert await socket.receive() == b"\x00HELLO"
    await socket.close()
