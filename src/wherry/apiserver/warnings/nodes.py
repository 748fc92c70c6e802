"""Nodes and what selects them."""

from wherry.api import Obj
from wherry.apiserver.warnings.addresses import of_cidr
from wherry.lib import names

OLD_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}


def of_node(new: Obj, old: Obj | None) -> list[str]:
    spec = new.get("spec") or {}
    found = ["spec.configSource: the feature is removed"] if spec.get("configSource") else []
    if spec.get("externalID"):
        found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    for index, cidr in enumerate(spec.get("podCIDRs") or ()):
        found += of_cidr(f"spec.podCIDRs[{index}]", cidr)
    return found


def of_runtime_class(new: Obj, old: Obj | None) -> list[str]:
    selector = (new.get("scheduling") or {}).get("nodeSelector") or {}
    return [f"scheduling.nodeSelector: {OLD_LABELS[key]}" for key in selector if key in OLD_LABELS]


def of_labels(selector: Obj, path: str) -> list[str]:
    """A map of labels that a node must have."""
    return [f"{path}[{key}]: {OLD_LABELS[key]}" for key in selector if key in OLD_LABELS]


def of_term(term: Obj, path: str, check_values: bool = False) -> list[str]:
    """One term of a node selector."""
    found = []
    for index, expression in enumerate(term.get("matchExpressions") or ()):
        where = f"{path}.matchExpressions[{index}]"
        key = expression.get("key", "")
        if key in OLD_LABELS:
            found.append(f"{where}.key: {key} is {OLD_LABELS[key]}")
        for position, value in enumerate(expression.get("values") or () if check_values else ()):
            found += [
                f"{where}.values[{position}]: {value} is invalid, {why}" for why in names.label_value_errors(value)
            ]
    return found


def of_label_selector(selector: Obj | None, path: str) -> list[str]:
    found = of_term(selector or {}, path)
    labels = (selector or {}).get("matchLabels") or {}
    return found + [f"{path}.matchLabels.{key}: {OLD_LABELS[key]}" for key in labels if key in OLD_LABELS]
