"""What the containers of a pod share."""

from wherry.api import Obj, meta
from wherry.engine.specs import SandboxSpec
from wherry.node.config import NodeConfig
from wherry.node.network.plan import HostPort
from wherry.node.plan.podspec import containers, host_network, sidecars
from wherry.node.spec import files, resources

BOOT = "wherry.io/boot"
UID, NAMESPACE, NAME = "io.kubernetes.pod.uid", "io.kubernetes.pod.namespace", "io.kubernetes.pod.name"


def labels(pod: Obj) -> dict[str, str]:
    """How the engine's things are found again by their pod."""
    return {UID: meta.uid(pod), NAMESPACE: meta.namespace(pod), NAME: meta.name(pod)}


def build(pod: Obj, id: str, netns: str | None, config: NodeConfig, machine_hostname: str) -> SandboxSpec:
    """`netns`: of the pod, or the node's for a pod in its network."""
    spec = pod["spec"]
    name = machine_hostname if host_network(pod) else files.hostname(pod, config.cluster_domain)[0]
    context = spec.get("securityContext") or {}
    return SandboxSpec(
        id=id,
        hostname=name,
        netns=netns,
        cgroup_parent=resources.cgroup_parent(config.cgroup_root, pod),
        sysctls={each["name"].replace("/", "."): str(each["value"]) for each in context.get("sysctls") or []},
        host_ipc=bool(spec.get("hostIPC")),
        host_pid=bool(spec.get("hostPID")),
        share_pid=bool(spec.get("shareProcessNamespace")),
        resources=resources.of_pod(pod),
        labels=labels(pod) | {BOOT: config.boot_id},
    )


def host_ports(pod: Obj) -> tuple[HostPort, ...]:
    """Ports of the node that lead to the pod."""
    if host_network(pod):
        return ()
    every = [port for each in [*sidecars(pod), *containers(pod)] for port in each.get("ports") or []]
    return tuple(
        HostPort(port["hostPort"], port["containerPort"], port.get("protocol", "TCP"), port.get("hostIP") or "")
        for port in every
        if port.get("hostPort")
    )
