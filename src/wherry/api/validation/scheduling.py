"""Where a pod may run: node selectors, affinity, tolerations, topology spread."""

from collections.abc import Iterable

from wherry.api import Obj
from wherry.api.errors import duplicate, forbidden_field, invalid_value, required, unsupported
from wherry.api.validation import fields, internal, metadata
from wherry.api.validation.fields import Check
from wherry.lib import names

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def node_selector(selector: Obj, path: str) -> Check:
    """A NodeSelector: at least one term."""
    terms = selector.get("nodeSelectorTerms") or []
    if not terms:
        yield required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")
    for index, term in enumerate(terms):
        yield from node_selector_term(term, f"{path}.nodeSelectorTerms[{index}]")


def node_selector_term(term: Obj, path: str, check_values: bool = True) -> Check:
    for index, expression in enumerate(term.get("matchExpressions") or ()):
        yield from _node_expression(expression, f"{path}.matchExpressions[{index}]", check_values)
    yield from fields.each(term.get("matchFields"), f"{path}.matchFields", _node_field)


def _node_expression(expression: Obj, path: str, check_values: bool) -> Check:
    operator, values = expression.get("operator", ""), expression.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            yield required(f"{path}.values", metadata.NEEDS_VALUES)
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            yield forbidden_field(f"{path}.values", metadata.TAKES_NO_VALUES)
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            message = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            yield required(f"{path}.values", message)
    else:
        yield invalid_value(f"{path}.operator", operator, "not a valid selector operator")
    yield from metadata.label_name(expression.get("key", ""), f"{path}.key")
    if check_values:
        for index, value in enumerate(values):
            yield from fields.said(f"{path}.values[{index}]", value, names.label_value_errors(value))


def _node_field(expression: Obj, path: str) -> Check:
    operator, values, key = expression.get("operator", ""), expression.get("values") or [], expression.get("key", "")
    if operator not in ("In", "NotIn"):
        yield invalid_value(f"{path}.operator", operator, "not a valid selector operator")
    elif len(values) != 1:
        message = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield required(f"{path}.values", message)
    if key != "metadata.name":
        yield invalid_value(f"{path}.key", key, "not a valid field selector key")
    else:
        for index, value in enumerate(values):
            yield from fields.subdomain(value, f"{path}.values[{index}]")


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_WEIGHT = "must be in the range 1-100"


def affinity(found: Obj | None, path: str) -> Check:
    if found is None:
        return
    if found.get("nodeAffinity") is not None:
        yield from _node_affinity(found["nodeAffinity"], f"{path}.nodeAffinity")
    for name in ("podAffinity", "podAntiAffinity"):
        if found.get(name) is not None:
            yield from _pod_affinity(found[name], f"{path}.{name}")


def _node_affinity(found: Obj, path: str) -> Check:
    if found.get(_REQUIRED) is not None:
        yield from node_selector(found[_REQUIRED], f"{path}.{_REQUIRED}")
    for index, term in enumerate(found.get(_PREFERRED) or ()):
        at = f"{path}.{_PREFERRED}[{index}]"
        if not 1 <= term.get("weight", 0) <= 100:
            yield invalid_value(f"{at}.weight", term.get("weight", 0), _WEIGHT)
        yield from node_selector_term(term.get("preference") or {}, f"{at}.preference", check_values=False)


def _pod_affinity(found: Obj, path: str) -> Check:
    yield from fields.each(found.get(_REQUIRED), f"{path}.{_REQUIRED}", _pod_term)
    for index, term in enumerate(found.get(_PREFERRED) or ()):
        at = f"{path}.{_PREFERRED}[{index}]"
        if not 1 <= term.get("weight", 0) <= 100:
            yield invalid_value(f"{at}.weight", term.get("weight", 0), _WEIGHT)
        yield from _pod_term(term.get("podAffinityTerm") or {}, f"{at}.podAffinityTerm")


def _pod_term(term: Obj, path: str) -> Check:
    yield from metadata.label_selector(term.get("labelSelector"), f"{path}.labelSelector")
    yield from metadata.label_selector(term.get("namespaceSelector"), f"{path}.namespaceSelector")
    for namespace in term.get("namespaces") or ():
        yield from fields.label(namespace, f"{path}.namespace")
    yield from _label_keys(term, path)
    key = term.get("topologyKey", "")
    if not key:
        yield required(f"{path}.topologyKey", "can not be empty")
    yield from metadata.label_name(key, f"{path}.topologyKey")


def _label_keys(term: Obj, path: str) -> Check:
    """matchLabelKeys and mismatchLabelKeys against the selector and each other."""
    selector = term.get("labelSelector")
    match, mismatch = term.get("matchLabelKeys") or [], term.get("mismatchLabelKeys") or []
    for name, keys in (("matchLabelKeys", match), ("mismatchLabelKeys", mismatch)):
        if keys and selector is None:
            yield forbidden_field(f"{path}.{name}", "must not be specified when labelSelector is not set")
        elif keys:
            for index, key in enumerate(keys):
                yield from metadata.label_name(key, f"{path}.{name}[{index}]")
    if selector is not None:
        seen = set(selector.get("matchLabels") or ())
        at = {key: index for index, key in enumerate(match)}
        for expression in selector.get("matchExpressions") or ():
            key = expression.get("key", "")
            if key in at and key in seen:
                message = "exists in both matchLabelKeys and labelSelector"
                yield invalid_value(f"{path}[{at[key]}]", key, message)
            seen.add(key)
    for index, key in enumerate(match):
        if key in mismatch:
            message = "exists in both matchLabelKeys and mismatchLabelKeys"
            yield invalid_value(f"{path}.matchLabelKeys[{index}]", key, message)


def taint_effect(effect: str, path: str) -> Check:
    yield from fields.one_of(effect, path, EFFECTS)


_KEYLESS = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'


def tolerations(found: Iterable[Obj] | None, path: str) -> Check:
    yield from fields.each(found, path, _toleration)


def _toleration(toleration: Obj, path: str) -> Check:
    key, operator, value = (toleration.get(name, "") for name in ("key", "operator", "value"))
    effect = toleration.get("effect", "")
    if key:
        yield from metadata.label_name(key, f"{path}.key")
    elif operator != "Exists":
        yield invalid_value(f"{path}.operator", operator, _KEYLESS)
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        yield invalid_value(f"{path}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
    if operator in ("", "Equal"):
        wrong = names.label_value_errors(value)
        if wrong:
            yield invalid_value(f"{path}.operator", value, ";".join(wrong))
    elif operator == "Exists":
        if value:
            yield invalid_value(f"{path}.operator", value, "value must be empty when `operator` is 'Exists'")
    elif operator in ("Lt", "Gt"):
        yield unsupported(f"{path}.operator", operator, ("Equal", "Exists", "Lt", "Gt"))
    else:
        yield unsupported(f"{path}.operator", operator, ("Equal", "Exists"))
    if effect:
        yield from taint_effect(effect, f"{path}.effect")


def topology_spread(found: list[Obj] | None, path: str) -> Check:
    constraints = found or []
    for index, constraint in enumerate(constraints):
        yield from _spread(constraint, constraints[index + 1 :], f"{path}[{index}]")


_ACTIONS = ("DoNotSchedule", "ScheduleAnyway")


def _spread(constraint: Obj, others: list[Obj], path: str) -> Check:
    key, action = constraint.get("topologyKey", ""), constraint.get("whenUnsatisfiable", "")
    yield from fields.positive(constraint.get("maxSkew"), f"{path}.maxSkew")
    if not key:
        yield required(f"{path}.topologyKey", "can not be empty")
    yield from fields.one_of(action, f"{path}.whenUnsatisfiable", _ACTIONS)
    same = (key, action)
    if any((each.get("topologyKey", ""), each.get("whenUnsatisfiable", "")) == same for each in others):
        yield duplicate(f"{path}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}")
    domains = constraint.get("minDomains")
    if domains is not None:
        yield from fields.positive(domains, f"{path}.minDomains")
        if action != "DoNotSchedule":
            message = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            yield invalid_value(f"{path}.minDomains", domains, message)
    for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if constraint.get(name) is not None:
            yield from fields.one_of(constraint[name], f"{path}.{name}", ("Honor", "Ignore"))
    yield from _label_keys(constraint, path)
    yield from metadata.label_selector(constraint.get("labelSelector"), f"{path}.labelSelector")


def taints(found: list[Obj] | None, path: str) -> Check:
    """A node's taints: each key with each effect once."""
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(found or ()):
        at, key, effect = f"{path}[{index}]", taint.get("key", ""), taint.get("effect", "")
        yield from metadata.label_name(key, f"{at}.key")
        wrong = names.label_value_errors(taint.get("value", ""))
        if wrong:
            yield invalid_value(f"{at}.value", taint.get("value", ""), ";".join(wrong))
        if not effect:
            yield required(f"{at}.effect")
        else:
            yield from taint_effect(effect, f"{at}.effect")
        if (key, effect) in seen:
            error = duplicate(at, internal.shown("core.Taint", taint))
            yield type(error)(error.type, error.field, error.value, "taints must be unique by key and effect pair")
        seen.add((key, effect))
