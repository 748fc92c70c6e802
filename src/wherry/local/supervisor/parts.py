"""The processes of a cluster, in the order in which they start."""

from dataclasses import dataclass

from wherry.local.config import ClusterConfig, NodeConfig
from wherry.local.layout import Layout
from wherry.local.supervisor.spawn import WHERRY

APISERVER = "apiserver"


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    command: tuple[str, ...]


def parts(config: ClusterConfig, layout: Layout) -> tuple[Part, ...]:
    """The API server, the controllers and one node agent a node."""
    return (
        _apiserver(config, layout),
        _part("controllers", "controllers", "--kubeconfig", str(layout.component_kubeconfig("controller-manager"))),
        *(_node(config, layout, node) for node in config.nodes),
    )


def _apiserver(config: ClusterConfig, layout: Layout) -> Part:
    flags = {
        "--data-dir": str(layout.apiserver),
        "--port": str(config.port),
        "--advertise-address": config.gateway,
        "--service-cidr": config.service_cidr,
    }
    addresses = ("--bind-address", "127.0.0.1", "--bind-address", config.gateway)
    return _part(APISERVER, "apiserver", *_flat(flags), *addresses)


def _node(config: ClusterConfig, layout: Layout, node: NodeConfig) -> Part:
    directory = layout.node(node.name)
    flags = {
        "--name": node.name,
        "--kubeconfig": str(directory / "kubeconfig"),
        "--state-dir": str(directory),
        "--images": str(layout.images),
        "--address": node.address,
        "--pod-cidr": node.pod_cidr,
        "--netns": node.netns_path,
        "--profile": config.profile,
        "--cluster-dns": config.cluster_dns,
        "--cluster-domain": config.cluster_domain,
    }
    return _part(f"node-{node.name}", "node", *_flat(flags))


def _part(name: str, *arguments: str) -> Part:
    return Part(name, (*WHERRY, *arguments))


def _flat(flags: dict[str, str]) -> tuple[str, ...]:
    return tuple(word for pair in flags.items() for word in pair)
