"""What of a cluster runs: its processes by their records, its nodes by the API."""

import asyncio
from dataclasses import dataclass

from wherry.api import Obj, kinds, meta
from wherry.client.interface import ApiError
from wherry.client.kubeconfig import KubeconfigError
from wherry.client.rest import from_kubeconfig
from wherry.local.config import ClusterConfig
from wherry.local.layout import Layout
from wherry.local.readiness import is_ready
from wherry.local.supervisor import guardian, records
from wherry.local.supervisor.parts import parts

ANSWER = 3.0  # seconds that the API server may take


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One process or node. `detail` is where it is, or why it is not well."""

    name: str
    state: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    profile: str
    parts: tuple[PartStatus, ...]

    @property
    def state(self) -> str:
        """running, stopped, or degraded."""
        if all(part.ok for part in self.parts):
            return "running"
        return "degraded" if any(part.ok for part in self.parts) else "stopped"


async def examine(config: ClusterConfig, layout: Layout) -> ClusterStatus:
    """Never fails: what cannot be reached is said to be so."""
    names = [guardian.NAME, *(part.name for part in parts(config, layout))]
    processes = [_process(layout, name) for name in names]
    nodes = await _nodes(layout) if any(part.ok for part in processes) else {}
    return ClusterStatus(config.profile, (*processes, *_node_statuses(config, nodes)))


def _process(layout: Layout, name: str) -> PartStatus:
    pid = records.pid_of(layout.run, name)
    return PartStatus(name, "running", True, f"process {pid}") if pid else PartStatus(name, "stopped", False)


async def _nodes(layout: Layout) -> dict[str, Obj] | str:
    """Node objects by name, or why there are none."""
    try:
        client = from_kubeconfig(layout.admin_kubeconfig)
    except KubeconfigError as error:
        return str(error)
    try:
        async with asyncio.timeout(ANSWER):
            return {meta.name(node): node for node in (await client.list(kinds.NODE)).items}
    except TimeoutError:
        return f"the API server did not answer in {ANSWER:.0f} s"
    except ApiError as error:
        return str(error)
    finally:
        await client.close()


def _node_statuses(config: ClusterConfig, nodes: dict[str, Obj] | str) -> list[PartStatus]:
    found = []
    for node in config.nodes:
        label = f"node {node.name}"
        if isinstance(nodes, str):
            found.append(PartStatus(label, "unknown", False, nodes))
        elif node.name not in nodes:
            found.append(PartStatus(label, "not registered" if nodes else "stopped", False))
        else:
            ready = is_ready(nodes[node.name])
            found.append(PartStatus(label, "Ready" if ready else "NotReady", ready, node.address))
    return found
