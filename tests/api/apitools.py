"""Objects as the API server has them when it checks a rule: decoded and completed."""

import json

from wherry.api import Obj, decoding, defaults, kinds, schema, validation
from wherry.api.kinds import Kind

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LABEL_1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def complete(kind: Kind, obj: Obj) -> Obj:
    """An object after decoding and defaults."""
    named = {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
    decoded = decoding.decode(json.dumps(named).encode(), schema.definition(kind.api_version, kind.kind)).object
    defaults.apply(kind, decoded)
    return decoded


def problems(kind: Kind, obj: Obj) -> list[str]:
    """What is wrong with a new object."""
    return [str(error) for error in validation.validate_create(kind, complete(kind, obj))]


def change_problems(kind: Kind, new: Obj, old: Obj, subresource: str = "") -> list[str]:
    """What is wrong with a change, each said once."""
    before, after = complete(kind, old), complete(kind, new)
    for each in (before, after):
        each["metadata"] |= {"uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}
    found = validation.validate_update(kind, after, before, subresource)
    return list(dict.fromkeys(str(error) for error in found))


def pod(**spec: object) -> Obj:
    """A pod that is right, but for what is given."""
    containers = [{"name": "c", "image": "i"}]
    return {"metadata": {"name": "p", "namespace": "n"}, "spec": {"containers": containers, **spec}}


def container(**fields: object) -> Obj:
    """A pod with one container that has these fields."""
    return pod(containers=[{"name": "c", "image": "i", **fields}])


def named(name: str = "x", namespace: str = "n", **fields: object) -> Obj:
    """Any namespaced object."""
    return {"metadata": {"name": name, "namespace": namespace}, **fields}


def alone(name: str = "x", **fields: object) -> Obj:
    """Any object outside namespaces."""
    return {"metadata": {"name": name}, **fields}


def workload(template: Obj | None = None, **spec: object) -> Obj:
    """A Deployment or its like that is right, but for what is given."""
    made = template or {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return named(spec={"selector": {"matchLabels": {"app": "a"}}, "template": made, **spec})


__all__ = [
    "LABEL",
    "LABEL_1035",
    "SUBDOMAIN",
    "alone",
    "change_problems",
    "complete",
    "container",
    "kinds",
    "named",
    "pod",
    "problems",
    "workload",
]
