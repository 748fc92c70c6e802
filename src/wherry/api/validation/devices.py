"""ResourceClaim, ResourceClaimTemplate, DeviceClass."""

from functools import partial

from wherry.api import Obj
from wherry.api.errors import forbidden_field, invalid_value, required, too_many, unsupported
from wherry.api.validation import addresses, claims, devicerules, fields, internal, metadata, resources, scheduling
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_MOST_REQUESTS = 32
_MOST_ALTERNATIVES = 8
_MOST_RESULTS = 32
_MOST_CONSTRAINTS = _MOST_CONFIGURATIONS = 32
_MOST_CONSUMERS = 256
_ONE_WAY = "exactly one of `exactly` or `firstAvailable` is required"
_NO_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"

# What a claim asks for


def _named(found: Obj) -> str:
    return str(found.get("name", ""))


def _claim(obj: Obj) -> Check:
    yield from _spec(obj.get("spec") or {}, "spec")


def _spec(spec: Obj, path: str) -> Check:
    devices, at = spec.get("devices") or {}, f"{path}.devices"
    known = _request_names(devices)
    yield from devicerules.distinct(devices.get("requests"), _MOST_REQUESTS, _request, _named, f"{at}.requests")
    constraint, configuration = (partial(rule, known=known) for rule in (_constraint, _configuration))
    yield from devicerules.sliced(devices.get("constraints"), _MOST_CONSTRAINTS, constraint, f"{at}.constraints")
    yield from devicerules.sliced(devices.get("config"), _MOST_CONFIGURATIONS, configuration, f"{at}.config")


def _request_names(devices: Obj) -> set[str]:
    """`request`, and `request/alternative` for those that have alternatives."""
    found: set[str] = set()
    for request in devices.get("requests") or ():
        name = request.get("name", "")
        found |= {name, *(f"{name}/{each.get('name', '')}" for each in request.get("firstAvailable") or ())}
    return found


def _request(found: Obj, path: str) -> Check:
    yield from devicerules.label(found.get("name", ""), f"{path}.name")
    exactly, alternatives = found.get("exactly"), found.get("firstAvailable")
    if exactly is None and not alternatives:
        yield required(path, _ONE_WAY)
    elif exactly is not None and alternatives:
        yield invalid_value(path, None, f"{_ONE_WAY}, but multiple fields are set")
    elif exactly is not None:
        yield from _asked(exactly, f"{path}.exactly")
    else:
        at = f"{path}.firstAvailable"
        yield from devicerules.distinct(alternatives, _MOST_ALTERNATIVES, _alternative, _named, at)


def _alternative(found: Obj, path: str) -> Check:
    yield from devicerules.label(found.get("name", ""), f"{path}.name")
    yield from _asked(found, path)


def _asked(found: Obj, path: str) -> Check:
    if not found.get("deviceClassName"):
        yield required(f"{path}.deviceClassName")
    else:
        yield from fields.subdomain(found["deviceClassName"], f"{path}.deviceClassName")
    yield from devicerules.selectors(found.get("selectors"), f"{path}.selectors")
    mode, count = found.get("allocationMode", ""), found.get("count", 0)
    if mode == "All" and count:
        yield invalid_value(f"{path}.count", count, "must not be specified when allocationMode is 'All'")
    elif mode == "ExactCount":
        yield from fields.positive(count, f"{path}.count")
    elif mode != "All":
        yield unsupported(f"{path}.allocationMode", mode, ("All", "ExactCount"))
    yield from fields.each(found.get("tolerations"), f"{path}.tolerations", devicerules.toleration)


def _requests(found: Obj, path: str, known: set[str]) -> Check:
    """The requests that something is about."""
    check = partial(_request_name, known=known)
    yield from devicerules.distinct(found.get("requests"), _MOST_REQUESTS, check, str, f"{path}.requests")


def _request_name(name: str, path: str, known: set[str]) -> Check:
    segments = name.split("/")
    if len(segments) > 2:
        yield invalid_value(path, name, _NO_REQUEST)
        return
    for segment in segments:
        yield from devicerules.label(segment, path)
    if name not in known:
        yield invalid_value(path, name, _NO_REQUEST)


def _constraint(found: Obj, path: str, known: set[str]) -> Check:
    yield from _requests(found, path, known)
    for key in ("matchAttribute", "distinctAttribute"):
        if found.get(key) is not None:
            yield from devicerules.fully_qualified(found[key], f"{path}.{key}")
            return
    message = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
    yield required(path, message)


def _configuration(found: Obj, path: str, known: set[str]) -> Check:
    yield from _requests(found, path, known)
    yield from devicerules.configuration(found, path)


def _claim_update(new: Obj, old: Obj) -> Check:
    now, before = (obj.get("spec") or {} for obj in (new, old))
    yield from internal.immutable("resource.ResourceClaimSpec", now, before, "spec")


# What it got


def _claim_status(new: Obj, old: Obj) -> Check:
    status, before = new.get("status") or {}, old.get("status") or {}
    consumers, allocation = status.get("reservedFor") or [], status.get("allocation")
    path = "status.reservedFor"
    yield from devicerules.distinct(consumers, _MOST_CONSUMERS, _consumer, lambda each: each.get("uid", ""), path)
    yield from _device_statuses(status, "status.devices")
    if consumers and allocation is None:
        yield forbidden_field(path, "may not be specified when `allocated` is not set")
    elif consumers and new["metadata"].get("deletionTimestamp"):
        known = before.get("reservedFor") or []
        if any(each not in known for each in consumers):
            message = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
            yield forbidden_field(path, message)
    if allocation is not None and before.get("allocation") is not None:
        was = before["allocation"]
        yield from internal.immutable("resource.AllocationResult", allocation, was, "status.allocation")
    elif allocation is not None:
        known_names = _request_names((new.get("spec") or {}).get("devices") or {})
        yield from _allocation(allocation, "status.allocation", known_names)


def _consumer(found: Obj, path: str) -> Check:
    yield from fields.needed(found, path, "resource", "name", "uid")


_IDENTITY = (("Driver", "driver"), ("Pool", "pool"), ("Device", "device"), ("ShareID", "shareID"))


def _identity(found: Obj) -> tuple[tuple[str, str], ...]:
    return tuple((shown, found.get(key) or "") for shown, key in _IDENTITY)


def _device_statuses(status: Obj, path: str) -> Check:
    results = ((status.get("allocation") or {}).get("devices") or {}).get("results") or ()
    check = partial(_device_status, allocated={_identity(each) for each in results})
    yield from devicerules.distinct(status.get("devices"), -1, check, _identity, path)


def _device_status(found: Obj, path: str, allocated: set[tuple[tuple[str, str], ...]]) -> Check:
    yield from _device_name(found, path)
    if found.get("shareID") is not None:
        yield from devicerules.uid(found["shareID"], f"{path}.shareID")
    if _identity(found) not in allocated:
        yield invalid_value(path, dict(_identity(found)), "must be an allocated device in the claim")
    conditions = found.get("conditions") or []
    if len(conditions) > devicerules.MOST_CONDITIONS:
        yield too_many(f"{path}.conditions", len(conditions), devicerules.MOST_CONDITIONS)
    yield from metadata.conditions(conditions, f"{path}.conditions")
    if found.get("data") is not None:
        yield from devicerules.raw(found["data"], f"{path}.data", 10 * 1024)
    yield from _network(found.get("networkData") or {}, f"{path}.networkData")


def _device_name(found: Obj, path: str) -> Check:
    """Where a device is found: driver, pool, name."""
    yield from devicerules.driver(found.get("driver", ""), f"{path}.driver")
    yield from devicerules.pool(found.get("pool", ""), f"{path}.pool")
    yield from devicerules.label(found.get("device", ""), f"{path}.device")


def _network(found: Obj, path: str) -> Check:
    for key, most in (("interfaceName", 256), ("hardwareAddress", 128)):
        yield from fields.at_most(found.get(key, ""), most, f"{path}.{key}")
    yield from devicerules.distinct(found.get("ips"), 16, addresses.interface, str, f"{path}.ips")


def _allocation(found: Obj, path: str, known: set[str]) -> Check:
    devices, at = found.get("devices") or {}, f"{path}.devices"
    result, configuration = (partial(rule, known=known) for rule in (_result, _allocated_configuration))
    yield from devicerules.sliced(devices.get("results"), _MOST_RESULTS, result, f"{at}.results")
    yield from devicerules.sliced(devices.get("config"), 2 * _MOST_CONFIGURATIONS, configuration, f"{at}.config")
    if found.get("nodeSelector") is not None:
        yield from scheduling.node_selector(found["nodeSelector"], f"{path}.nodeSelector")


def _result(found: Obj, path: str, known: set[str]) -> Check:
    yield from _request_name(found.get("request", ""), f"{path}.request", known)
    yield from _device_name(found, path)
    yield from devicerules.binding(found, path)
    if found.get("shareID") is not None:
        yield from devicerules.uid(found["shareID"], f"{path}.shareID")


def _allocated_configuration(found: Obj, path: str, known: set[str]) -> Check:
    yield from fields.one_of_or_needed(found.get("source"), f"{path}.source", ("FromClaim", "FromClass"))
    yield from _configuration(found, path, known)


# DeviceClass, ResourceClaimTemplate


def _device_class(obj: Obj) -> Check:
    spec = obj.get("spec") or {}
    yield from devicerules.selectors(spec.get("selectors"), "spec.selectors")
    configurations = spec.get("config")
    yield from devicerules.sliced(configurations, _MOST_CONFIGURATIONS, devicerules.configuration, "spec.config")
    name = spec.get("extendedResourceName")
    if name is not None and not resources.is_extended(name):
        yield invalid_value("spec.extendedResourceName", name, "must be a valid extended resource name")


def _template(obj: Obj) -> Check:
    spec = obj.get("spec") or {}
    yield from claims.template_metadata(spec.get("metadata") or {}, "spec.metadata")
    yield from _spec(spec.get("spec") or {}, "spec.spec")


def _template_update(new: Obj, old: Obj) -> Check:
    now, before = ({**(spec.get("metadata") or {}), "spec": spec.get("spec")} for spec in (new["spec"], old["spec"]))
    yield from internal.immutable("resource.ResourceClaimTemplateSpec", now, before, "spec")


_GROUP = "resource.k8s.io/v1"

RULES = {
    f"{_GROUP}/ResourceClaim": Rules(
        body=_claim, change=_claim_update, recheck=True, subresources={"status": _claim_status}
    ),
    f"{_GROUP}/ResourceClaimTemplate": Rules(body=_template, change=_template_update),
    f"{_GROUP}/DeviceClass": Rules(body=_device_class, recheck=True),
}
