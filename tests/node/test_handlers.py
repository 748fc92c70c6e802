"""Probes and hooks by HTTP, TCP and gRPC, against real sockets."""

import asyncio
import struct

import pytest

from wherry.node import grpchealth, handlers
from wherry.node.handlers import HandlerFailed, Target


class NoEngine:
    """Handlers without a command never ask the engine."""


async def knock(handler, port, timeout=2.0):
    target = Target("c1", {"name": "main", "ports": [{"name": "web", "containerPort": port}]}, "127.0.0.1")
    return await handlers.run(handler, target, NoEngine(), timeout)


@pytest.fixture
async def web():
    """Answers by path: /<status>, /to/<path> redirects, /hang never answers; tells what it was asked."""
    asked = []

    async def answer(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head)
        path = head.split(" ")[1]
        if path == "/hang":
            await reader.read()
        elif path.startswith("/to/"):
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {path[3:]}\r\n\r\n".encode())
        elif path == "/away":
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\n\r\n")
        elif path != "/nothing":
            writer.write(f"HTTP/1.1 {path[1:4]} Some Words\r\n\r\nbody".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    server.asked = asked
    yield server
    server.close()


def port_of(server):
    return server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("path", ["/200", "/204", "/399", "/to/200", "/away"])
async def test_http_answers_that_are_good(web, path):
    await knock({"httpGet": {"path": path, "port": "web"}}, port_of(web))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/404", "statuscode: 404"),
        ("/500", "statuscode: 500"),
        ("/to/503", "statuscode: 503"),
        ("/nothing", "EOF|bytes"),
    ],
)
async def test_http_answers_that_are_not(web, path, message):
    with pytest.raises(HandlerFailed, match=message):
        await knock({"httpGet": {"path": path, "port": port_of(web)}}, port_of(web))


async def test_http_headers(web):
    fields = [{"name": "Host", "value": "shop.example"}, {"name": "X-Probe", "value": "1"}]
    await knock({"httpGet": {"path": "200", "port": "web", "httpHeaders": fields}}, port_of(web))
    assert "Host: shop.example\r\n" in web.asked[0]
    assert web.asked[0].count("Host:") == 1
    assert "X-Probe: 1\r\n" in web.asked[0]
    assert "User-Agent: kube-probe/1.36\r\n" in web.asked[0]


async def test_an_answer_that_does_not_come(web):
    with pytest.raises(TimeoutError):
        await knock({"httpGet": {"path": "/hang", "port": "web"}}, port_of(web), timeout=0.05)


async def test_tcp(web):
    port = port_of(web)
    await knock({"tcpSocket": {"port": "web"}}, port)
    web.close()
    await web.wait_closed()
    with pytest.raises(HandlerFailed, match="dial tcp"):
        await knock({"tcpSocket": {"port": port}}, port)


async def test_an_unknown_port_name():
    with pytest.raises(HandlerFailed, match="couldn't find port: nothing"):
        await knock({"tcpSocket": {"port": "nothing"}}, 1)


def grpc_answer(status):
    message = struct.pack(">BI", 0, 2) + bytes([8, status])
    return grpchealth.frame(0, 0, 1, message)


@pytest.mark.parametrize(
    ("frames", "healthy"),
    [
        ([grpc_answer(1)], True),
        ([grpc_answer(2)], False),
        ([grpchealth.frame(1, 5, 1, b"")], False),
        ([grpchealth.frame(4, 0, 0, b""), grpchealth.frame(6, 0, 0, b"12345678"), grpc_answer(1)], True),
    ],
)
async def test_grpc(frames, healthy):
    received = bytearray()

    async def answer(reader, writer):
        received.extend(await reader.read(4096))
        writer.write(grpchealth.frame(4, 0, 0, b"") + b"".join(frames))
        await reader.read(4096)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        check = knock({"grpc": {"port": port_of(server), "service": "a"}}, 1)
        if healthy:
            await check
        else:
            with pytest.raises(HandlerFailed, match="NOT_SERVING"):
                await check
    assert received.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert b"/grpc.health.v1.Health/Check" in received
    assert received.endswith(b"\x00\x00\x00\x00\x03\x0a\x01a")
