"""What the node answers, by method and path: one list."""

import logging
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import orjson

from wherry.aio.http import Request, Response, Upgrade
from wherry.aio.http.server import Server, serve
from wherry.api import meta
from wherry.node.agent import Agent
from wherry.node.parts import Parts
from wherry.node.plan.nodestatus import Machine
from wherry.node.plan.podspec import host_network
from wherry.node.server import logs, portforward, remote, stats
from wherry.node.server.access import Access
from wherry.node.server.errors import Refused
from wherry.node.server.pods import Pods

log = logging.getLogger(__name__)

Answer = Callable[["NodeServer", Request, tuple[str, ...]], Awaitable[Response | Upgrade]]


@dataclass(frozen=True, slots=True)
class Route:
    methods: tuple[str, ...]
    path: re.Pattern[str]
    answer: Answer


class NodeServer:
    """The HTTPS server of one node."""

    def __init__(self, parts: Parts, agent: Agent, facts: Machine) -> None:
        self.parts, self.agent, self.facts = parts, agent, facts
        self.pods = Pods(agent, parts.engine)
        self._access = Access(parts.client, parts.clock, parts.config.name)

    async def start(self, context: ssl.SSLContext, host: str, port: int) -> Server:
        """Raises OSError when the address cannot be had."""
        return await serve(self.handle, host=host, port=port, ssl_context=context)

    async def handle(self, request: Request) -> Response | Upgrade:
        try:
            if request.path != "/healthz":
                await self._access.check(request)
            return await self._route(request)
        except Refused as refused:
            return refused.response()

    async def _route(self, request: Request) -> Response | Upgrade:
        for route in ROUTES:
            match = route.path.fullmatch(request.path)
            if match is not None:
                if request.method not in route.methods:
                    raise Refused(405, "Method Not Allowed")
                return await route.answer(self, request, match.groups())
        raise Refused(404, "404 page not found")


def tls(certificate: Path, key: Path, authority: bytes) -> ssl.SSLContext:
    """The server's side: clients may show a certificate of the cluster's authority (PEM)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(cadata=authority.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _json(body: object) -> Response:
    return Response(200, orjson.dumps(body))


async def _healthz(server: NodeServer, request: Request, found: tuple[str, ...]) -> Response:
    return Response(200, b"ok", "text/plain; charset=utf-8")


async def _pods(server: NodeServer, request: Request, found: tuple[str, ...]) -> Response:
    return _json({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": server.pods.all()})


async def _logs(server: NodeServer, request: Request, found: tuple[str, ...]) -> Response:
    return logs.answer(server.parts, server.agent, server.pods, request.query, found)


async def _exec(server: NodeServer, request: Request, found: tuple[str, ...]) -> Response | Upgrade:
    namespace, name, container = found
    wanted = remote.options(request.query)
    if not wanted.command:
        raise Refused(400, "you must specify a command")
    id = server.pods.running(namespace, name, container).id
    engine = server.parts.engine
    return remote.serve(request, wanted, lambda streams: engine.exec(id, wanted.command, streams))


async def _attach(server: NodeServer, request: Request, found: tuple[str, ...]) -> Response | Upgrade:
    status = server.pods.running(*found)
    wanted = remote.options(request.query)
    engine = server.parts.engine
    return remote.serve(request, wanted, lambda streams: engine.attach(status.id, streams))


async def _port_forward(server: NodeServer, request: Request, found: tuple[str, ...]) -> Response | Upgrade:
    pod = server.pods.find(*found)
    address = server.parts.network.address(meta.uid(pod))
    if host_network(pod):
        return portforward.serve(request, None)
    if address is None:
        raise Refused(404, f"pod {meta.name(pod)} has no network")
    return portforward.serve(request, address.netns_path)


async def _summary(server: NodeServer, request: Request, found: tuple[str, ...]) -> Response:
    parts = server.parts
    return _json(stats.summary(parts.config, server.facts, server.pods, parts.engine, parts.clock.now()))


async def _resource(server: NodeServer, request: Request, found: tuple[str, ...]) -> Response:
    text = stats.render(stats.resource_metrics(server.pods, server.parts.engine, server.parts.clock.now()))
    return Response(200, text.encode(), "text/plain; version=0.0.4; charset=utf-8")


_POD, _CONTAINER = r"/([^/]+)/([^/]+)", r"/([^/]+)/([^/]+)(?:/[^/]+)?/([^/]+)"
_READ, _STREAM = ("GET",), ("GET", "POST")

ROUTES: list[Route] = [
    Route(_READ, re.compile("/healthz"), _healthz),
    Route(_READ, re.compile("/pods/?"), _pods),
    Route(_READ, re.compile(r"/containerLogs/([^/]+)/([^/]+)/([^/]+)"), _logs),
    Route(_STREAM, re.compile(f"/exec{_CONTAINER}"), _exec),
    Route(_STREAM, re.compile(f"/attach{_CONTAINER}"), _attach),
    Route(_STREAM, re.compile(f"/portForward{_POD}(?:/[^/]+)?"), _port_forward),
    Route(_READ, re.compile("/stats/summary"), _summary),
    Route(_READ, re.compile("/metrics(?:/resource|/cadvisor)?"), _resource),
]
