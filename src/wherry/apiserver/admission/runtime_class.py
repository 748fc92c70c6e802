"""RuntimeClass: a pod takes over the overhead and the scheduling rules of its class."""

from wherry.api import Obj, kinds
from wherry.apiserver.admission.attributes import Attributes, Lister

KINDS = (kinds.POD,)

MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"


def _class(lister: Lister, attributes: Attributes, spec: Obj) -> Obj | None:
    name = spec.get("runtimeClassName")
    if not name:
        return None
    found = lister.get(kinds.RUNTIME_CLASS, name)
    if found is None:
        raise attributes.forbidden(f'pod rejected: RuntimeClass "{name}" not found')
    return found


def mutate(lister: Lister, attributes: Attributes) -> None:
    if not attributes.concerns(kinds.POD, "CREATE") or attributes.new is None:
        return
    spec = attributes.new["spec"]
    found = _class(lister, attributes, spec)
    if found is None:
        return
    overhead = (found.get("overhead") or {}).get("podFixed")
    if found.get("overhead"):
        if spec.get("overhead") and spec["overhead"] != overhead:
            raise attributes.forbidden(MISMATCH)
        if overhead:
            spec["overhead"] = dict(overhead)
    if found.get("scheduling"):
        _schedule(attributes, spec, found["scheduling"])


def _schedule(attributes: Attributes, spec: Obj, scheduling: Obj) -> None:
    selector = dict(spec.get("nodeSelector") or {})
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if selector.get(key, value) != value:
            raise attributes.forbidden(
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {selector[key]}"
            )
        selector[key] = value
    if selector:
        spec["nodeSelector"] = selector
    tolerations = spec.get("tolerations") or []
    added = [each for each in scheduling.get("tolerations") or () if each not in tolerations]
    if added:
        spec["tolerations"] = tolerations + [dict(each) for each in added]


def validate(lister: Lister, attributes: Attributes) -> None:
    if not attributes.concerns(kinds.POD, "CREATE") or attributes.new is None:
        return
    spec = attributes.new["spec"]
    found = _class(lister, attributes, spec)
    overhead = (found or {}).get("overhead")
    if overhead:
        if (overhead.get("podFixed") or {}) != (spec.get("overhead") or {}):
            raise attributes.forbidden(MISMATCH)
    elif spec.get("overhead"):
        raise attributes.forbidden(
            "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
        )
