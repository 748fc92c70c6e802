"""What an object counts against a ResourceQuota, and which quotas count it.

For the quota controller (the sum of a namespace) and for admission (what one request adds).
Source: upstream's pkg/quota/v1 and its evaluators.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from wherry.api import Obj, meta, podresources
from wherry.api.kinds import PERSISTENT_VOLUME_CLAIM, POD, SERVICE, Kind
from wherry.api.podresources import Amounts
from wherry.lib import quantity
from wherry.lib.timestamps import parse

_ONE = Decimal(1)
_NONE = Decimal(0)
# Kinds that are counted under a name of their own beside count/<resource>.
_NAMED = ("configmaps", "resourcequotas", "replicationcontrollers", "secrets")
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_BY_CLASS = ".storageclass.storage.k8s.io/"
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"


def usage(kind: Kind, obj: Obj, now: float) -> Amounts:
    """By the names that a quota's `hard` may limit. `now`: seconds since the epoch."""
    counted: Amounts = {f"count/{kind.resource}": _ONE}
    if kind == POD:
        return counted | (_pod(obj) if _still_counts(obj, now) else {})
    if kind == SERVICE:
        return counted | _service(obj)
    if kind == PERSISTENT_VOLUME_CLAIM:
        return counted | _claim(obj)
    return counted | ({kind.resource: _ONE} if kind.resource in _NAMED else {})


def counts(quota: Obj, kind: Kind, obj: Obj) -> bool:
    """Whether the quota's scopes include the object. Only pods have scopes: a quota with any counts nothing else."""
    scopes = _scopes(quota)
    return all(kind == POD and _in_scope(obj, scope) for scope in scopes)


def total(quota: Obj, objects: Iterable[tuple[Kind, Obj]], now: float) -> dict[str, str]:
    """The used amount of everything that the quota limits."""
    hard: Mapping[str, str] = quota["spec"].get("hard") or {}
    used = dict.fromkeys(hard, _NONE)
    for kind, obj in objects:
        if counts(quota, kind, obj):
            for name, amount in usage(kind, obj, now).items():
                if name in used:
                    used[name] += amount
    return {name: podresources.shown(amount, str(hard[name])) for name, amount in used.items()}


def needed(hard: Iterable[str], kind: Kind) -> bool:
    """Whether objects of that kind can count against these limits."""
    names = set(hard)
    if f"count/{kind.resource}" in names or kind.resource in names & set(_NAMED):
        return True
    if kind == POD:
        return any(_is_of_pods(name) for name in names)
    if kind == SERVICE:
        return any(name.split(".")[0] == "services" for name in names)
    if kind == PERSISTENT_VOLUME_CLAIM:
        return any(name in ("persistentvolumeclaims", "requests.storage") or _BY_CLASS in name for name in names)
    return False


def _is_of_pods(name: str) -> bool:
    if name in ("requests.storage",):
        return False
    return name in ("pods", *_COMPUTE) or name.startswith(("requests.", "limits.", "hugepages-"))


def _still_counts(pod: Obj, now: float) -> bool:
    """Not one that ended, nor one that should be gone by now (its node may be gone itself)."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return False
    metadata = pod["metadata"]
    grace = metadata.get("deletionGracePeriodSeconds")
    if not meta.deleting(pod) or grace is None:
        return True
    return now <= parse(metadata["deletionTimestamp"]) + float(grace)


def _pod(pod: Obj) -> Amounts:
    spec = pod["spec"]
    found: Amounts = {"pods": _ONE}
    for way in ("requests", "limits"):
        amounts = podresources.aggregate(spec, way)
        whole = (spec.get("resources") or {}).get(way) or {}
        amounts |= {name: quantity.parse(amount) for name, amount in whole.items()}
        overhead = spec.get("overhead") or {}
        amounts |= {
            name: amounts[name] + quantity.parse(amount) for name, amount in overhead.items() if name in amounts
        }
        for name, amount in amounts.items():
            found |= _named(name, way, amount)
    return found


def _named(name: str, way: str, amount: Decimal) -> Amounts:
    if name in _COMPUTE:
        return {f"{way}.{name}": amount} | ({name: amount} if way == "requests" else {})
    if way == "requests" and (name.startswith("hugepages-") or "/" in name):
        return {f"requests.{name}": amount} | ({name: amount} if name.startswith("hugepages-") else {})
    return {}


def _service(service: Obj) -> Amounts:
    spec = service["spec"]
    ports = spec.get("ports") or ()
    node_ports = 0
    balanced = spec.get("type") == "LoadBalancer"
    if spec.get("type") == "NodePort" or (balanced and spec.get("allocateLoadBalancerNodePorts") is not False):
        node_ports = len(ports)
    elif balanced:
        node_ports = sum(bool(port.get("nodePort")) for port in ports)
    return {
        "services": _ONE,
        "services.loadbalancers": Decimal(int(balanced)),
        "services.nodeports": Decimal(node_ports),
    }


def _claim(claim: Obj) -> Amounts:
    found: Amounts = {"persistentvolumeclaims": _ONE}
    storage = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage")
    if storage is not None:
        allocated = ((claim.get("status") or {}).get("allocatedResources") or {}).get("storage", 0)
        found["requests.storage"] = Decimal(max(quantity.value(storage), quantity.value(allocated)))
    name = meta.annotations(claim).get(_CLASS_ANNOTATION) or claim["spec"].get("storageClassName")
    return found | ({f"{name}{_BY_CLASS}{key}": value for key, value in found.items()} if name else {})


def _scopes(quota: Obj) -> list[Obj]:
    spec = quota["spec"]
    selected = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    return [*({"scopeName": each, "operator": "Exists"} for each in spec.get("scopes") or ()), *selected]


def _in_scope(pod: Obj, scope: Obj) -> bool:
    spec = pod["spec"]
    match scope["scopeName"]:
        case "Terminating":
            return spec.get("activeDeadlineSeconds") is not None
        case "NotTerminating":
            return spec.get("activeDeadlineSeconds") is None
        case "BestEffort":
            return _is_best_effort(spec)
        case "NotBestEffort":
            return not _is_best_effort(spec)
        case "PriorityClass":
            return _has_priority(str(spec.get("priorityClassName") or ""), scope)
        case "CrossNamespacePodAffinity":
            return _crosses_namespaces(spec)
    return False


def _is_best_effort(spec: Obj) -> bool:
    amounts = {**podresources.aggregate(spec, "requests"), **podresources.aggregate(spec, "limits")}
    return not any(amounts.get(name) for name in ("cpu", "memory")) and not spec.get("resources")


def _has_priority(name: str, scope: Obj) -> bool:
    values = scope.get("values") or ()
    match scope.get("operator"):
        case "In":
            return name in values
        case "NotIn":
            return name not in values
        case "DoesNotExist":
            return not name
    return bool(name)


def _crosses_namespaces(spec: Obj) -> bool:
    for affinity in ("podAffinity", "podAntiAffinity"):
        found = (spec.get("affinity") or {}).get(affinity) or {}
        terms = list(found.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        preferred = found.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [each["podAffinityTerm"] for each in preferred]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False
