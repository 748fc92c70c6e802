"""Quality of service: how a pod's requests and limits put it into one of three classes."""

from decimal import Decimal

from wherry.api import Obj
from wherry.lib import quantity

GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"
_COUNTED = ("cpu", "memory")


def _positive(resources: Obj) -> dict[str, Decimal]:
    amounts = {name: quantity.parse(resources[name]) for name in _COUNTED if name in resources}
    return {name: amount for name, amount in amounts.items() if amount > 0}


def _total(parts: list[dict[str, Decimal]]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, Decimal(0)) + amount
    return total


def qos_class(pod: Obj) -> str:
    spec = pod["spec"]
    if spec.get("resources"):
        holders = [spec["resources"]]
    else:
        every = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
        holders = [each.get("resources") or {} for each in every]
    limits = [_positive(each.get("limits") or {}) for each in holders]
    requests = _total([_positive(each.get("requests") or {}) for each in holders])
    total = _total(limits)
    if not requests and not total:
        return BEST_EFFORT
    limited = all(len(each) == len(_COUNTED) for each in limits)
    return GUARANTEED if limited and requests == total else BURSTABLE
