"""Resource names and amounts: what containers, pods, quotas and limit ranges may ask for."""

from collections.abc import Callable, Collection
from typing import Any

from wherry.api import Obj
from wherry.api.errors import FieldError, duplicate, forbidden_field, invalid_value, required, unsupported
from wherry.api.validation import fields
from wherry.api.validation.fields import Check
from wherry.lib import names, quantity

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_COUNTED = (
    "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps",
    "persistentvolumeclaims", "services.nodeports", "services.loadbalancers",
)  # fmt: skip
STANDARD = {*_COMPUTE, *(f"{way}.{name}" for way in ("requests", "limits") for name in _COMPUTE), *_COUNTED}
QUOTA = STANDARD | {"requests.storage"}
STANDARD |= {"storage", "requests.storage"}
POD_LEVEL = ("cpu", "memory")

NameCheck = Callable[[str, str], Check]


def is_huge_page(name: str) -> bool:
    return name.startswith("hugepages-")


def is_native(name: str) -> bool:
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """A resource that devices or administrators bring, such as example.com/gpu."""
    if is_native(name) or name.startswith("requests."):
        return False
    return not names.qualified_name_errors(f"requests.{name}")


def overcommits(name: str) -> bool:
    """Whether requests may be smaller than limits."""
    return is_native(name) and not is_huge_page(name)


def is_quota_huge_page(name: str) -> bool:
    return name.startswith(("hugepages-", "requests.hugepages-"))


def name(value: str, path: str) -> Check:
    """Any resource's name."""
    wrong = list(fields.qualified_name(value, path))
    yield from wrong
    if not wrong and "/" not in value and value not in STANDARD and not is_quota_huge_page(value):
        yield invalid_value(path, value, "must be a standard resource type or fully qualified")


def container_name(value: str, path: str) -> Check:
    yield from name(value, path)
    if "/" not in value:
        if value not in _COMPUTE and not is_huge_page(value):
            yield invalid_value(path, value, "must be a standard resource for containers")
    elif not is_native(value) and not is_extended(value):
        yield invalid_value(path, value, "doesn't follow extended resource name standard")


def pod_name(value: str, path: str) -> Check:
    """A resource that is given to a pod as a whole."""
    wrong = list(name(value, path))
    yield from wrong
    if not wrong and value not in POD_LEVEL and not is_huge_page(value):
        yield unsupported(path, value, POD_LEVEL)


def is_quota(value: str) -> bool:
    """A standard resource that quotas count."""
    return value in QUOTA or is_quota_huge_page(value)


def quota_name(value: str, path: str) -> Check:
    yield from name(value, path)
    if "/" not in value and not is_quota(value):
        yield invalid_value(path, value, "must be a standard resource for quota")


def is_integer(value: str) -> bool:
    return value in _COUNTED or is_extended(value)


def amount(resource: str, value: str, path: str) -> Check:
    """An amount of a resource: never negative, whole where it is counted."""
    yield from fields.amount_not_negative(value, path)
    if is_integer(resource) and quantity.milli(value) % 1000:
        yield invalid_value(path, value, fields.NOT_INTEGER)


def _huge_page(resource: str, value: str, path: str) -> Check:
    try:
        size = quantity.parse(resource.removeprefix("hugepages-"))
    except ValueError:
        size = fields.amount(0)
    if size <= 0 or quantity.parse(value) % size:
        yield invalid_value(path, value, f"{value} is not positive integer multiple of {resource}")


def requirements(found: Obj | None, claims: Collection[str] | None, path: str, named: NameCheck) -> Check:
    """Requests, limits and claims. `claims`: the names of the pod's resource claims."""
    found = found or {}
    limits, requests = found.get("limits") or {}, found.get("requests") or {}
    for resource, value in limits.items():
        at = f"{path}.limits[{resource}]"
        yield from named(resource, at)
        yield from amount(resource, value, at)
        if is_huge_page(resource):
            yield from _huge_page(resource, value, at)
    for resource, value in requests.items():
        at = f"{path}.requests[{resource}]"
        yield from named(resource, at)
        yield from amount(resource, value, at)
        yield from _against_limit(resource, value, limits, path)
        if is_huge_page(resource):
            yield from _huge_page(resource, value, at)
    asked = {*limits, *requests}
    if any(map(is_huge_page, asked)) and not asked & {"cpu", "memory"}:
        yield forbidden_field(path, "HugePages require cpu or memory")
    yield from _claims(found.get("claims"), claims or (), f"{path}.claims")


def _against_limit(resource: str, value: str, limits: Obj, path: str) -> Check:
    limit = limits.get(resource)
    if limit is None:
        if not overcommits(resource):
            yield required(f"{path}.limits", "Limit must be set for non overcommitable resources")
        return
    asked, most = fields.amount(value), fields.amount(limit)
    if asked != most and not overcommits(resource):
        yield invalid_value(f"{path}.requests", value, f"must be equal to {resource} limit of {limit}")
    elif asked > most:
        yield invalid_value(f"{path}.requests", value, f"must be less than or equal to {resource} limit of {limit}")


def _claims(found: Any, pod_claims: Collection[str], path: str) -> Check:
    seen: set[str] = set()
    for index, claim in enumerate(found or ()):
        at, claim_name, request = f"{path}[{index}]", claim.get("name", ""), claim.get("request", "")
        if not claim_name:
            yield required(at)
            continue
        if claim_name in seen:
            yield duplicate(at, claim_name)
        else:
            key = f"{claim_name}/{request}" if request else claim_name
            if request:
                yield from fields.label(request, f"{at}.request")
            if key in seen:
                yield duplicate(at, key)
            elif not request:
                yield from (duplicate(at, claim_name) for other in seen if other.partition("/")[0] == claim_name)
            seen.add(key)
        if claim_name not in pod_claims:
            known = f": {', '.join(sorted(pod_claims))}" if pod_claims else " which is empty"
            detail = f"must be one of the names in pod.spec.resourceClaims{known}"
            yield FieldError("FieldValueNotFound", at, claim_name, detail)
