"""Volumes, claims and classes."""

from wherry.api import Obj
from wherry.api.errors import quote
from wherry.apiserver.warnings.nodes import OLD_LABELS, of_label_selector, of_term
from wherry.lib import quantity

CLASS = "volume.beta.kubernetes.io/storage-class"
_OLD_ANNOTATIONS = {
    CLASS: 'deprecated since v1.8; use "storageClassName" attribute instead',
    "volume.beta.kubernetes.io/mount-options": 'deprecated since v1.31; use "mountOptions" attribute instead',
}
_OLD_VOLUMES = {
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_SPELLED = {"storageos": "storageOS"}
_RECYCLE = (
    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. "
    "Instead, the recommended approach is to use dynamic provisioning."
)
_TOKENS = (
    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible "
    "logging of tokens in volume attributes"
)


def of_volume(new: Obj, old: Obj | None) -> list[str]:
    spec, annotations = new["spec"], new["metadata"].get("annotations") or {}
    found = [f"metadata.annotations[{name}]: {why}" for name, why in _OLD_ANNOTATIONS.items() if name in annotations]
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        found.append(_RECYCLE)
    terms = ((spec.get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or ()
    for index, term in enumerate(terms):
        found += of_term(term, f"spec.nodeAffinity.required.nodeSelectorTerms[{index}]")
    return found + [f"spec.{_SPELLED.get(name, name)}: {why}" for name, why in _OLD_VOLUMES.items() if name in spec]


def of_claim(new: Obj, old: Obj | None) -> list[str]:
    annotations = new["metadata"].get("annotations") or {}
    found = []
    if CLASS in annotations:
        found.append(f"metadata.annotations[{CLASS}]: {_OLD_ANNOTATIONS[CLASS]}")
    return found + of_claim_spec(new["spec"], "spec")


def of_claim_spec(spec: Obj, at: str) -> list[str]:
    found, resources = [], spec.get("resources") or {}
    for field in ("requests", "limits"):
        amount = (resources.get(field) or {}).get("storage")
        if amount is not None and quantity.parse(amount) % 1:
            value = quote(quantity.canonical(amount))
            why = f"fractional byte value {value} is invalid, must be an integer"
            found.append(f"{at}.resources.{field}[storage]: {why}")
    return found


def of_class(new: Obj, old: Obj | None) -> list[str]:
    return [
        f"allowedTopologies[{index}].matchLabelExpressions[{position}].key: {OLD_LABELS[expression['key']]}"
        for index, term in enumerate(new.get("allowedTopologies") or ())
        for position, expression in enumerate(term.get("matchLabelExpressions") or ())
        if expression.get("key") in OLD_LABELS
    ]


def of_driver(new: Obj, old: Obj | None) -> list[str]:
    spec = new["spec"]
    before = (old or {"spec": {}})["spec"].get("tokenRequests") or []
    requests = spec.get("tokenRequests") or []
    return [_TOKENS] if requests and requests != before and spec.get("serviceAccountTokenInSecrets") is None else []


def of_capacity(new: Obj, old: Obj | None) -> list[str]:
    return of_label_selector(new.get("nodeTopology"), "nodeTopology")
