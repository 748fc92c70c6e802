"""Pool against the project's own server, and against a peer that misbehaves."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from wherry.aio.http import Request, Response, Upgrade, UpgradedConnection
from wherry.aio.http.client import Pool
from wherry.aio.http.server import serve
from wherry.pki.authority import Authority


async def handler(request: Request) -> Response | Upgrade:
    match request.path:
        case "/base/echo":
            fields = "|".join(f"{name}={value}" for name, value in request.headers if name.startswith("X-"))
            return Response(201, request.body + b" " + fields.encode(), headers=[("X-Method", request.method)])
        case "/base/stream":
            return Response(200, count(int(request.query)))
        case "/base/slow":
            await asyncio.sleep(30)
        case "/base/large":
            return Response(200, [b"z" * 10_000] * 500)
        case "/base/upgrade":
            return Upgrade(shout, [("Upgrade", "shout")])
        case "/base/who":
            return Response(200, request.peer_certificate or b"")
    return Response(404, b"no such thing")


async def count(end: int) -> AsyncIterator[bytes]:
    for number in range(end):
        yield b"%d\n" % number
        await asyncio.sleep(0)


async def shout(connection: UpgradedConnection) -> None:
    connection.write(b"READY ")  # leaves together with the head
    while data := await connection.reader.read(100):
        connection.write(data.upper())
        await connection.drain()


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    server = await serve(handler)
    pool = Pool(f"http://127.0.0.1:{server.port}/base/", headers=[("X-Always", "1")], max_connections=3)
    yield pool
    await pool.close()
    await server.close(timeout=0.1)


async def test_request(pool: Pool) -> None:
    answer = await pool.request("POST", "/echo", [("X-Once", "2")], b"body")
    assert (answer.status, answer.body) == (201, b"body X-Once=2|X-Always=1")
    assert answer.headers.get("x-method") == "POST"
    assert (await pool.request("GET", "/none")).status == 404


async def test_head_and_large_answers_leave_the_connection_usable(pool: Pool) -> None:
    for _ in range(2):
        assert (await pool.request("HEAD", "/large")).headers.get("Content-Length") == "5000000"
        assert len((await pool.request("GET", "/large")).body) == 5_000_000


async def test_more_requests_than_connections_wait_for_their_turn(pool: Pool) -> None:
    answers = await asyncio.gather(*[pool.request("PUT", "/echo", body=b"%d" % n) for n in range(50)])
    assert [answer.body.split()[0] for answer in answers] == [b"%d" % n for n in range(50)]


async def test_a_late_answer_is_a_timeout_and_costs_nobody_else(pool: Pool) -> None:
    late = [asyncio.ensure_future(pool.request("GET", "/slow", timeout=0.05)) for _ in range(6)]
    for task in late:  # the last three never got a connection
        with pytest.raises(TimeoutError):
            await task
    assert (await pool.request("GET", "/none")).status == 404


async def test_a_request_given_up_frees_its_place(pool: Pool) -> None:
    asked = [asyncio.ensure_future(pool.request("GET", "/slow")) for _ in range(5)]
    await asyncio.sleep(0.01)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    answers = await asyncio.gather(*[pool.request("GET", "/none") for _ in range(6)])
    assert {answer.status for answer in answers} == {404}


async def test_stream(pool: Pool) -> None:
    stream = await pool.stream("GET", "/stream?1000")
    assert stream.status == 200
    assert (await stream.read()).split() == [b"%d" % number for number in range(1000)]
    other = await pool.stream("GET", "/stream?1000000")
    async for _ in other:
        break
    await other.aclose()
    with pytest.raises(ConnectionResetError):
        await other.read()


async def test_head_as_a_stream_ends_at_once(pool: Pool) -> None:
    stream = await pool.stream("HEAD", "/large")
    assert stream.headers.get("content-length") == "5000000" and await stream.read() == b""
    assert (await pool.request("GET", "/none")).status == 404


async def test_a_large_stream_waits_for_its_reader_and_its_connection_is_used_again(pool: Pool) -> None:
    stream = await pool.stream("GET", "/large")
    await asyncio.sleep(0.05)
    assert len(await stream.read()) == 5_000_000
    assert (await pool.request("GET", "/none")).status == 404


async def test_upgrade(pool: Pool) -> None:
    refused = await pool.upgrade("GET", "/none", [("Upgrade", "shout")])
    assert (refused.status, refused.connection, refused.body) == (404, None, b"no such thing")
    granted = await pool.upgrade("GET", "/upgrade", [("Upgrade", "shout")])
    assert granted.status == 101 and granted.connection is not None
    assert await granted.connection.reader.readexactly(6) == b"READY "
    granted.connection.write(b"hello")
    assert await granted.connection.reader.readexactly(5) == b"HELLO"
    granted.connection.close()


async def test_refused_and_closed_are_os_errors() -> None:
    server = await serve(handler)
    await server.close()
    pool = Pool(f"http://127.0.0.1:{server.port}")
    with pytest.raises(OSError):
        await pool.request("GET", "/")
    await pool.close()
    with pytest.raises(OSError):
        await pool.request("GET", "/")


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:80", "http://"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        Pool(url)


def test_a_target_cannot_hold_another_request() -> None:
    with pytest.raises(ValueError, match="not a request target"):
        Pool("http://h")._encode("GET", "/a HTTP/1.1\r\nX: y", (), b"")


@asynccontextmanager
async def peer(*scripts: list[bytes]) -> AsyncIterator[tuple[Pool, list[int]]]:
    """A server whose n-th connection gives the n-th script's answers, one a request, then closes."""
    served: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        index = len(served)
        served.append(0)
        for answer in scripts[index]:
            if not await reader.readuntil(b"\r\n\r\n"):
                break
            served[index] += 1
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    pool = Pool(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    yield pool, served
    await pool.close()
    server.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DROP = b""


async def test_a_stale_connection_is_replaced_once_for_idempotent_requests() -> None:
    async with peer([OK, DROP], [OK]) as (pool, served):
        assert (await pool.request("GET", "/1")).body == b"ok"
        assert (await pool.request("GET", "/2")).body == b"ok"
        assert served == [2, 1]


async def test_a_post_is_never_sent_twice() -> None:
    async with peer([OK, DROP], [OK]) as (pool, served):
        await pool.request("GET", "/1")
        with pytest.raises(ConnectionResetError):
            await pool.request("POST", "/2")
        assert served == [2]


async def test_a_fresh_connection_that_drops_is_an_error() -> None:
    async with peer([DROP], [OK]) as (pool, _):
        with pytest.raises(ConnectionResetError):
            await pool.request("GET", "/1")


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nTrailer: x\r\n\r\n", b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_shapes_of_answers(answer: bytes, body: bytes) -> None:
    async with peer([answer]) as (pool, _):
        assert (await pool.request("GET", "/")).body == body


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    ],
)
async def test_broken_answers_are_connection_errors(answer: bytes) -> None:
    async with peer([answer], [answer]) as (pool, _):
        with pytest.raises(ConnectionError):
            await pool.request("GET", "/")
        stream_error = None
        try:
            await (await pool.stream("GET", "/")).read()
        except ConnectionError as error:
            stream_error = error
        assert stream_error is not None


async def test_tls_shows_the_client_certificate(tmp_path: Path) -> None:
    authority = Authority.load_or_create(tmp_path, "test-ca")
    for name in ("server", "client"):
        issued = authority.issue(name, hosts=["127.0.0.1"], usages=[name])
        issued.write(tmp_path / f"{name}.crt", tmp_path / f"{name}.key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "ca.crt"))
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    context.verify_mode = ssl.CERT_OPTIONAL
    server = await serve(handler, ssl_context=context)
    seen = []
    for certificate in (None, "client"):
        trust = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
        if certificate:
            trust.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
        pool = Pool(f"https://127.0.0.1:{server.port}/base", trust)
        seen.append((await pool.request("GET", "/who")).body)
        await pool.close()
    assert seen == [b"", ssl.PEM_cert_to_DER_cert((tmp_path / "client.crt").read_text())]
    stranger = Pool(f"https://127.0.0.1:{server.port}/base")
    with pytest.raises(OSError, match="certificate"):
        await stranger.request("GET", "/who")
    await server.close()


async def test_a_tls_client_that_no_longer_looks_does_not_delay_the_end(tmp_path: Path) -> None:
    authority = Authority.load_or_create(tmp_path, "test-ca")
    authority.issue("server", hosts=["127.0.0.1"], usages=["server"]).write(tmp_path / "crt", tmp_path / "key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    server = await serve(handler, ssl_context=context)
    trust = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))

    def connect() -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", server.port))
        wrapped = trust.wrap_socket(plain, server_hostname="127.0.0.1")
        wrapped.sendall(b"GET /base/who HTTP/1.1\r\n\r\n")
        assert wrapped.recv(100)
        return wrapped

    idle = await asyncio.to_thread(connect)
    try:
        await asyncio.wait_for(server.close(timeout=300), 15)
    finally:
        idle.close()


async def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    server = await serve(handler, path=path)
    pool = Pool("http://localhost/base", path=path)
    assert (await pool.request("GET", "/echo")).status == 201
    await pool.close()
    await server.close()
