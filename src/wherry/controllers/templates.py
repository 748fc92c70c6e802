"""Pods from pod templates."""

from typing import Any

import orjson

from wherry.api import Obj, meta
from wherry.api.kinds import Kind
from wherry.lib.names import hash_suffix

HASH_LABEL = "pod-template-hash"


def pod_from(template: Obj, kind: Kind, owner: Obj, finalizers: tuple[str, ...] = ()) -> Obj:
    """A pod for the server to name, controlled by `owner`."""
    metadata = template.get("metadata") or {}
    made: Obj = {"namespace": meta.namespace(owner), "generateName": name_prefix(meta.name(owner))}
    made |= {each: dict(metadata[each]) for each in ("labels", "annotations") if metadata.get(each)}
    made["ownerReferences"] = [meta.owner_reference(kind, owner)]
    if kept := [*(metadata.get("finalizers") or ()), *finalizers]:
        made["finalizers"] = kept
    return {"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": template["spec"]}


def name_prefix(owner_name: str) -> str:
    """What a generated pod name starts with. An owner's name that cannot start a pod's name stands alone."""
    return f"{owner_name}-" if len(owner_name) < 253 else owner_name


def template_hash(template: Obj, collisions: int | None = None) -> str:
    """The ending of a replica set's name: the same for the same template and number of collisions seen."""
    data = orjson.dumps(pruned(template), option=orjson.OPT_SORT_KEYS)
    if collisions is not None:
        data += collisions.to_bytes(8, "little")
    return hash_suffix(data)


def same_template(one: Obj, other: Obj) -> bool:
    """Whether two templates ask for the same pods, whatever their hash label says."""
    return bool(pruned(without_hash(one)) == pruned(without_hash(other)))


def without_hash(template: Obj) -> Obj:
    metadata = template.get("metadata") or {}
    labels = metadata.get("labels") or {}
    if HASH_LABEL not in labels:
        return template
    kept = {key: value for key, value in labels.items() if key != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": kept}}


def pruned(value: Any) -> Any:
    """Without nulls and empty collections, which mean the same as absence everywhere in a template but for an empty
    object that chooses something (`emptyDir: {}`)."""
    if isinstance(value, dict):
        return {key: pruned(each) for key, each in value.items() if each is not None and each != []}
    if isinstance(value, list):
        return [pruned(each) for each in value]
    return value
