"""The audit policy: the first rule that matches a request says how much of it is noted.

Source: apiserver, pkg/audit/policy.
"""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wherry.api import Obj
from wherry.apiserver.authn.user import User
from wherry.apiserver.authz.rules import path_covers

if TYPE_CHECKING:
    from wherry.apiserver.routes import Target

API_VERSION, KIND = "audit.k8s.io/v1", "Policy"
STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")


class PolicyError(ValueError):
    """A policy that cannot be used; the message is for the user and names the file."""


class Level(IntEnum):
    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3

    @property
    def title(self) -> str:
        """As policies and events write it."""
        return _TITLES[self]


_TITLES = {
    Level.NONE: "None",
    Level.METADATA: "Metadata",
    Level.REQUEST: "Request",
    Level.REQUEST_RESPONSE: "RequestResponse",
}
_LEVELS = {title: level for level, title in _TITLES.items()}


@dataclass(frozen=True, slots=True)
class Noted:
    """How much of a request is written: not at these stages, not the managed fields of objects."""

    level: Level = Level.NONE
    omit: frozenset[str] = frozenset()
    omit_managed_fields: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    noted: Noted
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    resources: tuple[Obj, ...] = ()
    paths: tuple[str, ...] = ()

    def matches(self, user: User, target: "Target") -> bool:
        if self.users and user.name not in self.users:
            return False
        if self.groups and not set(self.groups) & set(user.groups):
            return False
        if self.verbs and target.verb not in self.verbs:
            return False
        if self.namespaces or self.resources:
            return self._matches_resource(target)
        if self.paths:
            return not target.is_resource and any(_covers(path, target.path) for path in self.paths)
        return True

    def _matches_resource(self, target: "Target") -> bool:
        if not target.is_resource or (self.namespaces and target.namespace not in self.namespaces):
            return False
        return not self.resources or any(_names(group, target) for group in self.resources)


def _covers(pattern: str, path: str) -> bool:
    return pattern == "*" or path_covers(pattern, path)


def _names(group: Obj, target: "Target") -> bool:
    """Whether an entry of `resources` includes the request's."""
    if group.get("group", "") not in ("*", target.group):
        return False
    plurals, names = group.get("resources") or (), group.get("resourceNames") or ()
    if not plurals:
        return True
    if names and target.name not in names:
        return False
    whole = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
    wanted = {"*", whole, f"{target.plural}/*"} | ({f"*/{target.subresource}"} if target.subresource else set())
    return bool(wanted & set(plurals))


@dataclass(frozen=True, slots=True)
class Policy:
    """`rules` in order; a request that none matches is not noted."""

    rules: tuple[Rule, ...]

    def judge(self, user: User, target: "Target") -> Noted:
        return next((rule.noted for rule in self.rules if rule.matches(user, target)), Noted())


METADATA_OF_ALL = Policy((Rule(Noted(Level.METADATA, frozenset({"RequestReceived"}))),))


def read(path: Path) -> Policy:
    """The policy in a file, YAML or JSON. Raises PolicyError."""
    from wherry.apiserver import yamltext

    try:
        return parse(yamltext.load(path.read_bytes()))
    except OSError as error:
        raise PolicyError(f"audit policy {path}: {error.strerror}") from error
    except ValueError as error:
        raise PolicyError(f"audit policy {path}: {error}") from error


def parse(document: Any) -> Policy:
    """Raises PolicyError."""
    if not isinstance(document, dict) or document.get("kind") != KIND or document.get("apiVersion") != API_VERSION:
        raise PolicyError(f"not a {KIND} of {API_VERSION}")
    rules = document.get("rules") or []
    if not rules:
        raise PolicyError("it has no rules")
    return Policy(tuple(_rule(rule, index, document) for index, rule in enumerate(rules)))


def _rule(rule: Obj, index: int, policy: Obj) -> Rule:
    level = _LEVELS.get(rule.get("level", ""))
    if level is None:
        raise PolicyError(f"rules[{index}].level must be one of {', '.join(_LEVELS)}")
    omit = frozenset((*(policy.get("omitStages") or ()), *(rule.get("omitStages") or ())))
    if unknown := omit - set(STAGES):
        raise PolicyError(f"rules[{index}].omitStages: unknown stage {sorted(unknown)[0]}")
    if rule.get("nonResourceURLs") and (rule.get("resources") or rule.get("namespaces")):
        raise PolicyError(f"rules[{index}] names both resources and nonResourceURLs")
    managed = rule.get("omitManagedFields", policy.get("omitManagedFields", False))
    fields = ("users", "userGroups", "verbs", "namespaces", "resources", "nonResourceURLs")
    return Rule(Noted(level, omit, bool(managed)), *(tuple(rule.get(field) or ()) for field in fields))
