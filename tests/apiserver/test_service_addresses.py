"""Cluster IPs and node ports: nobody gets what another has, not even after a restart."""

import asyncio
import ipaddress

import pytest

from wherry.api import Obj, kinds
from wherry.apiserver.core import Settings
from wherry.client.interface import ApiError
from wherry.client.rest import RestClient
from wherry.store.memory import MemoryStore
from wherry.testing.cluster import ApiServer


def service(name: str, **spec: object) -> Obj:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"ports": [{"port": 80}], "selector": {"a": "b"}, **spec},
    }


async def make(client: RestClient, name: str, **spec: object) -> Obj:
    made: Obj = (await client.create(kinds.SERVICE, service(name, **spec)))["spec"]
    return made


async def test_addresses_and_ports_are_distinct_and_in_range(client: RestClient) -> None:
    made = await asyncio.gather(*(make(client, f"s{n}", type="NodePort") for n in range(50)))
    addresses = {each["clusterIP"] for each in made}
    ports = {each["ports"][0]["nodePort"] for each in made}
    assert len(addresses) == len(ports) == 50
    assert all(ipaddress.ip_address(each) in ipaddress.ip_network("10.96.0.0/12") for each in addresses)
    assert all(30000 <= port <= 32767 for port in ports)


async def test_a_chosen_address_is_given_once(client: RestClient) -> None:
    assert (await make(client, "a", clusterIP="10.96.0.77"))["clusterIPs"] == ["10.96.0.77"]
    with pytest.raises(ApiError, match="provided IP is already allocated"):
        await make(client, "b", clusterIP="10.96.0.77")
    await client.delete(kinds.SERVICE, "a", "default")
    await make(client, "b", clusterIP="10.96.0.77")


async def test_headless_and_external_services_have_no_address(client: RestClient) -> None:
    assert (await make(client, "h", clusterIP="None"))["clusterIP"] == "None"
    external = await make(client, "e", type="ExternalName", externalName="example.com")
    assert "clusterIP" not in external


async def test_changing_the_type_takes_and_frees_ports(client: RestClient) -> None:
    await make(client, "s")
    changed = await client.patch(kinds.SERVICE, "s", "default", {"spec": {"type": "NodePort"}})
    assert changed["spec"]["ports"][0]["nodePort"] >= 30000
    back = await client.patch(kinds.SERVICE, "s", "default", {"spec": {"type": "ClusterIP"}})
    assert "nodePort" not in back["spec"]["ports"][0]
    assert back["spec"]["clusterIP"] == changed["spec"]["clusterIP"]


async def test_what_was_given_stays_given_after_a_restart() -> None:
    store = MemoryStore()
    settings = Settings(service_cidr="10.96.0.0/28")  # 14 addresses, one of them the API server's
    async with ApiServer(store, settings) as api:
        first = [(await make(api.client, f"a{n}"))["clusterIP"] for n in range(6)]
        await api.server.api.hub.close()
    async with ApiServer(store, settings) as api:
        second = [(await make(api.client, f"b{n}"))["clusterIP"] for n in range(7)]
        assert len({*first, *second}) == 13
        with pytest.raises(ApiError, match="range is full"):
            await make(api.client, "more")


async def test_a_refused_service_gives_its_address_back(client: RestClient) -> None:
    for _ in range(3):
        with pytest.raises(ApiError, match="already exists"):
            await make(client, "kubernetes", clusterIP="10.96.0.78")
    await make(client, "free", clusterIP="10.96.0.78")
