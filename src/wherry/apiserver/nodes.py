"""The tunnel: requests that a node or a pod answers, handed on byte by byte.

Answers stream through; an upgraded connection (WebSocket, SPDY) is spliced in both directions and never understood.
"""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Sequence

from wherry.aio.http.client import Pool
from wherry.aio.http.messages import Headers, Request, Response, Upgrade, UpgradedConnection
from wherry.api import Obj, errors
from wherry.api.errors import StatusError

DIAL_SECONDS = 30.0  # until the head of an answer
POOLS_KEPT = 256
CHUNK = 64 * 1024
DEFAULT_PORT = 10250

# What concerns one connection only (RFC 9110, 7.6.1), and what this server takes from the client for itself.
_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "host",
        "content-length",
        "authorization",
    )
)
_ADDRESS_TYPES = ("InternalIP", "ExternalIP", "Hostname")


def address_of(node: Obj) -> tuple[str, int]:
    """Where a node's own API listens. Raises StatusError."""
    status = node.get("status") or {}
    addresses = {each.get("type"): each.get("address", "") for each in status.get("addresses") or ()}
    host = next((addresses[kind] for kind in _ADDRESS_TYPES if addresses.get(kind)), "")
    if not host:
        raise errors.internal(f"no preferred addresses found; known addresses: {list(addresses.values())}")
    port = ((status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port", DEFAULT_PORT)
    return host, port


def origin(scheme: str, host: str, port: int | str) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class Tunnel:
    """Connections to nodes (`context`: this server's client certificate, the cluster's authority) and to pods."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self._pools: OrderedDict[tuple[str, bool], Pool] = OrderedDict()
        self._closing: set[asyncio.Future[None]] = set()

    def _pool(self, base: str, to_node: bool) -> Pool:
        key = (base, to_node)
        pool = self._pools.get(key)
        if pool is None:
            context = self._context if to_node else _unverified() if base.startswith("https:") else None
            pool = self._pools[key] = Pool(base, context)
        self._pools.move_to_end(key)
        if len(self._pools) > POOLS_KEPT:
            closing = asyncio.ensure_future(self._pools.popitem(last=False)[1].close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return pool

    async def to_node(self, request: Request, node: Obj, target: str) -> Response | Upgrade:
        """What the node's own API answers. Raises StatusError."""
        base = origin("https", *address_of(node))
        return await self.forward(request, base, target, to_node=True)

    async def forward(self, request: Request, base: str, target: str, to_node: bool = False) -> Response | Upgrade:
        """What the server at `base` answers to `target`. Raises StatusError."""
        pool = self._pool(base, to_node)
        headers = [(name, value) for name, value in request.headers if name.lower() not in _HOP]
        try:
            if "Upgrade" in request.headers:
                return await self._upgrade(pool, request, target, headers)
            stream = await pool.stream(request.method, target, headers, request.body, timeout=DIAL_SECONDS)
        except (OSError, ssl.SSLError) as error:
            raise _unreachable(error) from error
        kept = _answer_headers(stream.headers)
        return Response(stream.status, stream, stream.headers.get("Content-Type", "text/plain"), kept)

    async def _upgrade(
        self, pool: Pool, request: Request, target: str, headers: Sequence[tuple[str, str]]
    ) -> Response | Upgrade:
        found = await pool.upgrade(request.method, target, list(headers), request.body, timeout=DIAL_SECONDS)
        far = found.connection
        if far is None:
            kind = found.headers.get("Content-Type", "text/plain")
            return Response(found.status, found.body, kind, _answer_headers(found.headers))

        async def run(near: UpgradedConnection) -> None:
            await splice(near, far)

        return Upgrade(run, [(name, value) for name, value in found.headers if name.lower() not in _HOP])

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.close()


def _answer_headers(headers: Headers) -> list[tuple[str, str]]:
    """Those of an answer that this server does not write itself."""
    return [(name, value) for name, value in headers if name.lower() not in (*_HOP, "content-type", "date")]


def _unreachable(error: Exception) -> StatusError:
    return errors.internal(f"error dialing backend: {str(error) or type(error).__name__}")


def _unverified() -> ssl.SSLContext:
    """Pods show whatever certificate they have, as upstream's proxy accepts it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def splice(near: UpgradedConnection, far: UpgradedConnection) -> None:
    """Copy both ways until one side ends."""
    copies = [asyncio.ensure_future(_copy(near, far)), asyncio.ensure_future(_copy(far, near))]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        near.close()
        far.close()


async def _copy(source: UpgradedConnection, sink: UpgradedConnection) -> None:
    while data := await source.reader.read(CHUNK):
        sink.write(data)
        await sink.drain()
