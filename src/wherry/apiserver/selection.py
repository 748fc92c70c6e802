"""Which objects a list or watch is about: label and field selectors over stored records.

The fields that can be selected by are declared here, a row a kind; every other kind has its name and namespace.
Labels and fields are read through a projection that skips the rest of the object.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import msgspec

from wherry.api import Obj, errors, kinds
from wherry.api.kinds import Kind
from wherry.apiserver import encoding
from wherry.lib import selectors
from wherry.lib.selectors import Selector, SelectorError
from wherry.store import Record

Getter = Callable[[Obj], str]


@dataclass(frozen=True, slots=True)
class _Field:
    """A field by the names that lead to it."""

    path: tuple[str, ...]
    default: str = ""

    def __call__(self, obj: Obj) -> str:
        value: Any = obj
        for name in self.path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return self._shown(value)

    def of(self, record: Record) -> str:
        """The same of a stored object."""
        return self._shown(_read(record, self.path))

    def _shown(self, value: Any) -> str:
        if value is None:
            return self.default
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)


def _at(*path: str, default: str = "") -> _Field:
    return _Field(path, default)


def _event_source(obj: Obj) -> str:
    source = (obj.get("source") or {}).get("component")
    return str(source or obj.get("reportingComponent") or "")


def _pod_ip(obj: Obj) -> str:
    status = obj.get("status") or {}
    addresses = status.get("podIPs") or []
    return str(addresses[0].get("ip", "")) if addresses else str(status.get("podIP", ""))


_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_EVENT: dict[str, Getter] = {f"involvedObject.{name}": _at("involvedObject", name) for name in _INVOLVED}
_EVENT |= {
    "reason": _at("reason"),
    "reportingComponent": _at("reportingComponent"),
    "source": _event_source,
    "type": _at("type"),
}
_REPLICAS: dict[str, Getter] = {"status.replicas": _at("status", "replicas", default="0")}

FIELDS: dict[Kind, dict[str, Getter]] = {
    kinds.POD: {
        "spec.nodeName": _at("spec", "nodeName"),
        "spec.restartPolicy": _at("spec", "restartPolicy"),
        "spec.schedulerName": _at("spec", "schedulerName"),
        "spec.serviceAccountName": _at("spec", "serviceAccountName"),
        "spec.hostNetwork": _at("spec", "hostNetwork", default="false"),
        "status.phase": _at("status", "phase"),
        "status.podIP": _pod_ip,
        "status.podIPs": lambda obj: "",
        "status.nominatedNodeName": _at("status", "nominatedNodeName"),
    },
    kinds.NODE: {"spec.unschedulable": _at("spec", "unschedulable", default="false")},
    kinds.REPLICATION_CONTROLLER: _REPLICAS,
    kinds.EVENT: _EVENT,
    kinds.EVENTS_EVENT: _EVENT,
    kinds.NAMESPACE: {"status.phase": _at("status", "phase")},
    kinds.SECRET: {"type": _at("type")},
    kinds.SERVICE: {"spec.clusterIP": _at("spec", "clusterIP"), "spec.type": _at("spec", "type")},
    kinds.JOB: {"status.successful": _at("status", "succeeded", default="0")},
    kinds.CERTIFICATE_SIGNING_REQUEST: {"spec.signerName": _at("spec", "signerName")},
    kinds.RESOURCE_SLICE: {"spec.nodeName": _at("spec", "nodeName"), "spec.driver": _at("spec", "driver")},
}

# events.k8s.io names the same fields after its own schema.
_EVENTS_NAMES = {f"regarding.{name}": f"involvedObject.{name}" for name in _INVOLVED}
_EVENTS_NAMES |= {"reason": "reason", "reportingController": "reportingComponent", "type": "type"}

_ALIASES = {kinds.POD: {"spec.host": "spec.nodeName"}, kinds.EVENTS_EVENT: _EVENTS_NAMES}

# Kinds whose declared fields leave out the namespace.
_WITHOUT_NAMESPACE = {kinds.NODE, kinds.NAMESPACE, kinds.CERTIFICATE_SIGNING_REQUEST, kinds.RESOURCE_SLICE}


def _unsupported(kind: Kind, name: str) -> str:
    if kind is kinds.JOB:
        return f'field label "{name}" not supported for Job'
    if kind is kinds.RESOURCE_SLICE:
        return f"field label not supported for {kind.api_version}, Kind={kind.kind}: {name}"
    return f"field label not supported: {name}"


def _canonical_field(kind: Kind, name: str, extra: Mapping[str, Getter]) -> str:
    """The name a field is stored under. Raises StatusError."""
    declared = FIELDS.get(kind)
    if name == "metadata.name" or (name == "metadata.namespace" and kind not in _WITHOUT_NAMESPACE):
        return name
    if declared is None:
        if name in extra:
            return name
        known = ", ".join(f'"{each}"' for each in ("metadata.name", "metadata.namespace", *extra))
        raise errors.bad_request(f'"{name}" is not a known field selector: only {known}')
    aliases = _ALIASES.get(kind, {})
    if kind is kinds.EVENTS_EVENT and name not in aliases:
        raise errors.bad_request(_unsupported(kind, name))
    canonical = aliases.get(name, name)
    if canonical not in declared:
        raise errors.bad_request(_unsupported(kind, name))
    return canonical


class _Metadata(msgspec.Struct):
    labels: dict[str, str] | None = None


class _Labelled(msgspec.Struct):
    metadata: _Metadata


_labelled = msgspec.json.Decoder(_Labelled)


@lru_cache(2048)
def labels_of(record: Record) -> Mapping[str, str]:
    """A stored object's labels. Kept for the next asker: many watches look at the same few new records."""
    return _labelled.decode(encoding.HEAD + record.value).metadata.labels or {}


@lru_cache(2048)
def _read(record: Record, path: tuple[str, ...]) -> Any:
    """One field of a stored object; None where it is not."""
    try:
        value = _projection(path).decode(encoding.HEAD + record.value)
    except msgspec.ValidationError:  # something on the way is no object
        return None
    for _ in path:
        value = value.below if value is not None else None
    return value


@cache
def _projection(path: tuple[str, ...]) -> "msgspec.json.Decoder[Any]":
    """What skips everything but one field."""
    kind: Any = Any
    for name in reversed(path):
        kind = msgspec.defstruct("Projection", [("below", kind | None, None)], rename={"below": name})
    return msgspec.json.Decoder(kind)


@lru_cache(256)
def _whole(record: Record) -> Obj:
    decoded: Obj = msgspec.json.decode(encoding.HEAD + record.value)
    return decoded


Requirement = tuple[str, str, str]  # field, "=" or "!=", value


@dataclass(frozen=True, slots=True)
class Selection:
    """What must hold of an object. `name` and `namespace`: equalities that the fields ask for, "" when none."""

    kind: Kind
    labels: Selector
    fields: tuple[Requirement, ...] = ()

    @property
    def everything(self) -> bool:
        return not self.fields and self.labels.empty

    def equals(self, field: str) -> str:
        """The value that a field must have, or "" if any will do."""
        return next((value for name, operator, value in self.fields if name == field and operator == "="), "")

    def matches(self, record: Record) -> bool:
        if self.fields and not all(self._holds(requirement, record) for requirement in self.fields):
            return False
        return self.labels.empty or self.labels.matches(labels_of(record))

    def _holds(self, requirement: Requirement, record: Record) -> bool:
        name, operator, value = requirement
        return (self._value(name, record) == value) == (operator == "=")

    def _value(self, name: str, record: Record) -> str:
        if name == "metadata.name":
            return record.key.rpartition("/")[2]
        if name == "metadata.namespace":
            return record.key.split("/")[1] if record.key.count("/") > 1 else ""
        getter = FIELDS.get(self.kind, {}).get(name) or _at(*name.split("."))
        return getter.of(record) if isinstance(getter, _Field) else getter(_whole(record))


@lru_cache(1024)
def select(kind: Kind, labels: str, fields: str, extra: tuple[str, ...] = ()) -> Selection:
    """A selection from query texts. `extra`: selectable fields of a custom resource. Raises StatusError."""
    try:
        selector = selectors.parse(labels)
        wanted = selectors.parse_fields(fields)
    except SelectorError as error:
        raise errors.bad_request(str(error)) from None
    getters = {name: _at(*name.split(".")) for name in extra}
    found = []
    for name, operator, value in wanted:
        if name or value:
            found.append((_canonical_field(kind, name, getters), operator, value))
    return Selection(kind, selector, tuple(found))
