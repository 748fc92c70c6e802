"""A policy: ordered rules, of which the first that matches a request says how much of it is recorded.

Source: apiserver's pkg/audit/policy and pkg/apis/audit/validation.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wherry.api import Obj, errors
from wherry.api.errors import FieldError
from wherry.apiserver.authz import Question
from wherry.lib import names

API_VERSION, KIND = "audit.k8s.io/v1", "Policy"
NONE, METADATA, REQUEST, REQUEST_RESPONSE = LEVELS = ("None", "Metadata", "Request", "RequestResponse")
RECEIVED, STARTED, COMPLETE, PANIC = STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")

_LISTS = ("users", "userGroups", "verbs", "resources", "namespaces", "nonResourceURLs", "omitStages")
_RULE_FIELDS = {"level", "omitManagedFields", *_LISTS}
_POLICY_FIELDS = {"apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"}


class PolicyError(ValueError):
    """The policy cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How much of a request is recorded."""

    level: str = NONE
    omit_stages: frozenset[str] = frozenset()
    omit_managed_fields: bool = False


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources of a group: `pods`, `pods/log`, `pods/*`, `*/scale` or `*`; none for all. `names`: of objects."""

    group: str = ""
    resources: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()

    def contain(self, question: Question) -> bool:
        if self.group not in (question.group, "*"):
            return False
        if not self.resources:
            return True
        if self.names and question.name not in self.names:
            return False
        resource, sub = question.resource, question.subresource
        wanted = {"*", f"{resource}/{sub}" if sub else resource, f"{resource}/*", f"*/{sub}" if sub else "*"}
        return not wanted.isdisjoint(self.resources)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a request must be like; what is empty is true of every request."""

    verdict: Verdict
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    resources: tuple[Resources, ...] = ()
    paths: tuple[str, ...] = ()

    def matches(self, question: Question) -> bool:
        if self.users and question.user.name not in self.users:
            return False
        if self.groups and self.groups.isdisjoint(question.user.groups):
            return False
        if self.verbs and question.verb not in self.verbs:
            return False
        if self.namespaces or self.resources:
            return not question.path and self._matches_resource(question)
        return not self.paths or any(_path_matches(question.path, path) for path in self.paths)

    def _matches_resource(self, question: Question) -> bool:
        if self.namespaces and question.namespace not in self.namespaces:
            return False
        return not self.resources or any(each.contain(question) for each in self.resources)


def _path_matches(path: str, pattern: str) -> bool:
    if not path:  # a resource
        return False
    return path == pattern or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


@dataclass(frozen=True, slots=True)
class Policy:
    """`otherwise`: the verdict on requests that no rule matches."""

    rules: tuple[Rule, ...]
    otherwise: Verdict = Verdict()

    def judge(self, question: Question) -> Verdict:
        return next((rule.verdict for rule in self.rules if rule.matches(question)), self.otherwise)


METADATA_OF_ALL = Policy((Rule(Verdict(METADATA, frozenset({RECEIVED}))),))


def parse(document: Any) -> Policy:
    """The policy in a file's document. Raises PolicyError."""
    if not isinstance(document, dict):
        raise PolicyError("failed decoding: the file holds no object")
    version, kind = document.get("apiVersion"), document.get("kind")
    if version != API_VERSION or kind != KIND:
        raise PolicyError(f"unknown group version field {version}, Kind={kind} in policy")
    rules = document.get("rules") or []
    _check_shape(document, rules)
    wrong = [*_stages(document.get("omitStages"), "omitStages"), *_of_rules(rules)]
    if wrong:
        raise PolicyError(errors.aggregate(map(str, wrong)))
    if not rules:
        raise PolicyError("loaded illegal policy with 0 rules")
    omitted, managed = frozenset(document.get("omitStages") or ()), bool(document.get("omitManagedFields"))
    return Policy(tuple(_rule(rule, omitted, managed) for rule in rules), Verdict(NONE, omitted, managed))


def unknown_fields(document: Obj) -> list[str]:
    """Fields that mean nothing here; upstream warns of them and goes on."""
    found = [name for name in document if name not in _POLICY_FIELDS]
    for index, rule in enumerate(document.get("rules") or ()):
        found += [f"rules[{index}].{name}" for name in rule if name not in _RULE_FIELDS]
    return found


def _check_shape(document: Obj, rules: Any) -> None:
    """That lists are lists, of what they should be. Raises PolicyError."""
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise PolicyError("failed decoding: rules must be a list of objects")
    for owner, fields in ((document, ("omitStages",)), *((rule, _LISTS) for rule in rules)):
        for name in fields:
            value = owner.get(name)
            of = dict if name == "resources" else str
            if value is not None and not (isinstance(value, list) and all(isinstance(each, of) for each in value)):
                raise PolicyError(f"failed decoding: {name} must be a list of {'objects' if of is dict else 'texts'}")


def _rule(rule: Obj, omitted: frozenset[str], managed: bool) -> Rule:
    chosen = rule.get("omitManagedFields")
    stages = omitted | frozenset(rule.get("omitStages") or ())
    groups = tuple(
        Resources(each.get("group") or "", tuple(each.get("resources") or ()), _set(each, "resourceNames"))
        for each in rule.get("resources") or ()
    )
    return Rule(
        Verdict(rule["level"], stages, managed if chosen is None else bool(chosen)),
        _set(rule, "users"), _set(rule, "userGroups"), _set(rule, "verbs"), _set(rule, "namespaces"), groups,
        tuple(rule.get("nonResourceURLs") or ()),
    )  # fmt: skip


def _set(owner: Obj, name: str) -> frozenset[str]:
    return frozenset(owner.get(name) or ())


# Validation


def _of_rules(rules: list[Obj]) -> Iterator[FieldError]:
    for index, rule in enumerate(rules):
        path, urls = f"rules[{index}]", rule.get("nonResourceURLs") or []
        yield from _level(rule.get("level"), f"{path}.level")
        for at, url in enumerate(urls):
            yield from _url(url, f"{path}.nonResourceURLs[{at}]")
        yield from _resources(rule.get("resources") or (), f"{path}.resources")
        yield from _stages(rule.get("omitStages"), f"{path}.omitStages")
        if urls and (rule.get("resources") or rule.get("namespaces")):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            yield errors.invalid_value(f"{path}.nonResourceURLs", urls, why)


def _level(level: Any, path: str) -> Iterator[FieldError]:
    if not level:
        yield errors.required(path)
    elif level not in LEVELS:
        yield errors.unsupported(path, level, LEVELS)


def _url(url: str, path: str) -> Iterator[FieldError]:
    if url == "*":
        return
    if not url.startswith("/"):
        yield errors.invalid_value(path, url, "non-resource URL rules must begin with a '/' character")
    if "*" in url[:-1]:
        yield errors.invalid_value(
            path, url, "non-resource URL wildcards '*' must be the final character of the rule"
        )


def _resources(resources: Iterable[Obj], path: str) -> Iterator[FieldError]:
    for each in resources:
        group = each.get("group") or ""
        if group not in ("", "*") and (wrong := names.dns_subdomain_errors(group)):
            yield errors.invalid_value(f"{path}.group", group, ",".join(wrong))
        if each.get("resourceNames") and not each.get("resources"):
            why = "using resourceNames requires at least one resource"
            yield errors.invalid_value(f"{path}.resourceNames", each["resourceNames"], why)


def _stages(stages: Any, path: str) -> Iterator[FieldError]:
    for index, stage in enumerate(stages or ()):
        if stage not in STAGES:
            yield errors.invalid_value(f"{path}[{index}]", stage, f"allowed stages are {','.join(STAGES)}")
