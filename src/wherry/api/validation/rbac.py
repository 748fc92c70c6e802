"""Role, ClusterRole, RoleBinding, ClusterRoleBinding."""

from wherry.api import Obj
from wherry.api.errors import invalid_value, required, unsupported
from wherry.api.patch.values import same
from wherry.api.validation import fields, internal, metadata
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_GROUP = "rbac.authorization.k8s.io"
_NAMESPACED_URLS = "namespaced rules cannot apply to non-resource URLs"
_MIXED = "rules cannot apply to both regular resources and non-resource URLs"


def _rule(rule: Obj, path: str, namespaced: bool) -> Check:
    """What may be done with what: resources or URLs, never both."""
    urls = rule.get("nonResourceURLs")
    if not rule.get("verbs"):
        yield required(f"{path}.verbs", "verbs must contain at least one value")
    if urls:
        if namespaced:
            yield invalid_value(f"{path}.nonResourceURLs", urls, _NAMESPACED_URLS)
        if any(rule.get(key) for key in ("apiGroups", "resources", "resourceNames")):
            yield invalid_value(f"{path}.nonResourceURLs", urls, _MIXED)
        return
    if not rule.get("apiGroups"):
        yield required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield required(f"{path}.resources", "resource rules must supply at least one resource")


def _role(obj: Obj) -> Check:
    for index, rule in enumerate(obj.get("rules") or ()):
        yield from _rule(rule, f"rules[{index}]", namespaced=True)


def _cluster_role(obj: Obj) -> Check:
    yield from _cluster_role_spec(obj, check_values=True)


def _cluster_role_spec(obj: Obj, check_values: bool) -> Check:
    for index, rule in enumerate(obj.get("rules") or ()):
        yield from _rule(rule, f"rules[{index}]", namespaced=False)
    aggregation, path = obj.get("aggregationRule"), "aggregationRule.clusterRoleSelectors"
    if aggregation is None:
        return
    chosen = aggregation.get("clusterRoleSelectors") or []
    if not chosen:
        yield required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")
    for index, selector in enumerate(chosen):
        yield from metadata.label_selector(selector, f"{path}[{index}]", check_values)
        if metadata.label_selector(selector, path):
            yield invalid_value(f"{path}[{index}]", None, "invalid label selector.")


def _cluster_role_update(new: Obj, old: Obj) -> Check:
    yield from metadata.check(new, False, metadata.path_segment)
    yield from metadata.kube_finalizers(new["metadata"])
    chosen = (old.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    was_valid = not any(metadata.label_selector(selector, "") for selector in chosen)
    yield from _cluster_role_spec(new, check_values=was_valid)


# Bindings


def _binding_rules(kinds: tuple[str, ...], namespaced: bool) -> Rules:
    def body(obj: Obj) -> Check:
        return _binding(obj, kinds, namespaced)

    def change(new: Obj, old: Obj) -> Check:
        yield from body(new)
        if not same(new.get("roleRef"), old.get("roleRef")):
            shown = internal.shown("rbac.RoleRef", new.get("roleRef") or {})
            yield invalid_value("roleRef", shown, "cannot change roleRef")

    return Rules(metadata.path_segment, body, change, recheck=True)


def _binding(obj: Obj, kinds: tuple[str, ...], namespaced: bool) -> Check:
    role = obj.get("roleRef") or {}
    yield from fields.one_of(role.get("apiGroup", ""), "roleRef.apiGroup", (_GROUP,))
    yield from fields.one_of(role.get("kind", ""), "roleRef.kind", kinds)
    yield from fields.path_segment_or_needed(role.get("name"), "roleRef.name")
    for index, subject in enumerate(obj.get("subjects") or ()):
        yield from _subject(subject, f"subjects[{index}]", namespaced)


def _subject(subject: Obj, path: str, namespaced: bool) -> Check:
    name, kind, group = (subject.get(key, "") for key in ("name", "kind", "apiGroup"))
    if not name:
        yield required(f"{path}.name")
    if kind == "ServiceAccount":
        if name:
            yield from fields.subdomain(name, f"{path}.name")
        yield from fields.one_of(group, f"{path}.apiGroup", ("",))
        if not namespaced and not subject.get("namespace"):
            yield required(f"{path}.namespace")
    elif kind in ("User", "Group"):
        yield from fields.one_of(group, f"{path}.apiGroup", (_GROUP,))
    else:
        yield unsupported(f"{path}.kind", kind, ("ServiceAccount", "User", "Group"))


RULES = {
    f"{_GROUP}/v1/Role": Rules(metadata.path_segment, _role, recheck=True),
    f"{_GROUP}/v1/ClusterRole": Rules(metadata.path_segment, _cluster_role, _cluster_role_update),
    f"{_GROUP}/v1/RoleBinding": _binding_rules(("Role", "ClusterRole"), namespaced=True),
    f"{_GROUP}/v1/ClusterRoleBinding": _binding_rules(("ClusterRole",), namespaced=False),
}
