"""FlowSchema, PriorityLevelConfiguration."""

import math
from collections.abc import Callable
from typing import Any

from wherry.api import Obj, meta
from wherry.api.errors import duplicate, forbidden_field, invalid_value, required, unsupported
from wherry.api.patch.values import same
from wherry.api.validation import fields, internal
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import names

_EVERYTHING: Obj = {
    "resourceRules": [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]}
    ],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
}


def _for_groups(*groups: str) -> list[Obj]:
    return [{"subjects": [{"kind": "Group", "group": {"name": name}} for name in groups], **_EVERYTHING}]


# The objects that every cluster has, whose specs are fixed.
_SCHEMAS: dict[str, Obj] = {
    "exempt": {
        "priorityLevelConfiguration": {"name": "exempt"},
        "matchingPrecedence": 1,
        "rules": _for_groups("system:masters"),
    },
    "catch-all": {
        "priorityLevelConfiguration": {"name": "catch-all"},
        "matchingPrecedence": 10000,
        "distinguisherMethod": {"type": "ByUser"},
        "rules": _for_groups("system:unauthenticated", "system:authenticated"),
    },
}
_LEVELS: dict[str, Obj] = {
    "exempt": {"type": "Exempt"},
    "catch-all": {
        "type": "Limited",
        "limited": {"nominalConcurrencyShares": 5, "lendablePercent": 0, "limitResponse": {"type": "Reject"}},
    },
}

# FlowSchema

_LOWEST = 10000
_METHODS = ("ByNamespace", "ByUser")
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")


def _schema(obj: Obj) -> Check:
    name, spec = meta.name(obj), obj.get("spec") or {}
    yield from _schema_spec(name, spec)
    if name in _SCHEMAS and not same(spec, _SCHEMAS[name]):
        shown = internal.shown("flowcontrol.FlowSchemaSpec", spec)
        yield invalid_value("spec", shown, f"spec of '{name}' must equal the fixed value")
    yield from _conditions(obj)


def _schema_spec(name: str, spec: Obj) -> Check:
    precedence, path = spec.get("matchingPrecedence", 0), "spec.matchingPrecedence"
    if precedence <= 0:
        yield invalid_value(path, precedence, "must be a positive value")
    if precedence > _LOWEST:
        yield invalid_value(path, precedence, f"must not be greater than {_LOWEST}")
    if precedence == 1 and name != "exempt":
        yield invalid_value(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1")
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type", "") not in _METHODS:
        shown = internal.shown("flowcontrol.FlowDistinguisherMethod", method)
        yield unsupported("spec.distinguisherMethod.type", shown, _METHODS)
    level = (spec.get("priorityLevelConfiguration") or {}).get("name")
    if level:
        yield from fields.subdomain(level, "spec.priorityLevelConfiguration.name")
    else:
        yield required("spec.priorityLevelConfiguration.name", "must reference a priority level")
    yield from fields.each(spec.get("rules"), "spec.rules", _rule)


def _rule(rule: Obj, path: str) -> Check:
    if not rule.get("subjects"):
        yield required(f"{path}.subjects", "subjects must contain at least one value")
    yield from fields.each(rule.get("subjects"), f"{path}.subjects", _subject)
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        yield required(path, "at least one of resourceRules and nonResourceRules has to be non-empty")
    yield from fields.each(rule.get("resourceRules"), f"{path}.resourceRules", _resource_rule)
    yield from fields.each(rule.get("nonResourceRules"), f"{path}.nonResourceRules", _url_rule)


_SUBJECTS = {"serviceAccount": "ServiceAccount", "user": "User", "group": "Group"}


def _subject(subject: Obj, path: str) -> Check:
    kind = subject.get("kind", "")
    key = next((key for key, name in _SUBJECTS.items() if name == kind), None)
    if key is None:
        yield unsupported(f"{path}.kind", kind, ("Group", "ServiceAccount", "User"))
        return
    found, at = subject.get(key), f"{path}.{key}"
    if found is None:
        yield required(at, f"{key} is required when subject kind is '{kind}'")
    else:
        yield from _named_subject(kind, found, at)
    for other, name in _SUBJECTS.items():
        if other != key and subject.get(other) is not None:
            yield forbidden_field(f"{path}.{other}", f"{other} is forbidden when subject kind is not '{name}'")


def _named_subject(kind: str, found: Obj, path: str) -> Check:
    name, namespace = found.get("name", ""), found.get("namespace", "")
    if not name:
        yield required(f"{path}.name")
    if kind != "ServiceAccount":
        return
    if name not in ("", "*"):
        yield from fields.subdomain(name, f"{path}.name")
    if namespace:
        yield from fields.label(namespace, f"{path}.namespace")
    else:
        yield required(f"{path}.namespace", "must specify namespace for service account")


def _verbs(verbs: list[str], path: str) -> Check:
    if not verbs:
        yield required(path, "verbs must contain at least one value")
    elif "*" in verbs:
        yield from _alone(verbs, "verbs", path)
    elif not set(verbs) <= set(_VERBS):
        yield unsupported(path, verbs, _VERBS)


def _alone(values: list[str], what: str, path: str) -> Check:
    if "*" in values and len(values) > 1:
        yield invalid_value(path, values, f"if '*' is present, must not specify other {what}")


def _resource_rule(rule: Obj, path: str) -> Check:
    yield from _verbs(rule.get("verbs") or [], f"{path}.verbs")
    for key, one, many in (("apiGroups", "api group", "api groups"), ("resources", "resource", "resources")):
        values = rule.get(key) or []
        if not values:
            yield required(f"{path}.{key}", f"resource rules must supply at least one {one}")
        yield from _alone(values, many, f"{path}.{key}")
    namespaces, at = rule.get("namespaces") or [], f"{path}.namespaces"
    if not namespaces and not rule.get("clusterScope"):
        yield required(at, "resource rules that are not cluster scoped must supply at least one namespace")
    elif "*" in namespaces:
        yield from _alone(namespaces, "namespaces", at)
    else:
        for index, name in enumerate(namespaces):
            for message in names.dns_label_errors(name):
                intro = "each member of this list must be '*' or a DNS-1123 label; "
                yield invalid_value(f"{at}[{index}]", name, intro + message)


def _url_rule(rule: Obj, path: str) -> Check:
    yield from _verbs(rule.get("verbs") or [], f"{path}.verbs")
    urls, at = rule.get("nonResourceURLs") or [], f"{path}.nonResourceURLs"
    if not urls:
        yield required(at, "nonResourceURLs must contain at least one value")
    elif "*" in urls:
        yield from _alone(urls, "non-resource URLs", at)
    else:
        yield from fields.each(urls, at, _url)


def _url(url: str, path: str) -> Check:
    stars = url.count("*")
    if not url:
        yield invalid_value(path, url, "must not be empty")
    elif not url.startswith("/"):
        yield invalid_value(path, url, "must start with slash")
    elif " " in url:
        yield invalid_value(path, url, "must not contain white-space")
    elif "//" in url:
        yield invalid_value(path, url, "must not contain double slash")
    elif stars > 1 or (stars and not url.endswith("/*")):
        yield invalid_value(path, url, "wildcard can only do suffix matching")


# PriorityLevelConfiguration

_ZERO_SHARES = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
_MOST_QUEUES = 10_000_000
_HASH_BITS = 60


def _level(obj: Obj) -> Check:
    name, spec = meta.name(obj), obj.get("spec") or {}
    if _ZERO_SHARES in meta.annotations(obj):
        yield forbidden_field("metadata.annotations", f"annotation '{_ZERO_SHARES}' is forbidden")
    yield from _level_spec(name, spec, "spec")
    if name in _LEVELS:
        fixed = {key: value for key, value in spec.items() if name != "exempt" or key != "exempt"}
        if not same(fixed, _LEVELS[name]):
            shown = internal.shown("flowcontrol.PriorityLevelConfigurationSpec", spec)
            but = " except the 'spec.exempt' field" if name == "exempt" else ""
            yield invalid_value("spec", shown, f"spec of '{name}'{but} must equal the fixed value")
    yield from _conditions(obj)


def _level_spec(name: str, spec: Obj, path: str) -> Check:
    kind, exempt, limited = spec.get("type", ""), spec.get("exempt"), spec.get("limited")
    if (name == "exempt") != (kind == "Exempt"):
        yield invalid_value(f"{path}.type", kind, "must be 'Exempt' if and only if `name` is 'exempt'")
    if kind == "Exempt":
        if limited is not None:
            yield forbidden_field(f"{path}.limited", "must be nil if the type is not Limited")
        yield from _shares(exempt or {}, f"{path}.exempt")
        yield from _percent(exempt or {}, f"{path}.exempt")
    elif kind == "Limited":
        if exempt is not None:
            yield forbidden_field(f"{path}.exempt", "must be nil if the type is Limited")
        if limited is None:
            yield required(f"{path}.limited", "must not be empty when type is Limited")
        else:
            yield from _limited(limited, f"{path}.limited")
    else:
        yield unsupported(f"{path}.type", kind, ("Exempt", "Limited"))


def _at_least(low: int, message: str) -> Callable[[Any, str], Check]:
    def check(value: int | None, path: str) -> Check:
        if value is not None and value < low:
            yield invalid_value(path, value, message)

    return check


def _shares(found: Obj, path: str) -> Check:
    check = _at_least(0, "must be a non-negative integer")
    yield from check(found.get("nominalConcurrencyShares"), f"{path}.nominalConcurrencyShares")


def _percent(found: Obj, path: str) -> Check:
    percent = found.get("lendablePercent")
    if percent is not None:
        yield from fields.in_range(percent, f"{path}.lendablePercent", 0, 100)


def _limited(found: Obj, path: str) -> Check:
    yield from _shares(found, path)
    yield from _response(found.get("limitResponse") or {}, f"{path}.limitResponse")
    yield from _percent(found, path)
    check = _at_least(0, "if specified, must be a non-negative integer")
    yield from check(found.get("borrowingLimitPercent"), f"{path}.borrowingLimitPercent")


def _response(found: Obj, path: str) -> Check:
    kind, queuing = found.get("type", ""), found.get("queuing")
    if kind == "Reject":
        if queuing is not None:
            message = "must be nil if limited.limitResponse.type is not Limited"
            yield forbidden_field(f"{path}.queuing", message)
    elif kind != "Queue":
        yield unsupported(f"{path}.type", kind, ("Queue", "Reject"))
    elif queuing is None:
        message = "must not be empty if limited.limitResponse.type is Limited"
        yield required(f"{path}.queuing", message)
    else:
        yield from _queues(queuing, f"{path}.queuing")


def _queues(found: Obj, path: str) -> Check:
    queues, hand, length = (found.get(key, 0) for key in ("queues", "handSize", "queueLengthLimit"))
    positive = _at_least(1, "must be positive")
    yield from positive(length, f"{path}.queueLengthLimit")
    yield from positive(queues, f"{path}.queues")
    if queues > _MOST_QUEUES:
        yield invalid_value(f"{path}.queues", queues, f"must not be greater than {_MOST_QUEUES}")
    yield from positive(hand, f"{path}.handSize")
    if hand <= 0:
        return
    if hand > queues:
        yield invalid_value(f"{path}.handSize", hand, f"should not be greater than queues ({queues})")
    elif math.ceil(math.log2(queues) * hand) > _HASH_BITS:
        message = f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than"
        yield invalid_value(f"{path}.handSize", hand, f"{message} {_HASH_BITS}")


# Status


def _conditions(obj: Obj) -> Check:
    seen: set[str] = set()
    for index, condition in enumerate((obj.get("status") or {}).get("conditions") or ()):
        path, kind = f"status.conditions[{index}].type", condition.get("type", "")
        if kind in seen:
            yield duplicate(path, kind)
        seen.add(kind)
        if not kind:
            yield required(path)


def _status(new: Obj, old: Obj) -> Check:
    yield from _conditions(new)


_GROUP = "flowcontrol.apiserver.k8s.io/v1"

RULES = {
    f"{_GROUP}/FlowSchema": Rules(body=_schema, only_whole=True, subresources={"status": _status}),
    f"{_GROUP}/PriorityLevelConfiguration": Rules(body=_level, only_whole=True, subresources={"status": _status}),
}
