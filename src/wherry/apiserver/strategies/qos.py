"""The quality-of-service class of a pod, by its containers' requests and limits (pkg/apis/core/v1/helper/qos)."""

from decimal import Decimal

from wherry.api import Obj
from wherry.lib import quantity

COMPUTE = ("cpu", "memory")


def of_pod(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort."""
    if spec.get("resources"):
        return _class([spec["resources"]])
    return _class(
        [
            each.get("resources") or {}
            for each in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
        ]
    )


def _class(resources: list[Obj]) -> str:
    requests: dict[str, Decimal] = {}
    limits: dict[str, Decimal] = {}
    limited = True
    for each in resources:
        _add(requests, each.get("requests"))
        found = _add(limits, each.get("limits"))
        limited = limited and found == len(COMPUTE)
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if limited and requests == limits else "Burstable"


def _add(total: dict[str, Decimal], listed: Obj | None) -> int:
    """Add compute resources to a total; how many there were."""
    found = 0
    for name in COMPUTE:
        text = (listed or {}).get(name)
        if text is None:
            continue
        amount = quantity.parse(text)
        if amount > 0:
            total[name] = total.get(name, Decimal(0)) + amount
            found += 1
    return found
