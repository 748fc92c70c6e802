"""What makes a pod the n-th of its set: name, labels, host name, volumes.

Source: upstream's pkg/controller/statefulset/stateful_set_utils.go.
"""

import re
from typing import Any

from wherry.api import Obj, meta
from wherry.api.kinds import STATEFUL_SET
from wherry.controllers.templates import pod_from

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
REVISION = "controller-revision-hash"
_NAME = re.compile(r"(.*)-([0-9]+)")


def parent_and_ordinal(pod: Obj) -> tuple[str, int]:
    """("", -1) for a name that no set gives."""
    match = _NAME.fullmatch(meta.name(pod))
    if match is None or int(match[2]) >= 2**31:
        return "", -1
    return match[1], int(match[2])


def ordinal(pod: Obj) -> int:
    return parent_and_ordinal(pod)[1]


def is_member(stateful_set: Obj, pod: Obj) -> bool:
    return parent_and_ordinal(pod)[0] == meta.name(stateful_set)


def ordinals(stateful_set: Obj) -> range:
    """The numbers that the set should have."""
    spec = stateful_set["spec"]
    start = int((spec.get("ordinals") or {}).get("start", 0))
    return range(start, start + int(spec.get("replicas", 1)))


def revision_of(pod: Obj) -> str:
    return meta.labels(pod).get(REVISION, "")


def claim_templates(stateful_set: Obj) -> list[Obj]:
    return stateful_set["spec"].get("volumeClaimTemplates") or []


def claim_name(stateful_set: Obj, template: Obj, number: int) -> str:
    return f"{meta.name(template)}-{meta.name(stateful_set)}-{number}"


def make_pod(stateful_set: Obj, template: Obj, number: int, revision: str) -> Obj:
    """The pod of that number, from the template of that revision."""
    made = pod_from(template, STATEFUL_SET, stateful_set)
    metadata = made["metadata"]
    del metadata["generateName"]
    metadata["name"] = f"{meta.name(stateful_set)}-{number}"
    metadata["labels"] = metadata.get("labels", {}) | identity_labels(stateful_set, number) | {REVISION: revision}
    spec = {**made["spec"], "hostname": metadata["name"]}
    if stateful_set["spec"].get("serviceName"):
        spec["subdomain"] = stateful_set["spec"]["serviceName"]
    return {**made, "spec": with_storage(stateful_set, spec, number)}


def identity_labels(stateful_set: Obj, number: int) -> dict[str, str]:
    return {POD_NAME: f"{meta.name(stateful_set)}-{number}", POD_INDEX: str(number)}


def with_storage(stateful_set: Obj, spec: Obj, number: int) -> Obj:
    """The pod's spec with the claims of its number in place of volumes of the same names."""
    templates = claim_templates(stateful_set)
    if not templates:
        return spec
    claims: list[dict[str, Any]] = [
        {"name": meta.name(t), "persistentVolumeClaim": {"claimName": claim_name(stateful_set, t, number)}}
        for t in templates
    ]
    names = {each["name"] for each in claims}
    return {**spec, "volumes": claims + [each for each in spec.get("volumes") or () if each["name"] not in names]}


def missing_labels(stateful_set: Obj, pod: Obj) -> dict[str, str]:
    """The labels of its number that a pod lacks (an adopted one, say). Its volumes cannot be changed any more."""
    wanted = identity_labels(stateful_set, ordinal(pod))
    return {key: value for key, value in wanted.items() if meta.labels(pod).get(key) != value}
