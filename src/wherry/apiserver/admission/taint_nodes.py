"""TaintNodesByCondition: a new node takes no pods until it is known to be ready."""

from wherry.api import kinds
from wherry.apiserver.admission.attributes import Attributes, Lister

KINDS = (kinds.NODE,)

TAINT = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def mutate(lister: Lister, attributes: Attributes) -> None:
    if not attributes.concerns(kinds.NODE, "CREATE") or attributes.new is None:
        return
    spec = attributes.new.setdefault("spec", {})
    taints = spec.get("taints") or []
    if not any((each.get("key"), each.get("effect")) == (TAINT["key"], TAINT["effect"]) for each in taints):
        spec["taints"] = [*taints, dict(TAINT)]
