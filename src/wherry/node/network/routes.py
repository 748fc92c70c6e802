"""Routes to other nodes' pods, as Node objects say."""

import asyncio
import logging
from collections.abc import Iterable

from wherry.api import Obj
from wherry.client.interface import Client
from wherry.linux import netlink, netns
from wherry.linux.netlink import Netlink, Route
from wherry.linux.nft import Nft
from wherry.node.network import plan, rules

log = logging.getLogger(__name__)


class NodeRoutes:
    """Watches Nodes for ever. `netns` as in NetworkConfig."""

    def __init__(self, client: Client, node_name: str, *, netns: str | None = None) -> None:
        self._client, self._node_name, self._netns = client, node_name, netns

    async def run(self) -> None:
        raise NotImplementedError

    async def sync(self, nodes: Iterable[Obj]) -> None:
        """Make the node's routes and the set of pod networks be those of `nodes`. Raises OSError, NftError."""
        nodes = list(nodes)
        wanted = plan.routes(nodes, self._node_name)
        await asyncio.to_thread(self._apply, wanted, plan.pod_cidrs(nodes))

    def _apply(self, wanted: frozenset[plan.NodeRoute], pod_cidrs: frozenset[str]) -> None:
        with netns.entered(self._netns):
            with Netlink() as kernel:
                _replace_routes(kernel, {Route(route.destination, gateway=route.gateway) for route in wanted})
            nft = Nft()
            try:
                nft.run(rules.cluster(pod_cidrs))
            finally:
                nft.close()


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
