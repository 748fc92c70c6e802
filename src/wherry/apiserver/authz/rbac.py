"""Role-based access control: what bindings give to users, groups and service accounts.

A role with an `aggregationRule` has the rules of the roles that it selects, whether or not a controller has written
them into it. Source: plugin/pkg/auth/authorizer/rbac and pkg/registry/rbac/validation/rule.go.
"""

from collections.abc import Iterator
from itertools import chain

from wherry.api import Obj, kinds
from wherry.api.errors import quote
from wherry.api.kinds import Kind
from wherry.apiserver.authn.user import SERVICE_ACCOUNT_PREFIX, User
from wherry.apiserver.authz import Decision, Question
from wherry.apiserver.authz.rules import Rule
from wherry.apiserver.mirror import Mirror
from wherry.lib import selectors

MIRRORED = (kinds.ROLE, kinds.CLUSTER_ROLE, kinds.ROLE_BINDING, kinds.CLUSTER_ROLE_BINDING)
REMEMBERED = 16_384  # kinds of questions

_Subject = tuple[str, str]  # kind and name; a service account by its user name
_Grant = tuple[Obj, Obj]  # binding, subject
_Verdict = tuple[frozenset[str], Decision]  # the names that it is about, none for any


class _Index:
    """Bindings by namespace ("" for the cluster's) and subject, and compiled roles; as of one moment."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._rules: dict[str, list[Rule] | None] = {}
        self._grants: dict[str, dict[_Subject, list[_Grant]]] = {}
        for kind in (kinds.CLUSTER_ROLE_BINDING, kinds.ROLE_BINDING):
            for binding in mirror.list(kind):
                self._add(binding)

    def _add(self, binding: Obj) -> None:
        namespace = binding["metadata"].get("namespace", "")
        grants = self._grants.setdefault(namespace, {})
        for subject in binding.get("subjects") or ():
            grants.setdefault(_identity(subject, namespace), []).append((binding, subject))

    def grants(self, user: User, namespace: str) -> Iterator[_Grant]:
        """The bindings that concern a user: the cluster's, then those of the namespace."""
        mine = [("User", user.name), *(("Group", group) for group in user.groups)]
        for where in ("", namespace) if namespace else ("",):
            grants = self._grants.get(where)
            if grants:
                for identity in mine:
                    yield from grants.get(identity, ())

    def rules(self, reference: Obj, namespace: str) -> list[Rule] | None:
        """The rules of a role; None if there is no such role."""
        kind = kinds.ROLE if reference["kind"] == kinds.ROLE.kind else kinds.CLUSTER_ROLE
        key = f"{kind.kind}/{namespace if kind is kinds.ROLE else ''}/{reference['name']}"
        if key not in self._rules:
            role = self._mirror.get(kind, reference["name"], namespace if kind is kinds.ROLE else "")
            self._rules[key] = None if role is None else self._of_role(role, set())
        return self._rules[key]

    def _of_role(self, role: Obj, seen: set[str]) -> list[Rule]:
        found = [Rule.of(rule) for rule in role.get("rules") or ()]
        seen.add(role["metadata"]["name"])
        for wanted in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ():
            selector = selectors.from_object(wanted)
            for other in self._mirror.list(kinds.CLUSTER_ROLE):
                metadata = other["metadata"]
                if metadata["name"] not in seen and selector.matches(metadata.get("labels")):
                    found += self._of_role(other, seen)
        return found


def _identity(subject: Obj, namespace: str) -> _Subject:
    if subject["kind"] == kinds.SERVICE_ACCOUNT.kind:
        where = subject.get("namespace") or namespace
        return "User", f"{SERVICE_ACCOUNT_PREFIX}{where}:{subject['name']}"
    return subject["kind"], subject["name"]


class Rbac:
    """A decider over the roles and bindings in the mirror."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._index: _Index | None = None
        self._verdicts: dict[tuple[object, ...], list[_Verdict]] = {}
        for kind in MIRRORED:
            mirror.on_change(kind, self._forget)

    def _forget(self, kind: Kind, key: str, obj: Obj | None) -> None:
        self._index = None
        self._verdicts.clear()

    def _now(self) -> _Index:
        if self._index is None:
            self._index = _Index(self._mirror)
        return self._index

    async def __call__(self, question: Question) -> Decision:
        user, q = question.user, question
        key = (user.name, user.groups, q.verb, q.group, q.resource, q.subresource, q.namespace, q.path)
        verdicts = self._verdicts.get(key)
        if verdicts is None:
            if len(self._verdicts) >= REMEMBERED:
                self._verdicts.clear()
            verdicts = self._verdicts[key] = list(self._judge(question))
        return next(decision for names, decision in verdicts if not names or q.name in names)

    def _judge(self, question: Question) -> Iterator[_Verdict]:
        """What bindings say to a question, whatever the name in it; the last verdict is about any name."""
        index, unknown = self._now(), []
        for binding, subject in index.grants(question.user, question.namespace):
            reference, namespace = binding["roleRef"], binding["metadata"].get("namespace", "")
            rules = index.rules(reference, namespace)
            if rules is None:
                unknown.append(_no_role(reference))
                continue
            found = [rule.named(question) for rule in rules if rule.concerns(question)]
            if found:
                names = frozenset[str]() if () in found else frozenset(chain.from_iterable(found))
                yield names, Decision(True, f"RBAC: allowed by {_describe(binding, subject)}")
                if not names:
                    return
        yield frozenset(), Decision(None, f"RBAC: {_together(unknown)}" if unknown else "")

    def rules_for(self, user: User, namespace: str) -> tuple[list[Rule], list[str]]:
        """Everything that bindings allow a user, and what is wrong with those bindings."""
        index, found, unknown = self._now(), [], []
        for binding, _ in index.grants(user, namespace):
            rules = index.rules(binding["roleRef"], binding["metadata"].get("namespace", ""))
            if rules is None:
                unknown.append(_no_role(binding["roleRef"]))
            else:
                found += rules
        return found, unknown

    def rules_of(self, reference: Obj, namespace: str) -> list[Rule] | None:
        """The rules of a role that a binding in `namespace` names; None if there is no such role."""
        return self._now().rules(reference, namespace)


def _no_role(reference: Obj) -> str:
    return f"{reference['kind'].lower()}.{kinds.ROLE.group} {quote(reference['name'])} not found"


def _together(messages: list[str]) -> str:
    """Several errors as Go prints an aggregate."""
    distinct = list(dict.fromkeys(messages))
    return distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]"


def _describe(binding: Obj, subject: Obj) -> str:
    metadata, reference = binding["metadata"], binding["roleRef"]
    namespace = metadata.get("namespace", "")
    name, who = metadata["name"], subject["name"]
    if subject["kind"] == kinds.SERVICE_ACCOUNT.kind:
        who = f"{who}/{subject.get('namespace') or namespace}"
    kind, name = ("RoleBinding", f"{name}/{namespace}") if namespace else ("ClusterRoleBinding", name)
    to = f"{subject['kind']} {quote(who)}"
    return f"{kind} {quote(name)} of {reference['kind']} {quote(reference['name'])} to {to}"
