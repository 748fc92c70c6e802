"""PodNetwork: gives pods their addresses and links, and takes them back."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from wherry.node.network.plan import HostPort, PodAddress


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """`state_dir` is the node's; files go to `<state_dir>/network`. `netns_prefix` names the pods' namespaces
    (`<prefix>.<uid>`): the name of the node's own namespace. `netns`: path of the node's network namespace, when the
    calling process is not in it. `cluster_cidr`: all nodes' pods; traffic to elsewhere leaves as the node's."""

    state_dir: Path
    pod_cidr: str
    node_ip: str
    netns_prefix: str
    netns: str | None = None
    cluster_cidr: str = "10.244.0.0/16"
    mtu: int = 1500


class PodNetwork:
    """The network of one node's pods. Methods may be called from many tasks; all raise NetworkError."""

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config

    async def recover(self, live_uids: Collection[str]) -> None:
        """After a start: rebuild the node's tables, take back what pods had that are not in `live_uids`."""
        raise NotImplementedError

    async def setup(self, pod_uid: str, namespace: str, name: str, host_ports: Iterable[HostPort] = ()) -> PodAddress:
        """Give a pod its namespace, address and host ports; again for the same uid: what it has. Raises
        NoAddressLeft, PortTaken, NetworkError."""
        raise NotImplementedError

    async def teardown(self, pod_uid: str) -> None:
        """Take everything back; no error when there is nothing."""
        raise NotImplementedError

    def address(self, pod_uid: str) -> PodAddress | None:
        """What a pod was given."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of the sockets; links and namespaces stay."""
        raise NotImplementedError
