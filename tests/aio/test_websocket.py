import asyncio
from collections.abc import AsyncIterator

import pytest

from wherry.aio import websocket
from wherry.aio.http import Request, Response, Upgrade
from wherry.aio.http.client import Pool
from wherry.aio.http.server import serve
from wherry.aio.websocket import HandshakeFailed, WebSocket, accept, connect

server_sockets: list[WebSocket] = []


async def echo(socket: WebSocket) -> None:
    server_sockets.append(socket)
    async for message in socket:
        if message == "bye":
            await socket.close(3000, "as you wish")
        elif message == "fail":
            raise RuntimeError("on purpose")
        else:
            await socket.send(message)


async def handler(request: Request) -> Upgrade | Response:
    return accept(request, echo, ["v5.test", "v4.test", ""])


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    server_sockets.clear()
    server = await serve(handler)
    pool = Pool(f"http://127.0.0.1:{server.port}")
    yield pool
    await pool.close()
    await server.close(timeout=0.1)


@pytest.mark.parametrize("message", ["text ü", b"", b"bytes", b"x" * 3_000_000])
async def test_messages_come_back(pool: Pool, message: bytes | str) -> None:
    socket = await connect(pool, "/")
    await socket.send(message)
    await socket.ping()
    assert await socket.receive() == message
    await socket.close()
    assert socket.close_code == 1000


@pytest.mark.parametrize(
    ("offer", "chosen"), [([], ""), (["v4.test", "v5.test"], "v4.test"), (["other", "v5.test"], "v5.test")]
)
async def test_the_clients_first_known_subprotocol_is_chosen(pool: Pool, offer: list[str], chosen: str) -> None:
    socket = await connect(pool, "/", subprotocols=offer)
    assert (socket.subprotocol, server_sockets[0].subprotocol) == (chosen, chosen)
    await socket.close()


async def test_no_subprotocol_in_common_is_refused(pool: Pool) -> None:
    with pytest.raises(HandshakeFailed) as error:
        await connect(pool, "/", subprotocols=["other"])
    assert error.value.status == 400


async def test_an_ordinary_request_is_no_handshake(pool: Pool) -> None:
    assert (await pool.request("GET", "/")).status == 400


async def test_the_server_closes_with_a_code_and_a_reason(pool: Pool) -> None:
    socket = await connect(pool, "/")
    await socket.send("bye")
    assert await socket.receive() is None
    assert (socket.close_code, socket.close_reason) == (3000, "as you wish")
    with pytest.raises(ConnectionError):
        await socket.send("more")
    await socket.close()


async def test_a_failing_session_says_so(pool: Pool) -> None:
    socket = await connect(pool, "/")
    await socket.send("fail")
    assert await socket.receive() is None
    assert socket.close_code == websocket.INTERNAL_ERROR
    await socket.close()


async def test_a_peer_that_vanishes_ends_the_session(pool: Pool) -> None:
    socket = await connect(pool, "/")
    await socket.send("hello")
    await socket.receive()
    socket._connection.close()
    await asyncio.wait_for(server_sockets[0]._ended.wait(), 5)
    assert server_sockets[0].close_code == websocket.ABNORMAL


async def test_close_while_another_task_receives(pool: Pool) -> None:
    socket = await connect(pool, "/")
    receiving = asyncio.ensure_future(socket.receive())
    await asyncio.sleep(0)
    await socket.close(1001)
    assert await receiving is None


async def test_a_message_beyond_the_limit_ends_it(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MAX_MESSAGE", 1000)
    socket = await connect(pool, "/")
    await socket.send(b"x" * 1001)
    assert await socket.receive() is None
    assert socket.close_code == websocket.TOO_BIG
    await socket.close()


async def test_garbage_is_a_protocol_error(pool: Pool) -> None:
    socket = await connect(pool, "/")
    socket._connection.write(b"\xff\xff\xff\xff")
    assert await socket.receive() is None
    assert socket.close_code == websocket.PROTOCOL_ERROR
    await socket.close()
