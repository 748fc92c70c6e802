"""The Node object: labels, capacity, conditions, and when its status is worth publishing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wherry.api import Obj
from wherry.lib.timestamps import rfc3339

VERSION = "v1.36.2"
MAX_PODS = 110
MAX_IMAGES = 50
# What is left free on purpose, as upstream's default eviction thresholds: memory in bytes, parts of a filesystem.
MEMORY_RESERVE = 100 * 2**20
DISK_RESERVE = 0.1
INODE_RESERVE = 0.05


@dataclass(frozen=True, slots=True)
class Machine:
    """What does not change while the node runs. Sizes in bytes; `hugepages`: bytes by page size (`2Mi`)."""

    hostname: str
    machine_id: str
    boot_id: str
    kernel: str
    os_image: str
    architecture: str
    runtime: str
    cpus: int
    memory: int
    disk: int
    hugepages: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """What changes. `pids`: processes that exist, of `max_pids`."""

    memory_available: int
    disk_available: int
    inodes_available: float  # part of all inodes
    pids: int
    max_pids: int
    problem: str = ""  # why no container can be run


@dataclass(frozen=True, slots=True)
class StoredImage:
    names: tuple[str, ...]
    size: int


def capacity(machine: Machine) -> dict[str, str]:
    base = {
        "cpu": str(machine.cpus),
        "memory": f"{machine.memory // 1024}Ki",
        "ephemeral-storage": f"{machine.disk // 1024}Ki",
        "pods": str(MAX_PODS),
    }
    pages = {f"hugepages-{size}": f"{amount // 2**20}Mi" if amount else "0" for size, amount in machine.hugepages}
    return base | pages


def allocatable(machine: Machine) -> dict[str, str]:
    """Capacity without the reserve, as pods may request it."""
    return capacity(machine) | {
        "memory": f"{max(machine.memory - MEMORY_RESERVE, 0) // 1024}Ki",
        "ephemeral-storage": str(int(machine.disk * (1 - DISK_RESERVE))),
    }


def labels(name: str, machine: Machine) -> dict[str, str]:
    return {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": machine.architecture,
    }


def node(name: str, pod_cidr: str, machine: Machine) -> Obj:
    """A Node as it registers, without status."""
    spec: Obj = {"podCIDR": pod_cidr, "podCIDRs": [pod_cidr]} if pod_cidr else {}
    metadata = {
        "name": name,
        "labels": labels(name, machine),
        "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec}


def status(name: str, address: str, port: int, machine: Machine, load: Load, images: Sequence[StoredImage]) -> Obj:
    """A NodeStatus without conditions."""
    largest = sorted(images, key=lambda each: -each.size)[:MAX_IMAGES]
    return {
        "capacity": capacity(machine),
        "allocatable": allocatable(machine),
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "nodeInfo": {
            "machineID": machine.machine_id,
            "systemUUID": machine.machine_id,
            "bootID": machine.boot_id,
            "kernelVersion": machine.kernel,
            "osImage": machine.os_image,
            "containerRuntimeVersion": machine.runtime,
            "kubeletVersion": VERSION,
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": machine.architecture,
        },
        "images": [{"names": list(each.names), "sizeBytes": each.size} for each in largest if each.names],
    }


def conditions(machine: Machine, load: Load, before: Sequence[Obj], now: float) -> list[Obj]:
    """MemoryPressure, DiskPressure, PIDPressure and Ready; transition times move with the status."""
    memory = load.memory_available < MEMORY_RESERVE
    disk = load.disk_available < machine.disk * DISK_RESERVE or load.inodes_available < INODE_RESERVE
    pids = load.pids > load.max_pids * 0.95
    found = [
        _pressure("MemoryPressure", memory, "InsufficientMemory", "SufficientMemory", "memory available"),
        _pressure("DiskPressure", disk, "DiskPressure", "NoDiskPressure", "disk pressure"),
        _pressure("PIDPressure", pids, "InsufficientPID", "SufficientPID", "PID available"),
        _ready(load.problem),
    ]
    known = {each["type"]: each for each in before}
    for each in found:
        old = known.get(each["type"], {})
        same = old.get("status") == each["status"]
        stamp = rfc3339(now)
        each |= {"lastHeartbeatTime": stamp, "lastTransitionTime": old.get("lastTransitionTime") if same else stamp}
    return found


def _pressure(type: str, pressed: bool, bad: str, good: str, what: str) -> Obj:
    """Upstream's words."""
    if type == "DiskPressure":
        message = "kubelet has disk pressure" if pressed else "kubelet has no disk pressure"
    else:
        message = f"kubelet has {'in' if pressed else ''}sufficient {what}"
    return {
        "type": type,
        "status": str(pressed),
        "reason": f"KubeletHas{bad if pressed else good}",
        "message": message,
    }


def _ready(problem: str) -> Obj:
    if problem:
        return {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": problem}
    message = "kubelet is posting ready status"
    return {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": message}


def worth_publishing(old: Obj, new: Obj) -> bool:
    """Whether more than heartbeats differ."""
    return _still(old) != _still(new)


def _still(status: Obj) -> dict[str, Any]:
    quiet = [
        {key: value for key, value in each.items() if key != "lastHeartbeatTime"} for each in status["conditions"]
    ]
    return {**status, "conditions": quiet}


def lease(name: str, owner: Obj, now: str) -> Obj:
    """The Lease that says that the node lives. `now` with microseconds."""
    reference = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": owner["metadata"]["uid"]}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease", "ownerReferences": [reference]},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now},
    }
