"""ResourceQuota: what a request adds to the quotas of its namespace, and whether there is room.

Pure: `charges` says what becomes of each quota. `registry.writing` commits that together with the object, so that no
room is lost or given twice. Source: apiserver's plugin/resourcequota.
"""

from decimal import Decimal

from wherry.api import Obj, kinds, podresources, quota, schema
from wherry.api.patch import managed
from wherry.api.patch.managed import Writer
from wherry.api.podresources import Amounts
from wherry.apiserver.admission.attributes import Attributes, Lister
from wherry.lib import quantity

MANAGER = "kube-apiserver"

# Kinds of which updates can count more, too.
_UPDATED = (kinds.SERVICE, kinds.PERSISTENT_VOLUME_CLAIM)
# Limits on these oblige every container to say how much it needs.
_COMPUTE = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


def concerned(lister: Lister, attributes: Attributes) -> bool:
    """Whether the request can count against anything."""
    if not attributes.namespace or attributes.new is None or not attributes.kind.namespaced:
        return False
    if attributes.operation == "UPDATE" and not _update_counts(attributes):
        return False
    if attributes.subresource and attributes.subresource != "resize":
        return False
    return bool(lister.list(kinds.RESOURCE_QUOTA, attributes.namespace))


def _update_counts(attributes: Attributes) -> bool:
    if attributes.kind is kinds.POD:
        return attributes.subresource == "resize"
    return attributes.kind in _UPDATED and not attributes.subresource


def charges(lister: Lister, attributes: Attributes, now: float) -> list[Obj]:
    """The quotas with their new usage. Raises StatusError."""
    kind, new, old = attributes.kind, attributes.new, attributes.old
    assert new is not None
    changed: list[Obj] = []
    added = quota.usage(kind, new, now)
    more = _minus(added, quota.usage(kind, old, now)) if old is not None else added
    for each in sorted(lister.list(kinds.RESOURCE_QUOTA, attributes.namespace), key=_name):
        hard = (each.get("status") or {}).get("hard") or {}
        if not quota.needed(hard, kind) or not quota.counts(each, kind, new):
            continue
        if kind is kinds.POD:
            _require_amounts(attributes, each, hard, new["spec"])
        counted = old is not None and quota.counts(each, kind, old)
        usage = {name: amount for name, amount in (more if counted else added).items() if name in hard and amount}
        if usage:
            changed.append(_charged(attributes, each, usage))
    return [_managed(lister, each, now) for each in changed]


def _managed(lister: Lister, changed: Obj, now: float) -> Obj:
    """The quota, with the server as manager of what it counted."""
    kind, metadata = kinds.RESOURCE_QUOTA, changed["metadata"]
    old = lister.get(kind, metadata["name"], metadata["namespace"])
    reset = managed.reset_fields(kind, "status")
    writer = Writer(MANAGER, kind.api_version, kind.kind, "status", now=now, reset=reset)
    return managed.update(old, changed, schema.definition(kind.api_version, kind.kind), writer)


def _name(obj: Obj) -> str:
    return str(obj["metadata"]["name"])


def _minus(new: Amounts, old: Amounts) -> Amounts:
    return {name: max(amount - old.get(name, Decimal(0)), Decimal(0)) for name, amount in new.items()}


def _require_amounts(attributes: Attributes, each: Obj, hard: Obj, spec: Obj) -> None:
    if spec.get("resources"):
        return
    missing: dict[str, set[str]] = {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        resources = container.get("resources") or {}
        for name in _COMPUTE:
            way, _, resource = name.rpartition(".")
            if name in hard and resource not in (resources.get(way or "requests") or {}):
                missing.setdefault(name, set()).add(container["name"])
    if missing:
        listed = "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))
        raise attributes.forbidden(f"failed quota: {_name(each)}: must specify {listed}")


def _charged(attributes: Attributes, each: Obj, usage: Amounts) -> Obj:
    status = each["status"]
    hard, used = status["hard"], status.get("used") or {}
    if unknown := sorted(name for name in usage if name not in used):
        raise attributes.forbidden(f"status unknown for quota: {_name(each)}, resources: {','.join(unknown)}")
    after = {name: quantity.parse(used[name]) + amount for name, amount in usage.items()}
    exceeded = sorted(name for name in usage if after[name] > quantity.parse(hard[name]))
    if exceeded:
        requested = {name: podresources.shown(usage[name], _written(attributes, name)) for name in exceeded}
        told = (("requested", requested), ("used", used), ("limited", hard))
        listed = ", ".join(f"{what}: {_pairs(amounts, exceeded)}" for what, amounts in told)
        raise attributes.forbidden(f"exceeded quota: {_name(each)}, {listed}")
    shown = {name: podresources.shown(after[name], str(hard[name])) for name in usage}
    return each | {"status": status | {"used": {**used, **shown}}}


def _written(attributes: Attributes, name: str) -> str:
    """An amount of the same resource as the object writes it: its family of units is kept."""
    way, _, resource = name.rpartition(".")
    spec = (attributes.new or {}).get("spec") or {}
    return podresources.like(spec, way or "requests", resource) if attributes.kind is kinds.POD else ""


def _pairs(amounts: Obj, names: list[str]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in names)
