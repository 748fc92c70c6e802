"""What probes and hooks do to a container: run a command in it, or knock at its port.

The node's process is in the node's network namespace, so a pod's address is reached as the node reaches it.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin, urlsplit

from wherry.api import Obj
from wherry.engine.interface import ContainerNotFound, Engine, EngineError
from wherry.node import grpchealth

_MAX_HEAD = 64 * 1024
_MAX_BODY = 10 * 1024
_MAX_REDIRECTS = 10
_USER_AGENT = "kube-probe/1.36"


class HandlerFailed(Exception):
    """The handler said no, or nothing; the message is what to show."""


@dataclass(frozen=True, slots=True)
class Target:
    """A running container: its id, its spec, and its pod's address as the node reaches it."""

    container_id: str
    container: Obj
    address: str


async def run(handler: Obj, target: Target, engine: Engine, timeout: float) -> str:
    """Do what a probe or hook asks; its output. Raises HandlerFailed, and TimeoutError after `timeout` seconds."""
    if "exec" in handler:
        return await _exec(handler["exec"].get("command") or [], target, engine, timeout)
    if "sleep" in handler:
        await asyncio.sleep(float(handler["sleep"].get("seconds", 0)))
        return ""
    async with asyncio.timeout(timeout):
        if "httpGet" in handler:
            return await _http(handler["httpGet"], target)
        if "tcpSocket" in handler:
            return await _tcp(handler["tcpSocket"], target)
        if "grpc" in handler:
            return await _grpc(handler["grpc"], target)
    raise HandlerFailed("no handler is set")


async def _exec(command: list[str], target: Target, engine: Engine, timeout: float) -> str:
    try:
        code, output = await engine.exec_output(target.container_id, command, timeout)
    except TimeoutError:
        raise TimeoutError(f"command timed out after {timeout:g}s: {' '.join(command)}") from None
    except ContainerNotFound as error:
        raise HandlerFailed("container not running") from error
    except EngineError as error:
        raise HandlerFailed(str(error)) from error
    text = output.decode(errors="replace")
    if code:
        raise HandlerFailed(text or f"command ended with exit code {code}")
    return text


def port_number(port: int | str, container: Obj) -> int:
    """A port as a number, or by the name that the container gives it. Raises HandlerFailed."""
    if isinstance(port, int) or str(port).isdigit():
        return int(port)
    for each in container.get("ports") or []:
        if each.get("name") == port:
            return int(each["containerPort"])
    raise HandlerFailed(f"couldn't find port: {port}")


async def _tcp(handler: Obj, target: Target) -> str:
    host = handler.get("host") or target.address
    port = port_number(handler["port"], target.container)
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        raise HandlerFailed(f"dial tcp {host}:{port}: {error.strerror or error}") from error
    writer.close()
    return ""


async def _grpc(handler: Obj, target: Target) -> str:
    try:
        serving = await grpchealth.check(target.address, int(handler["port"]), handler.get("service") or "")
    except (OSError, asyncio.IncompleteReadError) as error:
        raise HandlerFailed(f"error: health rpc failed: {error}") from error
    if not serving:
        raise HandlerFailed("service unhealthy (responded with NOT_SERVING)")
    return ""


async def _http(handler: Obj, target: Target) -> str:
    host = handler.get("host") or target.address
    port = port_number(handler["port"], target.container)
    path = handler.get("path") or "/"
    url = f"{(handler.get('scheme') or 'HTTP').lower()}://{host}:{port}{path if path.startswith('/') else '/' + path}"
    headers = {each["name"]: each["value"] for each in handler.get("httpHeaders") or []}
    for _ in range(_MAX_REDIRECTS):
        status, location, body = await _get(url, headers)
        if not 300 <= status < 400 or not location:
            break
        next_url = urljoin(url, location)
        if urlsplit(next_url).hostname != urlsplit(url).hostname:
            break
        url = next_url
    if not 200 <= status < 400:
        raise HandlerFailed(f"HTTP probe failed with statuscode: {status}")
    return body


async def _get(url: str, headers: Mapping[str, str]) -> tuple[int, str, str]:
    """Status, location and the beginning of the body."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    try:
        reader, writer = await asyncio.open_connection(
            parts.hostname, port, ssl=_no_verification() if secure else None, limit=_MAX_HEAD
        )
    except OSError as error:
        raise HandlerFailed(f'Get "{url}": dial tcp {parts.hostname}:{port}: {error.strerror or error}') from error
    try:
        writer.write(
            _request(f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", parts.netloc, headers)
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        body = await reader.read(_MAX_BODY)
        return int(head.split(" ", 2)[1]), _field(head, "location"), body.decode(errors="replace")
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError) as error:
        raise HandlerFailed(f'Get "{url}": {error or "EOF"}') from error
    finally:
        writer.close()


def _request(target: str, host: str, headers: Mapping[str, str]) -> bytes:
    given = {name.lower() for name in headers}
    lines = [f"{name}: {value}" for name, value in headers.items() if value or name.lower() not in ("accept",)]
    defaults = {"Host": host, "User-Agent": _USER_AGENT, "Accept": "*/*", "Connection": "close"}
    lines += [f"{name}: {value}" for name, value in defaults.items() if name.lower() not in given]
    return (f"GET {target} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode()


def _field(head: str, name: str) -> str:
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.strip().lower() == name:
            return value.strip()
    return ""


@cache
def _no_verification() -> ssl.SSLContext:
    """A container's certificate is nobody's business here: the probe asks whether it answers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
