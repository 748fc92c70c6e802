"""Which flow schema a request belongs to, and which flow. Pure."""

from collections.abc import Container
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.api import Obj
from wherry.apiserver.authn.user import SERVICE_ACCOUNT_PREFIX, User
from wherry.apiserver.authz.rules import path_covers

if TYPE_CHECKING:
    from wherry.apiserver.routes import Target

ALL = "*"
REMEMBERED = 8192  # classified combinations of user and request


@dataclass(frozen=True, slots=True)
class Schema:
    """A FlowSchema, ready to be matched. `by`: what makes a flow of it: ByUser, ByNamespace or ""."""

    name: str
    uid: str
    level: str
    precedence: int
    by: str
    rules: tuple[Obj, ...]

    @classmethod
    def of(cls, obj: Obj) -> "Schema":
        spec, metadata = obj["spec"], obj["metadata"]
        return cls(
            metadata["name"],
            metadata["uid"],
            spec["priorityLevelConfiguration"]["name"],
            spec.get("matchingPrecedence", 1000),
            (spec.get("distinguisherMethod") or {}).get("type", ""),
            tuple(spec.get("rules") or ()),
        )

    def matches(self, user: User, target: "Target") -> bool:
        return any(_applies(rule, user, target) for rule in self.rules)

    def flow(self, user: User, target: "Target") -> str:
        if self.by == "ByUser":
            return f"{self.name} {user.name}"
        return f"{self.name} {target.namespace}" if self.by == "ByNamespace" else self.name


class Schemas:
    """All of them, as of one moment. Those whose level is not there do not count."""

    def __init__(self, objects: list[Obj], levels: Container[str]) -> None:
        schemas = [schema for schema in map(Schema.of, objects) if schema.level in levels]
        self._ordered = sorted(schemas, key=lambda schema: (schema.precedence, schema.name))
        self._found: dict[tuple[object, ...], Schema | None] = {}

    def find(self, user: User, target: "Target") -> tuple[Schema | None, str]:
        """The first that matches, and the flow."""
        where = target.namespace if target.is_resource else target.path
        key = (user.name, user.groups, target.verb, target.group, target.plural, target.subresource, where)
        if key in self._found:
            schema = self._found[key]
        else:
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            schema = next((each for each in self._ordered if each.matches(user, target)), None)
            self._found[key] = schema
        return schema, schema.flow(user, target) if schema else ""


def _applies(rule: Obj, user: User, target: "Target") -> bool:
    if not any(_is(subject, user) for subject in rule.get("subjects") or ()):
        return False
    if target.is_resource:
        return any(_names(each, target) for each in rule.get("resourceRules") or ())
    return any(
        _has(each.get("verbs"), target.verb)
        and any(path == ALL or path_covers(path, target.path) for path in each.get("nonResourceURLs") or ())
        for each in rule.get("nonResourceRules") or ()
    )


def _is(subject: Obj, user: User) -> bool:
    match subject.get("kind"):
        case "User":
            return subject["user"]["name"] in (ALL, user.name)
        case "Group":
            return subject["group"]["name"] == ALL or subject["group"]["name"] in user.groups
        case "ServiceAccount":
            account = subject["serviceAccount"]
            start = f"{SERVICE_ACCOUNT_PREFIX}{account['namespace']}:"
            return user.name.startswith(start) and account["name"] in (ALL, user.name[len(start) :])
    return False


def _has(listed: list[str] | None, wanted: str) -> bool:
    return listed is not None and (ALL in listed or wanted in listed)


def _names(rule: Obj, target: "Target") -> bool:
    resource = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
    if not (
        _has(rule.get("verbs"), target.verb)
        and _has(rule.get("apiGroups"), target.group)
        and _has(rule.get("resources"), resource)
    ):
        return False
    if not target.namespace:
        return bool(rule.get("clusterScope"))
    return _has(rule.get("namespaces"), target.namespace)
