"""The proxy against an API server, on the real kernel."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from netlab import Lab, ask, ask_udp, run, udp_client
from proxytest import endpoint, port, service, slice_of

from wherry.api import kinds
from wherry.client.informer import Informer
from wherry.client.rest import RestClient
from wherry.linux import netns
from wherry.proxy import proxy as shell
from wherry.proxy.proxy import Proxy, ProxyConfig
from wherry.testing.cluster import ApiServer

pytestmark = pytest.mark.root


@pytest.fixture
async def client() -> AsyncIterator[RestClient]:
    async with ApiServer() as api:
        yield api.client


def config(lab: Lab) -> ProxyConfig:
    node = lab.nodes[0]
    return ProxyConfig(node.name, node.address, (node.pod_cidr,), str(netns.path_of(node.netns)))


@pytest.fixture
async def proxy(lab: Lab, client: RestClient) -> AsyncIterator[Proxy]:
    proxy = Proxy(client, config(lab))
    task = asyncio.create_task(proxy.run())
    async with asyncio.timeout(10):
        await proxy.loaded()
    yield proxy
    task.cancel()
    await asyncio.wait([task])


async def make(client: RestClient, obj: dict, kind=kinds.SERVICE) -> dict:
    obj.pop("status", None)
    return await client.create(kind, obj | {"apiVersion": kind.api_version, "kind": kind.kind})


async def eventually(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if check():
                return
            await asyncio.sleep(0.02)


def table(lab: Lab) -> str:
    return run("nft", "list", "table", "ip", "wherry-proxy", space=lab.nodes[0].netns)


async def test_services_and_endpoints_become_rules_and_go(lab: Lab, client: RestClient, proxy: Proxy) -> None:
    """The node serves as its own endpoint: no pod is needed to see where packets go."""
    lab.serve(lab.nodes[0].netns, "here", 8080)
    await make(client, service(ports=[port(80)]))
    await eventually(lambda: "10.96.0.5 . tcp . 80 : goto refuse" in table(lab))
    await make(client, slice_of(endpoint("192.168.230.2")), kinds.ENDPOINT_SLICE)
    await eventually(lambda: "10.96.0.5 . tcp . 80 : goto service-internal-1" in table(lab))
    assert ask(lab.nodes[0].netns, "10.96.0.5", 80)[0] == "here"
    await client.delete(kinds.ENDPOINT_SLICE, "web-a", "default")
    await eventually(lambda: "10.96.0.5 . tcp . 80 : goto refuse" in table(lab))
    await client.delete(kinds.SERVICE, "web", "default")
    await eventually(lambda: "10.96.0.5" not in table(lab))


async def test_what_is_there_at_the_start_is_loaded_at_once(lab: Lab, client: RestClient) -> None:
    await make(client, service())
    await make(client, slice_of(endpoint("10.230.0.9")), kinds.ENDPOINT_SLICE)
    proxy = Proxy(client, config(lab))
    task = asyncio.create_task(proxy.run())
    async with asyncio.timeout(10):
        await proxy.loaded()
    assert "10.230.0.9 . 8080" in table(lab)
    task.cancel()
    await asyncio.wait([task])
    assert "10.230.0.9 . 8080" in table(lab), "rules stay when the proxy ends"


async def test_a_second_start_forgets_what_went_meanwhile(lab: Lab, client: RestClient) -> None:
    await make(client, service())
    for _ in range(2):
        proxy = Proxy(client, config(lab))
        task = asyncio.create_task(proxy.run())
        await proxy.loaded()
        task.cancel()
        await asyncio.wait([task])
        last = table(lab)
        if "10.96.0.5" in last:
            await client.delete(kinds.SERVICE, "web", "default")
    assert "10.96.0.5" not in last


async def test_the_zone_of_the_node_counts(lab: Lab, client: RestClient, proxy: Proxy) -> None:
    near, far = endpoint("10.230.0.8", zones=["z1"]), endpoint("10.230.0.9", zones=["z2"])
    await make(client, service())
    await make(client, slice_of(near, far), kinds.ENDPOINT_SLICE)
    await eventually(lambda: "10.230.0.8 . 8080" in table(lab) and "10.230.0.9 . 8080" in table(lab))
    labels = {"topology.kubernetes.io/zone": "z2"}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": lab.nodes[0].name, "labels": labels}}
    await client.create(kinds.NODE, node)
    await eventually(lambda: "10.230.0.8 . 8080" not in table(lab))
    assert "10.230.0.9 . 8080" in table(lab)


async def test_a_udp_client_moves_to_the_new_endpoint(lab: Lab, client: RestClient, proxy: Proxy) -> None:
    lab.serve(lab.nodes[0].netns, "old", 7001, udp=True)
    lab.serve(lab.nodes[0].netns, "new", 7002, udp=True)
    await make(client, service(ports=[port(53, protocol="UDP")]))
    slice = slice_of(endpoint("192.168.230.2"), number=7001, protocol="UDP")
    created = await make(client, slice, kinds.ENDPOINT_SLICE)
    await eventually(lambda: "192.168.230.2 . 7001" in table(lab))
    udp = udp_client(lab.machine)
    assert ask_udp("", "10.96.0.5", 53, client=udp)[0] == "old"
    created["ports"][0]["port"] = 7002
    await client.update(kinds.ENDPOINT_SLICE, created)
    await eventually(lambda: "192.168.230.2 . 7002" in table(lab))
    await eventually(lambda: ask_udp("", "10.96.0.5", 53, client=udp)[0] == "new")
    udp.close()


async def test_after_a_refusal_everything_is_loaded_again(
    lab: Lab, client: RestClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "FIRST_DELAY", 0.05)
    await make(client, service())
    await eventually(lambda: "10.96.0.5" in table(lab))
    run("nft", "delete", "table", "ip", "wherry-proxy", space=lab.nodes[0].netns)
    await make(client, service("other", "10.96.0.6"))
    await eventually(
        lambda: "wherry-proxy" in run("nft", "list", "tables", space=lab.nodes[0].netns) and "10.96.0.6" in table(lab)
    )
    assert "10.96.0.5" in table(lab)


async def test_rules_that_somebody_flushed_come_back(
    lab: Lab, client: RestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "LOOK", 0.1)
    await make(client, service())
    proxy = Proxy(client, config(lab))
    task = asyncio.create_task(proxy.run())
    await asyncio.wait_for(proxy.loaded(), 10)
    run("nft", "flush", "ruleset", space=lab.nodes[0].netns)
    await eventually(lambda: "wherry-proxy" in run("nft", "list", "tables", space=lab.nodes[0].netns))
    assert "10.96.0.5" in table(lab)
    task.cancel()
    await asyncio.wait([task])


async def test_it_can_share_informers(lab: Lab, client: RestClient) -> None:
    services, slices = Informer(client, kinds.SERVICE), Informer(client, kinds.ENDPOINT_SLICE)
    await make(client, service())
    running = [asyncio.create_task(informer.run()) for informer in (services, slices)]
    proxy = Proxy(client, config(lab), services, slices)
    running.append(asyncio.create_task(proxy.run()))
    async with asyncio.timeout(10):
        await proxy.loaded()
    assert "10.96.0.5" in table(lab)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
