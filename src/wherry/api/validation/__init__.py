"""What is wrong with an object: every field error at once, in upstream's words and order.

    errors = validate_create(kinds.POD, pod)
    errors = validate_update(kinds.POD, new, old)
    errors = validate_update(kinds.POD, new, old, "status")

A file a group; `GROUPS` says which. Each offers `RULES`: apiVersion/kind -> Rules. Rules that kinds share stand in
`metadata` and in files named after what they check (pod templates, containers, volumes, probes). A kind without rules
has its metadata checked. Objects must have been decoded and completed with defaults before.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from wherry.api import Obj
from wherry.api.kinds import Kind
from wherry.api.validation import metadata
from wherry.api.validation.metadata import Errors
from wherry.api.validation.rules import Rules

__all__ = ["Errors", "Rules", "validate_create", "validate_update"]

# apiVersion -> files, which are read when a kind of it is first checked: a server that starts needs few of them.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "v1": ("apps", "config", "coordination", "nodes", "persistentvolumes", "pods", "quotas", "services"),
    "admissionregistration.k8s.io/v1": ("admissionpolicies", "webhooks"),
    "apiextensions.k8s.io/v1": ("definitions",),
    "apiregistration.k8s.io/v1": ("apiservices",),
    "apps/v1": ("apps",),
    "authentication.k8s.io/v1": ("reviews",),
    "authorization.k8s.io/v1": ("reviews",),
    "autoscaling/v2": ("autoscaling",),
    "batch/v1": ("batch",),
    "certificates.k8s.io/v1": ("certificates",),
    "coordination.k8s.io/v1": ("coordination",),
    "coordination.k8s.io/v1beta1": ("coordination",),
    "discovery.k8s.io/v1": ("endpointslices",),
    "events.k8s.io/v1": ("coordination",),
    "flowcontrol.apiserver.k8s.io/v1": ("flowcontrol",),
    "networking.k8s.io/v1": ("networking",),
    "node.k8s.io/v1": ("classes",),
    "policy/v1": ("policy",),
    "rbac.authorization.k8s.io/v1": ("rbac",),
    "resource.k8s.io/v1": ("devices", "deviceslices"),
    "scheduling.k8s.io/v1": ("classes",),
    "storage.k8s.io/v1": ("storage",),
}

_NONE = Rules()


@cache
def _rules(api_version: str) -> Mapping[str, Rules]:
    """The rules of a group's kinds, by kind."""
    found: dict[str, Rules] = {}
    for file in GROUPS.get(api_version, ()):
        rules: Mapping[str, Rules] = import_module(f"{__name__}.{file}").RULES
        group = f"{api_version}/"
        found |= {name.removeprefix(group): each for name, each in rules.items() if name.startswith(group)}
    return found


def of(kind: Kind) -> Rules:
    """A kind's rules; of a view, which has few of its own, those of what is stored."""
    found = _rules(kind.api_version).get(kind.kind)
    if found is None:
        return of(kind.stored) if kind.stored else _NONE
    return found


def validate_create(kind: Kind, obj: Obj) -> Errors:
    """All that is wrong with a new object. What every path needs is only checked when nothing else is wrong."""
    rules = of(kind)
    errors = rules.check_new(obj, kind.namespaced)
    if errors or not rules.own_metadata:
        return errors or metadata.check(obj, kind.namespaced, metadata.path_segment)
    return metadata.check_name(obj, metadata.path_segment)


def validate_update(kind: Kind, new: Obj, old: Obj, subresource: str = "") -> Errors:
    """All that is wrong with a change of an object, or of its sub-resource (status, resize, approval, ...)."""
    errors = metadata.check(new, kind.namespaced, metadata.path_segment)
    changed = metadata.check_update(new, old, checked=not errors)
    return errors + changed + of(kind).check_change(new, old, kind.namespaced, subresource, changed)
