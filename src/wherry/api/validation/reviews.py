"""Reviews of authorization.k8s.io, which are asked and never stored; requests of tokens."""

from collections.abc import Callable, Collection

from wherry.api import Obj
from wherry.api.errors import forbidden_field, invalid_value, required
from wherry.api.validation import internal, metadata
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_ONE = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
_NO_SUBJECT = "at least one of user or group must be specified"
_SHORTEST_TOKEN, _LONGEST_TOKEN = 600, 2**32


def _about(spec: Obj, subject: bool) -> Check:
    """What is asked about: a resource or a path. `subject`: the review says whom it is about."""
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and path is not None:
        shown = internal.shown("authorization.NonResourceAttributes", path)
        message = "cannot be specified in combination with resourceAttributes"
        yield invalid_value("spec.nonResourceAttributes", shown, message)
    if resource is None and path is None:
        yield invalid_value("spec.resourceAttributes", None, _ONE)
    if subject and not spec.get("user") and not spec.get("groups"):
        yield invalid_value("spec.user", "", _NO_SUBJECT)
    for key, rule in (("fieldSelector", _field_requirement), ("labelSelector", _label_requirement)):
        selector = (resource or {}).get(key)
        if selector is not None:
            yield from _selector(selector, f"spec.resourceAttributes.{key}", rule)


def _selector(selector: Obj, path: str, rule: Callable[[Obj, str], Check]) -> Check:
    raw, requirements = selector.get("rawSelector"), selector.get("requirements")
    if raw and requirements:
        yield invalid_value(f"{path}.rawSelector", raw, "may not specified at the same time as requirements")
    if not raw and not requirements:
        message = f"when {path} is specified, requirements or rawSelector is required"
        yield required(f"{path}.requirements", message)
    for index, requirement in enumerate(requirements or ()):
        yield from rule(requirement, f"{path}.requirements[{index}]")


def _field_requirement(found: Obj, path: str) -> Check:
    """Operators that are not known are for the authorizer to judge."""
    if not found.get("key"):
        yield required(f"{path}.key", "must be specified")
    operator, values = found.get("operator", ""), found.get("values")
    if operator in ("In", "NotIn") and not values:
        yield required(f"{path}.values", metadata.NEEDS_VALUES)
    elif operator in ("Exists", "DoesNotExist") and values:
        yield forbidden_field(f"{path}.values", metadata.TAKES_NO_VALUES)


def _label_requirement(found: Obj, path: str) -> Check:
    yield from (
        error
        for error in metadata.label_selector_term(found, path)
        if error.field != f"{path}.operator"
    )  # fmt: skip


def _bare(obj: Obj, message: str, but: Collection[str] = ()) -> Check:
    """A review has no metadata."""
    found = obj.get("metadata") or {}
    if any(value for key, value in found.items() if key not in ("managedFields", *but)):
        yield invalid_value("metadata", found, message)


def _subject_access(obj: Obj) -> Check:
    yield from _about(obj["spec"], subject=True)
    yield from _bare(obj, "must be empty")


def _self_subject_access(obj: Obj) -> Check:
    yield from _about(obj["spec"], subject=False)
    yield from _bare(obj, "must be empty")


def _local_subject_access(obj: Obj) -> Check:
    spec = obj["spec"]
    yield from _about(spec, subject=True)
    yield from _bare(obj, "must be empty except for namespace", ("namespace",))
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    namespace = (resource or {}).get("namespace", "")
    if resource is not None and namespace != obj["metadata"].get("namespace", ""):
        yield invalid_value("spec.resourceAttributes.namespace", namespace, "must match metadata.namespace")
    if path is not None:
        shown = internal.shown("authorization.NonResourceAttributes", path)
        yield invalid_value("spec.nonResourceAttributes", shown, "disallowed on this kind of request")


def _token_request(obj: Obj) -> Check:
    seconds, path = (obj.get("spec") or {}).get("expirationSeconds", 0), "spec.expirationSeconds"
    if seconds < _SHORTEST_TOKEN:
        yield invalid_value(path, seconds, "may not specify a duration less than 10 minutes")
    if seconds > _LONGEST_TOKEN:
        yield invalid_value(path, seconds, "may not specify a duration larger than 2^32 seconds")


RULES = {
    "authorization.k8s.io/v1/SubjectAccessReview": Rules(body=_subject_access, own_metadata=False),
    "authorization.k8s.io/v1/SelfSubjectAccessReview": Rules(body=_self_subject_access, own_metadata=False),
    "authorization.k8s.io/v1/LocalSubjectAccessReview": Rules(body=_local_subject_access, own_metadata=False),
    "authentication.k8s.io/v1/TokenRequest": Rules(body=_token_request, own_metadata=False),
}
