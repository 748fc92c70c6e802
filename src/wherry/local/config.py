"""The ClusterConfig that `start` writes and everything else reads: a few choices, and all that follows from them.

Each profile has an index; networks and the API server's usual port follow from it, so that profiles never overlap:

    index i     machine network    pods              services
    0           192.168.49.0/24    10.244.0.0/16     10.96.0.0/12
    1           192.168.50.0/24    10.245.0.0/16     10.112.0.0/12
    ...         as many as `MAX_PROFILES`

On the machine network the host is .1 and node n is .(1+n). The first node is named as the profile, the others
<profile>-m02, <profile>-m03, ... (as Minikube names them).
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wherry.lib.names import is_dns_label
from wherry.local.errors import ChoiceError, ConfigError
from wherry.pki.files import write_atomically

MAX_PROFILES = 9  # the tenth's services would reach into the first's pods
MAX_NODES = 200
USUAL_PORT = 8443
CLUSTER_DOMAIN = "cluster.local"


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """One node on this machine. `number` counts from 1."""

    name: str
    number: int
    address: str
    pod_cidr: str
    netns: str  # the name of its network namespace, as in /run/netns

    @property
    def netns_path(self) -> str:
        return f"/run/netns/{self.netns}"


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """One cluster on this machine. `port` is the API server's, on 127.0.0.1 and `gateway`."""

    profile: str
    index: int = 0
    node_count: int = 1
    port: int = USUAL_PORT

    @property
    def bridge(self) -> str:
        return f"wherry{self.index}"

    @property
    def machine_network(self) -> str:
        return f"192.168.{49 + self.index}.0/24"

    @property
    def gateway(self) -> str:
        """The host's address on the machine network."""
        return f"192.168.{49 + self.index}.1"

    @property
    def pod_network(self) -> str:
        return f"10.{244 + self.index}.0.0/16"

    @property
    def service_cidr(self) -> str:
        return f"10.{96 + 16 * self.index}.0.0/12"

    @property
    def kubernetes_address(self) -> str:
        """The ClusterIP of the service `kubernetes`."""
        return f"10.{96 + 16 * self.index}.0.1"

    @property
    def cluster_dns(self) -> str:
        return f"10.{96 + 16 * self.index}.0.10"

    @property
    def cluster_domain(self) -> str:
        return CLUSTER_DOMAIN

    @property
    def nodes(self) -> tuple[NodeConfig, ...]:
        return tuple(self._node(number) for number in range(1, self.node_count + 1))

    def node(self, name: str = "") -> NodeConfig:
        """A node by name; "" is the first. Raises ChoiceError."""
        found = next((node for node in self.nodes if node.name == (name or self.profile)), None)
        if found is None:
            known = ", ".join(node.name for node in self.nodes)
            raise ChoiceError(f"profile {self.profile!r} has no node {name!r}; its nodes: {known}")
        return found

    def _node(self, number: int) -> NodeConfig:
        name = self.profile if number == 1 else f"{self.profile}-m{number:02}"
        return NodeConfig(
            name=name,
            number=number,
            address=f"192.168.{49 + self.index}.{1 + number}",
            pod_cidr=f"10.{244 + self.index}.{number - 1}.0/24",
            netns=f"wherry-{self.profile}-{name}",
        )


def check_profile(profile: str) -> str:
    """The name if it can be a profile's. Raises ChoiceError."""
    if not is_dns_label(profile) or len(profile) > 40:
        raise ChoiceError(
            f"{profile!r} cannot be a profile's name: at most 40 lower case letters, digits and '-', "
            "beginning and ending with a letter or a digit"
        )
    return profile


def with_nodes(config: ClusterConfig, count: int) -> ClusterConfig:
    """The same cluster with `count` nodes. Raises ChoiceError: nodes are only added here."""
    if not 1 <= count <= MAX_NODES:
        raise ChoiceError(f"a cluster here has 1 to {MAX_NODES} nodes, not {count}")
    if count < config.node_count:
        raise ChoiceError(
            f"profile {config.profile!r} has {config.node_count} nodes and `start` takes none away; "
            f"drop --nodes to keep them, or `wherry delete --profile {config.profile}` and start again"
        )
    return replace(config, node_count=count)


def load(path: Path) -> ClusterConfig | None:
    """The config at `path`, None if there is none. Raises ConfigError if it cannot be understood."""
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
        return ClusterConfig(**data)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} is damaged ({error}); `wherry delete` removes the profile") from error


def save(path: Path, config: ClusterConfig) -> None:
    write_atomically(path, json.dumps(asdict(config), indent=2).encode() + b"\n")
