"""What a pod asks of a node, as far as plug-ins know it.

Pods of one shape (the pods of a Deployment) have equal demands, and equal demands are one object: `Demands` interns
them. So a demand's identity is the pod's equivalence class, and what is computed for a class is kept under it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from wherry.api import Obj
from wherry.lib import quantity

CPU, MEMORY, STORAGE, PODS = "cpu", "memory", "ephemeral-storage", "pods"
# What a container that asks for nothing is counted with when nodes are compared (not when it is checked whether the
# pod fits): 0.1 cores and 200 MiB. Source: pkg/scheduler/util/pod_resources.go.
DEFAULTS = {CPU: 100, MEMORY: 200 * 1024 * 1024}
REMEMBERED = 4096

Resources = dict[str, int]  # milli cores for cpu, units (bytes) for the rest


@dataclass(frozen=True, slots=True)
class HostPort:
    """`address` is "0.0.0.0" for every address of the node."""

    protocol: str
    port: int
    address: str


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Compared by identity. `requests` must be free on the node; `usual` is cpu and memory with the defaults for
    containers that ask for nothing. `required` is None, or node selector terms of which one must match."""

    requests: Resources
    usual: Resources
    node_name: str = ""
    node_selector: tuple[tuple[str, str], ...] = ()
    required: tuple[Obj, ...] | None = None
    preferred: tuple[Obj, ...] = ()
    tolerations: tuple[Obj, ...] = ()
    ports: tuple[HostPort, ...] = ()
    images: tuple[str, ...] = ()
    containers: int = 1


class Demands:
    """Finds the demand of a pod's spec without parsing the same shape twice."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Demand] = OrderedDict()

    def of(self, spec: Obj, node_name: str = "") -> Demand:
        """`node_name`: the name that the pod asks for by itself, not the one it is bound to."""
        key = orjson.dumps((node_name, *_shape(spec)))
        demand = self._known.get(key)
        if demand is None:
            demand = self._known[key] = parse(spec, node_name)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return demand


def _shape(spec: Obj) -> Iterable[Any]:
    affinity = spec.get("affinity") or {}
    yield from (
        spec.get("nodeSelector"),
        affinity.get("nodeAffinity"),
        spec.get("tolerations"),
        spec.get("overhead"),
        spec.get("resources"),
    )
    for part in ("containers", "initContainers"):
        yield [
            (each.get("resources"), each.get("ports"), each.get("image"), each.get("restartPolicy"))
            for each in spec.get(part) or ()
        ]


def parse(spec: Obj, node_name: str = "") -> Demand:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    return Demand(
        requests=pod_requests(spec),
        usual=pod_requests(spec, DEFAULTS),
        node_name=node_name,
        node_selector=tuple((spec.get("nodeSelector") or {}).items()),
        required=None if required is None else tuple(required.get("nodeSelectorTerms") or ()),
        preferred=tuple(affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()),
        tolerations=tuple(spec.get("tolerations") or ()),
        ports=tuple(_host_ports(spec)),
        images=tuple(image_name(each.get("image", "")) for each in containers),
        containers=len(containers),
    )


def pod_requests(spec: Obj, defaults: Mapping[str, int] | None = None) -> Resources:
    """Containers and sidecars run together; each init container runs beside the sidecars before it; the larger
    counts, and the overhead comes on top. `defaults`: what a container that does not name a resource counts with.

    Source: component-helpers/resource/helpers.go (PodRequests).
    """
    total: Resources = {}
    for container in spec["containers"]:
        _add(total, _container(container, defaults))
    sidecars: Resources = {}
    peak: Resources = {}
    for container in spec.get("initContainers") or ():
        own = _container(container, defaults)
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(sidecars, own)
            now = sidecars
        else:
            now = dict(sidecars)
            _add(now, own)
        _raise_to(peak, now)
    _raise_to(total, peak)
    for name, amount in _amounts((spec.get("resources") or {}).get("requests")).items():
        if name in (CPU, MEMORY) or name.startswith("hugepages-"):
            total[name] = amount
    _add(total, _amounts(spec.get("overhead")))
    return {name: amount for name, amount in total.items() if amount > 0 and is_counted(name)}


def is_counted(name: str) -> bool:
    """Whether the scheduler counts a resource: the native ones, huge pages, and those with a domain."""
    return name in (CPU, MEMORY, STORAGE) or "/" in name or name.startswith(("hugepages-", "attachable-volumes-"))


def amount_of(name: str, text: Any) -> int:
    """A quantity in the scheduler's units."""
    return quantity.milli(text) if name == CPU else quantity.value(text)


def _container(container: Obj, defaults: Mapping[str, int] | None) -> Resources:
    found = _amounts((container.get("resources") or {}).get("requests"))
    return {**defaults, **found} if defaults else found


def _amounts(quantities: Mapping[str, Any] | None) -> Resources:
    return {name: amount_of(name, text) for name, text in (quantities or {}).items()}


def _add(total: Resources, more: Resources) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: Resources, floor: Resources) -> None:
    for name, amount in floor.items():
        total[name] = max(total.get(name, 0), amount)


def _host_ports(spec: Obj) -> Iterable[HostPort]:
    sidecars = [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    for container in [*sidecars, *spec["containers"]]:
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                address = port.get("hostIP") or "0.0.0.0"
                yield HostPort(port.get("protocol") or "TCP", port["hostPort"], address)


def image_name(name: str) -> str:
    """With the tag that is meant when there is none, as nodes report their images."""
    return name if name.rfind(":") > name.rfind("/") else f"{name}:latest"
