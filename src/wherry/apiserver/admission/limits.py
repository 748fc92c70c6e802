"""LimitRanger: defaults for containers' resources, and bounds for containers, pods and claims."""

from collections.abc import Iterator
from decimal import Decimal

from wherry.api import Obj, errors, kinds, podresources
from wherry.apiserver.admission.attributes import Attributes, Lister
from wherry.lib import quantity

KINDS = (kinds.POD, kinds.PERSISTENT_VOLUME_CLAIM)

ANNOTATION = "kubernetes.io/limit-ranger"


def _concerned(attributes: Attributes) -> bool:
    if (attributes.old or {}).get("metadata", {}).get("deletionTimestamp"):
        return False
    if attributes.kind is kinds.POD and attributes.subresource == "resize":
        return attributes.operation == "UPDATE"
    return attributes.concerns(kinds.POD, "CREATE") or attributes.concerns(
        kinds.PERSISTENT_VOLUME_CLAIM, "CREATE", "UPDATE"
    )


def _ranges(lister: Lister, attributes: Attributes) -> list[Obj]:
    found = lister.list(kinds.LIMIT_RANGE, attributes.namespace)
    return sorted(found, key=lambda each: str(each["metadata"]["name"]))


def mutate(lister: Lister, attributes: Attributes) -> None:
    if attributes.kind is not kinds.POD or attributes.new is None or not _concerned(attributes):
        return
    for limit_range in _ranges(lister, attributes):
        _apply_defaults(attributes.new, limit_range)


def _apply_defaults(pod: Obj, limit_range: Obj) -> None:
    requests: Obj = {}
    limits: Obj = {}
    for limit in limit_range["spec"].get("limits") or ():
        if limit.get("type") == "Container":
            requests |= limit.get("defaultRequest") or {}
            limits |= limit.get("default") or {}
    notes: list[str] = []
    for field, what in (("containers", "container"), ("initContainers", "init container")):
        for container in pod["spec"].get(field) or ():
            notes += _fill(container, "requests", requests, f"request for {what} {container.get('name')}")
            notes += _fill(container, "limits", limits, f"limit for {what} {container.get('name')}")
    if notes:
        annotations = pod["metadata"].setdefault("annotations", {})
        annotations[ANNOTATION] = "LimitRanger plugin set: " + "; ".join(notes)


def _fill(container: Obj, field: str, values: Obj, what: str) -> list[str]:
    given = container.setdefault("resources", {}).get(field) or {}
    missing = {name: value for name, value in values.items() if name not in given}
    if not missing:
        return []
    container["resources"][field] = {**given, **missing}
    return [f"{', '.join(sorted(missing))} {what}"]


def validate(lister: Lister, attributes: Attributes) -> None:
    if attributes.new is None or not _concerned(attributes):
        return
    for limit_range in _ranges(lister, attributes):
        found = list(_violations(attributes.new, limit_range))
        if found:
            raise attributes.forbidden(errors.aggregate(found))


def _violations(obj: Obj, limit_range: Obj) -> Iterator[str]:
    spec = obj["spec"]
    for limit in limit_range["spec"].get("limits") or ():
        kind = limit.get("type")
        if kind == "PersistentVolumeClaim" and "containers" not in spec:
            requests = (spec.get("resources") or {}).get("requests") or {}
            yield from _claim_violations(kind, limit, requests)
        elif kind == "Container" and "containers" in spec:
            for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
                resources = container.get("resources") or {}
                yield from _bounds(kind, limit, resources.get("requests") or {}, resources.get("limits") or {})
        elif kind == "Pod" and "containers" in spec:
            yield from _bounds(kind, limit, _total(spec, "requests"), _total(spec, "limits"))


def _claim_violations(kind: str, limit: Obj, requests: Obj) -> Iterator[str]:
    for name, bound in (limit.get("min") or {}).items():
        yield from _minimum(kind, name, bound, requests, {})
    for name, bound in (limit.get("max") or {}).items():
        subject = f"maximum {name} usage per {kind} is {bound}"
        if name not in requests:
            yield f"{subject}.  No request is specified"
        elif _above(requests[name], bound):
            yield f"{subject}, but request is {_text(requests[name])}"


def _bounds(kind: str, limit: Obj, requests: Obj, limits: Obj) -> Iterator[str]:
    for name, bound in (limit.get("min") or {}).items():
        yield from _minimum(kind, name, bound, requests, limits)
    for name, bound in (limit.get("max") or {}).items():
        yield from _maximum(kind, name, bound, requests, limits)
    for name, bound in (limit.get("maxLimitRequestRatio") or {}).items():
        yield from _ratio(kind, name, bound, requests, limits)


def _above(left: str, right: str) -> bool:
    return _number(left) > _number(right)


def _number(value: str | int) -> Decimal:
    return quantity.parse(value)


def _text(value: str) -> str:
    return quantity.canonical(value)


def _minimum(kind: str, name: str, bound: str, requests: Obj, limits: Obj) -> Iterator[str]:
    subject = f"minimum {name} usage per {kind} is {bound}"
    if name not in requests:
        yield f"{subject}.  No request is specified"
    elif _above(bound, requests[name]):
        yield f"{subject}, but request is {_text(requests[name])}"
    elif name in limits and _above(bound, limits[name]):
        yield f"{subject}, but limit is {_text(limits[name])}"


def _maximum(kind: str, name: str, bound: str, requests: Obj, limits: Obj) -> Iterator[str]:
    subject = f"maximum {name} usage per {kind} is {bound}"
    if name not in limits:
        yield f"{subject}.  No limit is specified"
    elif _above(limits[name], bound):
        yield f"{subject}, but limit is {_text(limits[name])}"
    elif name in requests and _above(requests[name], bound):
        yield f"{subject}, but request is {_text(requests[name])}"


def _ratio(kind: str, name: str, bound: str, requests: Obj, limits: Obj) -> Iterator[str]:
    subject = f"{name} max limit to request ratio per {kind} is {bound}"
    if not _number(requests.get(name, 0)):
        yield f"{subject}, but no request is specified or request is 0"
    elif not _number(limits.get(name, 0)):
        yield f"{subject}, but no limit is specified or limit is 0"
    else:
        ratio = _number(limits[name]) / _number(requests[name])
        if ratio > _number(bound):
            yield f"{subject}, but provided ratio is {float(ratio):f}"


def _total(spec: Obj, way: str) -> Obj:
    """What a pod as a whole asks for: containers together, or more while it starts."""
    total = podresources.aggregate(spec, way)
    for name, value in ((spec.get("resources") or {}).get(way) or {}).items():
        if name in ("cpu", "memory"):
            total[name] = quantity.parse(value)
    return {name: podresources.shown(amount, podresources.like(spec, way, name)) for name, amount in total.items()}
