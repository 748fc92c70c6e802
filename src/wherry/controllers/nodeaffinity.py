"""Whether a node is one of those that a pod's spec asks for: node selector and required node affinity.

Source: upstream's component-helpers scheduling/corev1/nodeaffinity.
"""

from wherry.api import Obj, meta


def matches(spec: Obj, node: Obj) -> bool:
    labels = meta.labels(node)
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(_term(each, node) for each in required.get("nodeSelectorTerms") or ())


def _term(term: Obj, node: Obj) -> bool:
    """A term without any requirement matches nothing."""
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    labels = meta.labels(node)
    return all(_holds(each, labels.get(each["key"])) for each in expressions) and all(
        _holds(each, meta.name(node) if each["key"] == "metadata.name" else None) for each in fields
    )


def _holds(requirement: Obj, value: str | None) -> bool:
    values = requirement.get("values") or ()
    match requirement["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(requirement["operator"], value, values)
    return False


def _compares(operator: str, value: str | None, values: list[str] | tuple[str, ...]) -> bool:
    try:
        number, limit = int(value or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return number > limit if operator == "Gt" else number < limit
