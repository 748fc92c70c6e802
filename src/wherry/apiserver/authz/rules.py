"""Policy rules: what one allows, and whether some cover others.

Source: component-helpers auth/rbac/validation/policy_comparator.go and pkg/apis/rbac/v1/evaluation_helpers.go.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from wherry.api import Obj
from wherry.api.errors import quote
from wherry.apiserver.authz import Question

ALL = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """A PolicyRule, ready to be matched."""

    verbs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @classmethod
    def of(cls, rule: Obj) -> "Rule":
        fields = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
        return cls(*(tuple(rule.get(name) or ()) for name in fields))

    def allows(self, question: Question) -> bool:
        names = self.named(question)
        return self.concerns(question) and (not names or question.name in names)

    def named(self, question: Question) -> tuple[str, ...]:
        """The only names that a rule which concerns the question allows; none for any."""
        return () if question.path else self.names

    def concerns(self, question: Question) -> bool:
        """Whether it allows that, the name apart."""
        if not _has(self.verbs, question.verb):
            return False
        if question.path:
            return any(path_covers(path, question.path) for path in self.paths)
        return _has(self.groups, question.group) and self._has_resource(question.resource, question.subresource)

    def _has_resource(self, resource: str, subresource: str) -> bool:
        if not subresource:
            return _has(self.resources, resource)
        wanted = (ALL, f"{resource}/{subresource}", f"*/{subresource}")
        return any(each in self.resources for each in wanted)

    def parts(self) -> Iterator["Rule"]:
        """The smallest rules that this one is made of: one verb of one thing."""
        for group, resource, verb in product(self.groups, self.resources, self.verbs):
            for name in self.names or (None,):
                yield Rule((verb,), (group,), (resource,), () if name is None else (name,))
        for path, verb in product(self.paths, self.verbs):
            yield Rule((verb,), paths=(path,))

    def covers(self, part: "Rule") -> bool:
        """Whether a smallest rule allows no more than this one."""
        if not _has(self.verbs, part.verbs[0]):
            return False
        if part.paths:
            return any(path_covers(path, part.paths[0]) for path in self.paths)
        resource, _, subresource = part.resources[0].partition("/")
        return (
            _has(self.groups, part.groups[0])
            and (part.resources[0] in self.resources or self._has_resource(resource, subresource))
            and (not self.names or bool(part.names and part.names[0] in self.names))
        )

    def __str__(self) -> str:
        named = {
            "APIGroups": self.groups,
            "Resources": self.resources,
            "NonResourceURLs": self.paths,
            "ResourceNames": self.names,
            "Verbs": self.verbs,
        }
        fields = [f"{name}:[{' '.join(map(quote, values))}]" for name, values in named.items() if values]
        return "{" + ", ".join(fields) + "}"


def _has(values: tuple[str, ...], wanted: str) -> bool:
    return wanted in values or ALL in values


def path_covers(pattern: str, path: str) -> bool:
    """Whether a path is the pattern, or starts with it up to its star."""
    return pattern == path or (pattern.endswith(ALL) and path.startswith(pattern.rstrip(ALL)))


def missing(owned: Iterable[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """What of `wanted` nothing of `owned` covers; the verbs of one thing together."""
    owned = list(owned)
    found: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for rule in wanted:
        for part in rule.parts():
            if not any(mine.covers(part) for mine in owned):
                thing = (part.groups, part.resources, part.names, part.paths)
                verbs = found.setdefault(thing, [])
                verbs.extend(verb for verb in part.verbs if verb not in verbs)
    return [Rule(tuple(verbs), *thing) for thing, verbs in found.items()]
