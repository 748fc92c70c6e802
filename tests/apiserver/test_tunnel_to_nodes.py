"""Logs and streams of pods, from a client through the API server to a node."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from wherry.aio.http.client import Pool
from wherry.aio.http.messages import Request, Response, Upgrade, UpgradedConnection
from wherry.aio.http.server import serve
from wherry.api import kinds
from wherry.apiserver.nodes import Tunnel, address_of
from wherry.pki import identities
from wherry.pki.authority import Authority
from wherry.testing.cluster import ApiServer

UPGRADE = [("Upgrade", "websocket"), ("Sec-WebSocket-Protocol", "v5.channel.k8s.io")]


@dataclass
class Node:
    """A node's API: tells what it was asked, and echoes what comes over an upgraded connection."""

    asked: list[Request] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response | Upgrade:
        self.asked.append(request)
        if request.path.startswith("/containerLogs/"):
            return Response(200, b"line 1\nline 2\n", "text/plain")
        return Upgrade(self._echo, [("Upgrade", "websocket"), ("Sec-WebSocket-Protocol", "v5.channel.k8s.io")])

    async def _echo(self, connection: UpgradedConnection) -> None:
        while data := await connection.reader.read(1 << 16):
            connection.write(data[::-1])
            await connection.drain()


@dataclass
class Cluster:
    node: Node
    pool: Pool  # the client's


def contexts(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The node's, which wants client certificates, and the API server's."""
    authority = Authority.load_or_create(directory, "test")
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for context, issued in (
        (server, authority.issue("system:node:n", ("system:nodes",), ("127.0.0.1",), ("server",))),
        (client, authority.issue_client(identities.KUBELET_CLIENT)),
    ):
        issued.write(directory / "cert.pem", directory / "key.pem")
        context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
        context.load_verify_locations(cadata=authority.certificate_pem.decode())
    server.verify_mode = ssl.CERT_REQUIRED
    return server, client


@asynccontextmanager
async def cluster(directory: Path) -> AsyncIterator[Cluster]:
    """A node with a pod, and an API server that listens."""
    node = Node()
    for_node, for_server = contexts(directory)
    agent = await serve(node, ssl_context=for_node)
    async with ApiServer() as api:
        api.server.api.tunnel = Tunnel(for_server)
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": agent.port}},
        }
        await api.client.create(kinds.NODE, {"metadata": {"name": "n"}})
        await api.client.patch(kinds.NODE, "n", None, {"status": status}, subresource="status")
        await api.client.create(kinds.SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}})
        spec = {"nodeName": "n", "containers": [{"name": "c", "image": "x"}]}
        await api.client.create(kinds.POD, {"metadata": {"name": "p", "namespace": "default"}, "spec": spec})
        front = await serve(api.server.handler)
        token = next(iter(api._tokens.users))
        pool = Pool(f"http://127.0.0.1:{front.port}", headers=[("Authorization", f"Bearer {token}")])
        try:
            yield Cluster(node, pool)
        finally:
            await pool.close()
            await front.close()
            await agent.close()


POD = kinds.POD.path("default", "p")


async def test_logs_come_from_the_node_with_their_options(tmp_path: Path) -> None:
    async with cluster(tmp_path) as made:
        answer = await made.pool.request("GET", f"{POD}/log?tailLines=2&timestamps=true&bogus=1")
        assert (answer.status, answer.body) == (200, b"line 1\nline 2\n")
        asked = made.node.asked[0]
        assert asked.path == "/containerLogs/default/p/c"
        assert asked.query == "timestamps=true&tailLines=2"
        assert asked.peer_certificate  # the API server showed who it is
        assert not asked.headers.get("Authorization")  # and not who its client is


async def test_a_command_runs_over_a_spliced_connection(tmp_path: Path) -> None:
    async with cluster(tmp_path) as made, asyncio.timeout(10):
        target = f"{POD}/exec?command=echo&command=a%20b&stdin=true&stdout=true&container=c"
        upgraded = await made.pool.upgrade("GET", target, UPGRADE)
        assert (upgraded.status, upgraded.headers.get("Sec-WebSocket-Protocol")) == (101, "v5.channel.k8s.io")
        assert upgraded.connection is not None
        for sent in (b"abc", bytes(range(256))):
            upgraded.connection.write(sent)
            assert await upgraded.connection.reader.readexactly(len(sent)) == sent[::-1]
        upgraded.connection.close()
        assert made.node.asked[0].path == "/exec/default/p/c"
        assert made.node.asked[0].query == "input=1&output=1&command=echo&command=a+b"


async def test_unknown_containers_and_nodes_are_named(tmp_path: Path) -> None:
    async with cluster(tmp_path) as made:
        answer = await made.pool.request("GET", f"{POD}/log?container=other")
        assert (answer.status, b"container other is not valid for pod p" in answer.body) == (400, True)
        answer = await made.pool.request("GET", kinds.POD.path("default", "none", "log"))
        assert answer.status == 404


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ([("Hostname", "n"), ("InternalIP", "10.0.0.1")], ("10.0.0.1", 10250)),
        ([("Hostname", "n"), ("ExternalIP", "192.0.2.1")], ("192.0.2.1", 10250)),
        ([("Hostname", "n")], ("n", 10250)),
    ],
)
def test_a_node_is_dialled_at_its_internal_address_first(
    addresses: list[tuple[str, str]], expected: tuple[str, int]
) -> None:
    listed = [{"type": kind, "address": address} for kind, address in addresses]
    assert address_of({"status": {"addresses": listed}}) == expected
