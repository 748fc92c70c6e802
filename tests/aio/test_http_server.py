"""The server as a peer on a raw socket sees it."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

import pytest

from wherry.aio.http import Chunk, Request, Response, Sink, Upgrade, UpgradedConnection
from wherry.aio.http import connection as connection_module
from wherry.aio.http import server as server_module
from wherry.aio.http.server import Options, Server, serve

Serve = Callable[..., Awaitable[Server]]


@pytest.fixture
async def start(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serve]:
    """Servers whose time limits are looked at often, so that tests need not wait for them."""
    monkeypatch.setattr(server_module, "TICK", 0.02)
    monkeypatch.setattr(connection_module, "LINGER", 0.1)
    servers: list[Server] = []

    async def start(handler, **options) -> Server:
        servers.append(await serve(handler, options=Options(**options)))
        return servers[-1]

    yield start
    for server in servers:
        await server.close(timeout=0.2)


async def talk(server: Server, data: bytes) -> bytes:
    """Send, and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


async def echo(request: Request) -> Response:
    head = f"{request.method} {request.path} {request.query} ".encode()
    return Response(200, head + request.body, "text/plain")


GET_LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"GET /a%20b?c=%20 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"GET /a b c=%20 "),
        (b"POST /p HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", b"POST /p  abc"),
        (
            b"PUT /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            b"PUT /p  abc",
        ),
        (b"GET http://other/p?q HTTP/1.1\r\nConnection: close\r\n\r\n", b"GET /p q "),
        (b"GET /old HTTP/1.0\r\n\r\n", b"GET /old  "),
    ],
)
async def test_a_request_reaches_the_handler(start: Serve, request_bytes: bytes, expected: bytes) -> None:
    answer = await talk(await start(echo), request_bytes)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: ")
    assert b"Connection: close\r\n" in answer
    assert body_of(answer) == expected


async def test_a_request_in_single_bytes_is_the_same_request(start: Serve) -> None:
    server = await start(echo)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"POST /slow HTTP/1.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok":
        writer.write(bytes([byte]))
        await asyncio.sleep(0)
    assert body_of(await reader.read()) == b"POST /slow  ok"


@pytest.mark.parametrize("seed", range(8))
async def test_it_does_not_matter_how_bytes_are_cut(start: Serve, seed: int) -> None:
    """Requests of every shape one after the other, an upgrade among them that is not granted."""
    sent = (
        b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
        b"POST /2 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
        b"POST /3 HTTP/1.1\r\nUpgrade: other\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nde"
        b"GET /4 HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"
        b"PUT /5 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nf\r\n0\r\nTrailer: t\r\n\r\n" + GET_LAST
    )
    random = Random(seed)

    async def handler(request: Request) -> Response:
        if random.random() < 0.5:
            await asyncio.sleep(0)
        return Response(200, f"<{request.path}:{request.body.decode()}>".encode())

    server = await start(handler)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while sent:
        size = random.randrange(1, 60)
        writer.write(sent[:size])
        sent = sent[size:]
        await asyncio.sleep(0.001 * random.randrange(2))
    bodies = re.findall(rb"<(.*?)>", await reader.read())
    assert bodies == [b"/1:", b"/2:abc", b"/3:de", b"/4:", b"/5:f", b"/last:"]


async def test_pipelined_answers_keep_their_order_though_the_first_takes_longest(start: Serve) -> None:
    gate = asyncio.Event()
    served: list[str] = []

    async def handler(request: Request) -> Response:
        if request.path == "/first":
            await gate.wait()
        served.append(request.path)
        return Response(200, request.path.encode())

    server = await start(handler)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    count = 40  # more than the server reads ahead
    writer.write(b"GET /first HTTP/1.1\r\n\r\n" + b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % n for n in range(count)))
    writer.write(GET_LAST)
    await asyncio.sleep(0.01)
    assert served == []
    gate.set()
    await reader.read()
    assert served == ["/first", *(f"/{n}" for n in range(count)), "/last"]


async def test_connections_are_served_at_the_same_time(start: Serve) -> None:
    together = asyncio.Barrier(3)

    async def handler(request: Request) -> Response:
        await together.wait()
        return Response(200, b"met")

    server = await start(handler)
    answers = await asyncio.gather(*[talk(server, GET_LAST) for _ in range(3)])
    assert [body_of(answer) for answer in answers] == [b"met"] * 3


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 3000 + b"\r\nZ: ", b"431"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"z" * 1001, b"413"),
        (b"POST / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 1001\r\n\r\n", b"413"),
    ],
)
async def test_what_cannot_be_served_is_refused_after_the_answers_to_earlier_requests(
    start: Serve, sent: bytes, status: bytes
) -> None:
    server = await start(echo, max_body=1000, max_head=2000)
    answer = await talk(server, b"GET /good HTTP/1.1\r\n\r\n" + sent)
    first, second = answer.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200") and first.endswith(b"GET /good  ")
    assert second.startswith(status) and b"Connection: close" in second


async def test_a_body_of_exactly_the_limit_is_served(start: Serve) -> None:
    answer = await talk(
        await start(echo, max_body=4), b"POST / HTTP/1.1\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd"
    )
    assert body_of(answer) == b"POST /  abcd"


async def test_the_server_asks_for_an_expected_body(start: Serve) -> None:
    server = await start(echo)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"ok")
    assert body_of(await reader.read()) == b"POST /  ok"


async def test_head_has_the_length_and_no_body(start: Serve) -> None:
    answer = await talk(await start(echo), b"HEAD /x HTTP/1.1\r\n\r\n" + GET_LAST)
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % len(b"HEAD /x  ") in head
    assert rest.startswith(b"HTTP/1.1 200")


async def test_a_connection_is_kept_for_http_1_0_when_asked(start: Serve) -> None:
    answer = await talk(
        await start(echo), b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n"
    )
    assert b"Connection: keep-alive" in answer and answer.endswith(b"GET /2  ")


async def test_a_failing_handler_gives_500_and_a_log_line(start: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/header":
            return Response(200, b"", headers=[("X", "a\r\nInjected: b")])
        await asyncio.sleep(0)
        raise RuntimeError("broken on purpose")

    server = await start(handler)
    for path in (b"/raise", b"/header"):
        answer = await talk(server, b"GET %b HTTP/1.1\r\n\r\n" % path)
        assert answer.startswith(b"HTTP/1.1 500 ") and b"purpose" not in answer and b"Injected" not in answer
    assert "broken on purpose" in caplog.text


async def test_fragments_arrive_whole_over_a_slow_reader(start: Serve) -> None:
    fragments = [bytes([n % 251]) * (n % 7000) for n in range(3000)]

    async def handler(request: Request) -> Response:
        return Response(200, fragments)

    server = await start(handler)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=4096)
    writer.write(GET_LAST)
    await asyncio.sleep(0.05)  # the buffers fill meanwhile
    answer = await reader.read()
    assert body_of(answer) == b"".join(fragments)
    writer.close()


async def test_timeouts_work_in_a_handler_whether_it_waits_or_not(start: Serve) -> None:
    async def handler(request: Request) -> Response:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(5 if request.path == "/wait" else 0)
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
        except TimeoutError:
            return Response(200, b"late")
        return Response(200, b"in time")

    answer = await talk(await start(handler), b"GET /wait HTTP/1.1\r\n\r\n" + GET_LAST)
    assert b"late" in answer and b"in time" in answer


async def test_a_handler_goes_on_when_its_peer_leaves(start: Serve) -> None:
    """A write that has begun is not torn apart by an impatient client."""
    began, finished = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        began.set()
        await asyncio.sleep(0.02)
        finished.set()
        return Response(200, b"nobody reads this")

    server = await start(handler)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    await began.wait()
    writer.transport.abort()
    await asyncio.wait_for(finished.wait(), 5)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"GET /idle HTTP/1.1\r\n\r\n", b"GET /idle  "),
        (b"GET /never-end", b"408 Request Timeout\n"),
        (b"POST /body HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc", b"408 Request Timeout\n"),
    ],
)
async def test_connections_do_not_wait_for_ever(start: Serve, sent: bytes, answer: bytes) -> None:
    server = await start(echo, idle_timeout=0.05, read_timeout=0.05)
    assert body_of(await talk(server, sent)) == answer


class TestStreams:
    async def test_an_iterator_is_sent_item_by_item(self, start: Serve) -> None:
        more = asyncio.Event()

        async def items() -> AsyncIterator[bytes]:
            yield b"one"
            await more.wait()
            yield b"two"

        async def handler(request: Request) -> Response:
            return Response(200, items())

        server = await start(handler)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        assert await reader.readexactly(8) == b"3\r\none\r\n"
        more.set()
        assert await reader.readexactly(13) == b"3\r\ntwo\r\n0\r\n\r\n"
        writer.write(GET_LAST)  # the connection is kept
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()

    @pytest.mark.parametrize("leave", ["reader", "server"])
    async def test_an_iterator_is_closed_when_either_end_goes(self, start: Serve, leave: str) -> None:
        closed = asyncio.Event()

        async def items() -> AsyncIterator[bytes]:
            try:
                yield b"x"
                await asyncio.Event().wait()
            finally:
                closed.set()

        async def handler(request: Request) -> Response:
            return Response(200, items())

        server = await start(handler)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"1\r\nx\r\n")
        if leave == "reader":
            writer.close()
        else:
            await server.close()
        await asyncio.wait_for(closed.wait(), 5)

    async def test_a_failing_iterator_leaves_a_body_without_an_end(self, start: Serve) -> None:
        async def items() -> AsyncIterator[bytes]:
            yield b"x"
            raise RuntimeError("midway")

        async def handler(request: Request) -> Response:
            return Response(200, items())

        answer = b""
        with contextlib.suppress(ConnectionResetError):
            answer = await talk(await start(handler), b"GET / HTTP/1.1\r\n\r\n")
        assert not answer.endswith(b"0\r\n\r\n")

    async def test_http_1_0_reads_a_stream_until_the_connection_closes(self, start: Serve) -> None:
        async def items() -> AsyncIterator[bytes]:
            yield b"one"
            yield b"two"

        async def handler(request: Request) -> Response:
            return Response(200, items())

        assert body_of(await talk(await start(handler), b"GET / HTTP/1.0\r\n\r\n")) == b"onetwo"


class Source:
    """A Push that keeps its sinks."""

    def __init__(self) -> None:
        self.sinks: list[Sink] = []
        self.attached, self.detached = asyncio.Event(), asyncio.Event()

    def attach(self, sink: Sink) -> None:
        self.sinks.append(sink)
        self.attached.set()

    def detach(self) -> None:
        assert not self.detached.is_set()
        self.detached.set()


class TestPush:
    async def open(self, start: Serve, request: bytes = b"GET / HTTP/1.1\r\n\r\n", **options):
        source = Source()

        async def handler(request: Request) -> Response:
            return Response(200, source)

        server = await start(handler, **options)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        return source, server, reader, writer

    async def test_chunks_reach_the_reader_and_the_end_frees_the_connection(self, start: Serve) -> None:
        source, _, reader, writer = await self.open(start)
        await source.attached.wait()
        assert source.sinks[0].write(Chunk(b"event"))
        source.sinks[0].close()
        await source.detached.wait()
        assert not source.sinks[0].write(Chunk(b"too late"))
        assert (await reader.readuntil(b"0\r\n\r\n")).endswith(b"\r\n\r\n5\r\nevent\r\n0\r\n\r\n")
        source.detached.clear()
        writer.write(GET_LAST)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()
        await source.detached.wait()

    async def test_the_source_is_told_when_the_reader_goes(self, start: Serve) -> None:
        source, _, _, writer = await self.open(start)
        await source.attached.wait()
        writer.close()
        await asyncio.wait_for(source.detached.wait(), 5)
        assert not source.sinks[0].write(Chunk(b"nobody"))

    async def test_a_slow_reader_is_cut_off_and_the_source_never_waits(self, start: Serve) -> None:
        source, _, _, writer = await self.open(start, stream_buffer=100_000)
        await source.attached.wait()
        chunk = Chunk(b"x" * 100_000)
        written = 0
        while source.sinks[0].write(chunk):
            written += 1
            assert written < 1000, "the reader does not read, so something must have an end"
            await asyncio.sleep(0)
        await asyncio.wait_for(source.detached.wait(), 5)
        writer.close()

    async def test_a_closing_server_ends_the_body_properly(self, start: Serve) -> None:
        source, server, reader, _ = await self.open(start)
        await source.attached.wait()
        await server.close()
        assert (await reader.read()).endswith(b"0\r\n\r\n")
        assert source.detached.is_set()

    async def test_head_never_attaches(self, start: Serve) -> None:
        source, _, reader, writer = await self.open(start, b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n")
        await reader.read()
        assert source.detached.is_set() and not source.sinks
        writer.close()


class TestUpgrades:
    UPGRADE = b"POST /u HTTP/1.1\r\nUpgrade: test\r\nConnection: Upgrade\r\nContent-Length: 4\r\n\r\nbody"

    async def test_early_bytes_and_the_body_are_told_apart(self, start: Serve) -> None:
        async def handler(request: Request) -> Upgrade:
            assert request.body == b"body"
            await asyncio.sleep(0.01)  # more early bytes come while the handler decides

            async def run(connection: UpgradedConnection) -> None:
                while line := await connection.reader.readline():
                    connection.write(line.upper())
                    await connection.drain()

            return Upgrade(run, [("Upgrade", "test")])

        server = await start(handler)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(self.UPGRADE + b"early\n")
        await asyncio.sleep(0)
        writer.write(b"later\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head == b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: Upgrade\r\n\r\n"
        assert await reader.readexactly(12) == b"EARLY\nLATER\n"
        writer.write_eof()  # half closed: what was sent is still answered
        assert await reader.read() == b""

    async def test_an_upgrade_that_is_not_granted_stays_http(self, start: Serve) -> None:
        answer = await talk(await start(echo), self.UPGRADE + GET_LAST)
        assert b"POST /u  body" in answer and answer.endswith(b"GET /last  ")

    async def test_the_session_ends_with_its_peer(self, start: Serve) -> None:
        ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def handler(request: Request) -> Upgrade:
            async def run(connection: UpgradedConnection) -> None:
                ended.set_result(await connection.reader.read())

            return Upgrade(run)

        server = await start(handler)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(self.UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"last words")
        writer.close()
        assert await asyncio.wait_for(ended, 5) == b"last words"


async def test_a_closing_server_answers_what_it_was_asked(start: Serve) -> None:
    began = asyncio.Event()

    async def handler(request: Request) -> Response:
        began.set()
        await asyncio.sleep(0.02)
        return Response(200, b"done")

    server = await start(handler)
    asking = asyncio.ensure_future(talk(server, b"GET / HTTP/1.1\r\n\r\n"))
    await began.wait()
    await server.close()
    answer = await asking
    assert answer.endswith(b"done") and b"Connection: close" in answer
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_a_handler_that_hangs_does_not_keep_the_server_open(start: Serve) -> None:
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    server = await start(handler)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(GET_LAST)
    await began.wait()
    await server.close(timeout=0.05)
    await asyncio.wait_for(cancelled.wait(), 5)
    writer.close()
