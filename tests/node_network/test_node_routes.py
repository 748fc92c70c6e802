"""NodeRoutes against an API server, on the real kernel."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from netlab import Lab, run

from wherry.api import kinds
from wherry.client.rest import RestClient
from wherry.linux import netns
from wherry.node.network import NodeRoutes
from wherry.testing.cluster import ApiServer

pytestmark = pytest.mark.root


@pytest.fixture
async def client() -> AsyncIterator[RestClient]:
    async with ApiServer() as api:
        yield api.client


async def make_node(client: RestClient, name: str, cidr: str, address: str) -> None:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr]},
    }
    await client.create(kinds.NODE, node)
    status = {"status": {"addresses": [{"type": "InternalIP", "address": address}]}}
    await client.patch(kinds.NODE, name, None, status, type="strategic", subresource="status")


async def until(lab: Lab, words: str, *, there: bool = True) -> None:
    async with asyncio.timeout(10):
        while True:
            if (words in run("ip", "route", space=lab.nodes[0].netns)) == there:
                return
            await asyncio.sleep(0.02)


async def test_routes_come_and_go_with_nodes(lab: Lab, client: RestClient) -> None:
    await make_node(client, lab.nodes[0].name, "10.230.0.0/24", "192.168.230.2")
    await make_node(client, "early", "10.230.1.0/24", "192.168.230.3")
    routes = NodeRoutes(client, lab.nodes[0].name, netns=str(netns.path_of(lab.nodes[0].netns)))
    task = asyncio.create_task(routes.run())
    await until(lab, "10.230.1.0/24 via 192.168.230.3")
    assert "10.230.0.0/24 via" not in run("ip", "route", space=lab.nodes[0].netns), "none to itself"
    await make_node(client, "late", "10.230.2.0/24", "192.168.230.4")
    await until(lab, "10.230.2.0/24 via 192.168.230.4")
    await client.delete(kinds.NODE, "early")
    await until(lab, "10.230.1.0/24 via", there=False)
    task.cancel()
    await asyncio.wait([task])
    assert "10.230.2.0/24" in run("ip", "route", space=lab.nodes[0].netns), "routes stay when the agent ends"


async def test_a_route_that_cannot_be_yet_is_tried_again(
    lab: Lab, client: RestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wherry.node.network.routes.AGAIN", 0.1)
    await make_node(client, "far", "10.230.2.0/24", "172.31.255.9")
    await make_node(client, "near", "10.230.3.0/24", "192.168.230.3")
    run("ip", "route", "del", "default", space=lab.nodes[0].netns)
    routes = NodeRoutes(client, lab.nodes[0].name, netns=str(netns.path_of(lab.nodes[0].netns)))
    task = asyncio.create_task(routes.run())
    await until(lab, "10.230.3.0/24 via 192.168.230.3")
    run("ip", "addr", "add", "172.31.255.1/24", "dev", "eth0", space=lab.nodes[0].netns)
    await until(lab, "10.230.2.0/24 via 172.31.255.9")
    task.cancel()
    await asyncio.wait([task])
