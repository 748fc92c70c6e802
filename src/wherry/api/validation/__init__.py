"""What is wrong with an object: every field error at once, in upstream's words and order.

    errors = validate_create(kinds.POD, pod)
    errors = validate_update(kinds.POD, new, old)
    errors = validate_update(kinds.POD, new, old, "status")

A file a group. Each offers `RULES`: apiVersion/kind -> Rules. Rules that kinds share stand in `metadata` and in files
named after what they check (pod templates, containers, volumes, probes). A kind without rules has its metadata
checked. Objects must have been decoded and completed with defaults before.
"""

from collections.abc import Mapping
from types import ModuleType

from wherry.api import Obj
from wherry.api.kinds import Kind
from wherry.api.validation import (
    admissionpolicies,
    apiservices,
    apps,
    autoscaling,
    batch,
    certificates,
    classes,
    config,
    coordination,
    definitions,
    devices,
    deviceslices,
    endpointslices,
    flowcontrol,
    metadata,
    networking,
    nodes,
    persistentvolumes,
    pods,
    policy,
    quotas,
    rbac,
    reviews,
    services,
    storage,
    webhooks,
)
from wherry.api.validation.metadata import Errors
from wherry.api.validation.rules import Rules

__all__ = ["Errors", "Rules", "validate_create", "validate_update"]

GROUPS: list[ModuleType] = [
    admissionpolicies,
    apiservices,
    apps,
    autoscaling,
    batch,
    certificates,
    classes,
    config,
    coordination,
    definitions,
    devices,
    deviceslices,
    endpointslices,
    flowcontrol,
    networking,
    nodes,
    persistentvolumes,
    pods,
    policy,
    quotas,
    rbac,
    reviews,
    services,
    storage,
    webhooks,
]

_RULES: Mapping[str, Rules] = {name: rules for group in GROUPS for name, rules in group.RULES.items()}
_NONE = Rules()


def of(kind: Kind) -> Rules:
    """A kind's rules."""
    return _RULES.get(f"{kind.api_version}/{kind.kind}", _NONE)


def validate_create(kind: Kind, obj: Obj) -> Errors:
    """All that is wrong with a new object. What every path needs is only checked when nothing else is wrong."""
    errors = of(kind).check_new(obj, kind.namespaced)
    return errors or metadata.check(obj, kind.namespaced, metadata.path_segment)


def validate_update(kind: Kind, new: Obj, old: Obj, subresource: str = "") -> Errors:
    """All that is wrong with a change of an object, or of its sub-resource (status, resize, approval, ...)."""
    errors = metadata.check(new, kind.namespaced, metadata.path_segment)
    errors += metadata.check_update(new, old)
    return errors + of(kind).check_change(new, old, kind.namespaced, subresource)
