"""Priority: a pod's priority comes from its PriorityClass, or from the class that is everyone's default."""

from wherry.api import Obj, kinds
from wherry.apiserver.admission.attributes import Attributes, Lister

KINDS = (kinds.POD, kinds.PRIORITY_CLASS)

SYSTEM_PREFIX = "system-"


def mutate(lister: Lister, attributes: Attributes) -> None:
    pod = attributes.new
    if pod is None:
        return
    if attributes.concerns(kinds.POD, "UPDATE"):
        assert attributes.old is not None
        for name in ("priority", "preemptionPolicy"):
            if name not in pod["spec"] and name in attributes.old["spec"]:
                pod["spec"][name] = attributes.old["spec"][name]
    elif attributes.concerns(kinds.POD, "CREATE"):
        _prioritise(lister, attributes, pod["spec"])


def _prioritise(lister: Lister, attributes: Attributes, spec: Obj) -> None:
    name = spec.get("priorityClassName")
    found = lister.get(kinds.PRIORITY_CLASS, name) if name else default_class(lister)
    if name and found is None:
        raise attributes.forbidden(f"no PriorityClass with name {name} was found")
    if found is not None:
        spec["priorityClassName"] = found["metadata"]["name"]
    priority = found["value"] if found else 0
    policy = found.get("preemptionPolicy") if found else None
    policy = policy or "PreemptLowerPriority"
    if spec.get("priority", priority) != priority:
        raise attributes.forbidden(
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            f"priority admission controller computed {priority} from the given PriorityClass name"
        )
    if spec.get("preemptionPolicy", policy) != policy:
        raise attributes.forbidden(
            f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec; "
            f"priority admission controller computed {policy} from the given PriorityClass name"
        )
    spec["priority"], spec["preemptionPolicy"] = priority, policy


def default_class(lister: Lister) -> Obj | None:
    """The class of pods that name none; of several, that with the lowest value."""
    found = [each for each in lister.list(kinds.PRIORITY_CLASS) if each.get("globalDefault")]
    return min(found, key=lambda each: each["value"], default=None)


def validate(lister: Lister, attributes: Attributes) -> None:
    new = attributes.new
    if attributes.concerns(kinds.PRIORITY_CLASS, "DELETE") and attributes.name.startswith(SYSTEM_PREFIX):
        raise attributes.forbidden("this is a system priority class and cannot be deleted")
    if (
        not attributes.concerns(kinds.PRIORITY_CLASS, "CREATE", "UPDATE")
        or new is None
        or not new.get("globalDefault")
    ):
        return
    current = default_class(lister)
    if current is None:
        return
    name = current["metadata"]["name"]
    if attributes.operation == "CREATE" or name != new["metadata"]["name"]:
        raise attributes.forbidden(f"PriorityClass {name} is already marked as default. Only one default can exist")
