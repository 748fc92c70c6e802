"""What a pod's containers ask for together."""

from collections.abc import Iterable
from decimal import Decimal

from wherry.api import Obj
from wherry.lib import quantity

Amounts = dict[str, Decimal]
_NONE = Decimal(0)


def aggregate(spec: Obj, way: str) -> Amounts:
    """The `requests` or `limits` of a pod's containers: of all containers and sidecars, or of the largest init
    container if that is more."""
    total = _sum(spec.get("containers") or (), way)
    sidecars: Amounts = {}
    most: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = _sum((container,), way)
        if container.get("restartPolicy") == "Always":
            for resource, value in own.items():
                total[resource] = total.get(resource, _NONE) + value
                sidecars[resource] = sidecars.get(resource, _NONE) + value
            own = sidecars
        else:
            own = {key: own.get(key, _NONE) + sidecars.get(key, _NONE) for key in {*own, *sidecars}}
        most = {key: max(own.get(key, _NONE), most.get(key, _NONE)) for key in {*own, *most}}
    return {key: max(total.get(key, _NONE), most.get(key, _NONE)) for key in {*total, *most}}


def _sum(containers: Iterable[Obj], way: str) -> Amounts:
    total: Amounts = {}
    for container in containers:
        for resource, value in ((container.get("resources") or {}).get(way) or {}).items():
            total[resource] = total.get(resource, _NONE) + quantity.parse(value)
    return total


COMPUTE = ("cpu", "memory")


def qos(spec: Obj) -> str:
    """The quality-of-service class: Guaranteed, Burstable or BestEffort."""
    if spec.get("resources"):
        found: list[Obj] = [spec["resources"]]
    else:
        containers = (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
        found = [each.get("resources") or {} for each in containers]
    requests, limits = (_compute(found, way) for way in ("requests", "limits"))
    if not requests and not limits:
        return "BestEffort"
    limited = all(len(_compute((each,), "limits")) == len(COMPUTE) for each in found)
    return "Guaranteed" if limited and requests == limits else "Burstable"


def _compute(found: Iterable[Obj], way: str) -> Amounts:
    total = _sum(({"resources": each} for each in found), way)
    return {name: total[name] for name in COMPUTE if total.get(name, _NONE) > 0}


def shown(total: Decimal, like: str) -> str:
    """An amount in the same family of units as another."""
    return quantity.canonical(f"{total / 1024:f}Ki") if like.endswith("i") else quantity.canonical(total)


def like(spec: Obj, way: str, resource: str) -> str:
    """One container's amount of a resource: a total is shown in its family of units."""
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        found = ((container.get("resources") or {}).get(way) or {}).get(resource)
        if found is not None:
            return str(found)
    return ""
