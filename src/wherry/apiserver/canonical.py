"""What becomes of an object on its way through upstream's internal types, beside defaults.

Some fields exist twice in an API, an old one and its successor; the internal type has one, and what is written back
shows both. Called for every object that a client sends, once its defaults are there.
"""

from collections.abc import Callable, Mapping

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"

# Where a kind has a pod's spec.
POD_SPECS: Mapping[Kind, tuple[str, ...]] = {
    kinds.POD: ("spec",),
    kinds.POD_TEMPLATE: ("template", "spec"),
    kinds.REPLICATION_CONTROLLER: ("spec", "template", "spec"),
    kinds.REPLICA_SET: ("spec", "template", "spec"),
    kinds.DEPLOYMENT: ("spec", "template", "spec"),
    kinds.DAEMON_SET: ("spec", "template", "spec"),
    kinds.STATEFUL_SET: ("spec", "template", "spec"),
    kinds.JOB: ("spec", "template", "spec"),
    kinds.CRON_JOB: ("spec", "jobTemplate", "spec", "template", "spec"),
}


def pod_spec(kind: Kind, obj: Obj) -> Obj | None:
    """The pod spec in an object, if it has one."""
    path = POD_SPECS.get(kind)
    if path is None:
        return None
    value: Obj = obj
    for name in path:
        value = value.get(name) or {}
    return value or None


def apply(kind: Kind, obj: Obj) -> None:
    """Bring an object into its canonical form, in place."""
    spec = pod_spec(kind, obj)
    if spec is not None:
        _service_account(spec)
    rule = _RULES.get(kind)
    if rule:
        rule(obj)


def inner(kind: Kind, obj: Obj) -> Obj:
    """An object as upstream's internal type has it: tables show that one's metadata."""
    annotations = obj["metadata"].get("annotations")
    if kind is not kinds.DAEMON_SET or not annotations or TEMPLATE_GENERATION not in annotations:
        return obj
    metadata = dict(obj["metadata"])
    metadata["annotations"] = {key: value for key, value in annotations.items() if key != TEMPLATE_GENERATION}
    if not metadata["annotations"]:
        del metadata["annotations"]
    return obj | {"metadata": metadata}


def _service_account(spec: Obj) -> None:
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


def _daemon_set(obj: Obj) -> None:
    """The template's generation is a field inside and an annotation outside."""
    annotations = obj["metadata"].setdefault("annotations", {})
    try:
        generation = int(annotations.get(TEMPLATE_GENERATION, "0"))
    except ValueError:
        generation = 0
    annotations[TEMPLATE_GENERATION] = str(generation)


def _pod(obj: Obj) -> None:
    """No pod ends before it is told to."""
    spec = obj.get("spec") or {}
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1


_RULES: Mapping[Kind, Callable[[Obj], None]] = {kinds.DAEMON_SET: _daemon_set, kinds.POD: _pod}
