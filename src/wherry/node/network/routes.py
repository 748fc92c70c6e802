"""Routes to other nodes' pods, as Node objects say."""

import asyncio
import logging
from collections.abc import Iterable

from wherry.aio.tasks import Tasks
from wherry.api import Obj, kinds
from wherry.client.informer import Informer
from wherry.client.interface import Client
from wherry.linux import netlink, netns
from wherry.linux.netlink import Netlink, Route
from wherry.linux.nft import Nft, NftError
from wherry.node.network import plan, rules

log = logging.getLogger(__name__)

AGAIN = 2.0  # seconds until another attempt after the kernel refused a route


class NodeRoutes:
    """Keeps the node's routes, and its set of pod networks, as the Nodes say. `netns` as in NetworkConfig."""

    def __init__(self, client: Client, node_name: str, *, netns: str | None = None) -> None:
        self._client, self._node_name, self._netns = client, node_name, netns
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. A route that the kernel refuses (its node is not on the network yet) is tried again."""
        nodes = Informer(self._client, kinds.NODE, project=_addresses)
        nodes.on_change(self._node_changed)
        async with Tasks() as tasks:
            tasks.start(nodes.run(), "routes: nodes")
            await nodes.synced()
            while True:
                self._changed.clear()
                settled = await self._try(nodes.store.values())
                try:
                    async with asyncio.timeout(None if settled else AGAIN):
                        await self._changed.wait()
                except TimeoutError:
                    pass

    async def sync(self, nodes: Iterable[Obj]) -> None:
        """Make the routes those of `nodes`. Raises OSError, NftError."""
        nodes = list(nodes)
        wanted = plan.routes(nodes, self._node_name)
        await asyncio.to_thread(self._apply, wanted, plan.pod_cidrs(nodes))

    async def _try(self, nodes: Iterable[Obj]) -> bool:
        try:
            await self.sync(nodes)
        except (OSError, NftError) as error:
            log.warning("routes to other nodes: %s", error)
            return False
        return True

    def _node_changed(self, old: Obj | None, new: Obj | None) -> None:
        """Heartbeats change a Node often, its addresses hardly ever."""
        if old is None or new is None or _facts(old) != _facts(new):
            self._changed.set()

    def _apply(self, wanted: frozenset[plan.NodeRoute], pod_cidrs: frozenset[str]) -> None:
        with netns.entered(self._netns):
            nft = Nft()
            try:
                nft.run(rules.cluster(pod_cidrs))
            finally:
                nft.close()
            with Netlink() as kernel:
                _replace_routes(kernel, {Route(route.destination, gateway=route.gateway) for route in wanted})


def _addresses(node: Obj) -> Obj:
    """What of a Node is kept: its status is large, with images and conditions."""
    metadata = {key: node["metadata"][key] for key in ("name", "uid", "resourceVersion") if key in node["metadata"]}
    status = {"addresses": (node.get("status") or {}).get("addresses") or []}
    return {"metadata": metadata, "spec": node.get("spec") or {}, "status": status}


def _facts(node: Obj) -> tuple[object, ...]:
    return node["spec"].get("podCIDRs"), node["spec"].get("podCIDR"), node["status"]["addresses"]


def _replace_routes(kernel: Netlink, wanted: set[Route]) -> None:
    """The routes of ours that lead through other nodes; a pod's has no gateway, and the default route is the
    machine's."""
    present = {
        Route(route.destination, gateway=route.gateway)
        for route in kernel.routes(netlink.PROTOCOL)
        if route.gateway and route.destination != "0.0.0.0/0"
    }
    kernel.apply(
        *(netlink.delete_route(route) for route in present - wanted),
        *(netlink.add_route(route) for route in wanted - present),
    )
