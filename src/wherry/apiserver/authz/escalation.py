"""Nobody gives away more than they have: roles and bindings are checked against what their writer may do.

The verbs `escalate` on roles and `bind` on a role lift the check. Source: pkg/registry/rbac, policybased storage.
"""

from wherry.api import Obj, errors, kinds
from wherry.api.errors import StatusError, quote
from wherry.api.kinds import Kind
from wherry.apiserver.authn.user import User
from wherry.apiserver.authz import Question
from wherry.apiserver.authz.rbac import Rbac
from wherry.apiserver.authz.rules import Rule, missing

ROLES = (kinds.ROLE, kinds.CLUSTER_ROLE)
BINDINGS = (kinds.ROLE_BINDING, kinds.CLUSTER_ROLE_BINDING)
_GARBAGE = ("ownerReferences", "finalizers", "managedFields", "resourceVersion")
_EVERYTHING = [Rule(("*",), ("*",), ("*",)), Rule(("*",), paths=("*",))]


def permission(user: User, kind: Kind, obj: Obj, namespace: str, name: str) -> Question | None:
    """The question whose yes allows any content; None for kinds that are not checked."""
    if kind in ROLES:
        return Question(user, "escalate", kind.group, kind.plural, "", name, namespace)
    if kind not in BINDINGS:
        return None
    reference = obj.get("roleRef") or {}
    plural = f"{(reference.get('kind') or '').lower()}s"
    group = reference.get("apiGroup", "")
    return Question(user, "bind", group, plural, "", reference.get("name") or "", namespace)


def check(rbac: Rbac, user: User, kind: Kind, new: Obj, old: Obj | None, namespace: str) -> StatusError | None:
    """Why a user who was not given the permission may not write this."""
    if old is not None and _only_garbage(new, old):
        return None
    name = new["metadata"].get("name", "")
    if kind in ROLES:
        rules = [Rule.of(rule) for rule in new.get("rules") or ()]
        why = _excess(rbac, user, namespace, rules)
        if not why and (_aggregates(new) or (old is not None and _aggregates(old))):
            covered = not _excess(rbac, user, namespace, _EVERYTHING)
            why = "" if covered else "must have cluster-admin privileges to use the aggregationRule"
    else:
        found = rbac.rules_of(new["roleRef"], namespace)
        if found is None:
            role = kinds.ROLE if new["roleRef"]["kind"] == kinds.ROLE.kind else kinds.CLUSTER_ROLE
            return errors.not_found(role, new["roleRef"]["name"])
        why = _excess(rbac, user, namespace, found)
    return errors.forbidden(kind, name, why) if why else None


def _aggregates(role: Obj) -> bool:
    return bool((role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _excess(rbac: Rbac, user: User, namespace: str, rules: list[Rule]) -> str:
    owned, problems = rbac.rules_for(user, namespace)
    lacking = sorted({str(rule) for rule in missing(owned, rules)})
    if not lacking:
        return ""
    groups = " ".join(map(quote, user.groups))
    why = f"user {quote(user.name)} (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:"
    resolution = f"; resolution errors: [{', '.join(problems)}]" if problems else ""
    return why + "\n" + "\n".join(lacking) + resolution


def _only_garbage(new: Obj, old: Obj) -> bool:
    """Whether an update only changes what garbage collection changes."""

    def rest(obj: Obj) -> Obj:
        return obj | {"metadata": {key: value for key, value in obj["metadata"].items() if key not in _GARBAGE}}

    return rest(new) == rest(old)
