"""managedFields: who set which field last, kept for every write and read by server-side apply.

A manager is a name with an operation (Apply or Update), for an Update also an apiVersion, and the sub-resource it
wrote through. An ordinary write gives its manager what it added or changed, and takes it from the others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, NamedTuple

import orjson

from wherry.api import Obj, disabled
from wherry.api.decoding.shape import zero
from wherry.api.decoding.stored import as_stored
from wherry.api.kinds import Kind
from wherry.api.patch import fieldset, structured
from wherry.api.patch.fieldset import FieldSet
from wherry.api.schema import Node
from wherry.lib import timestamps

MAX_UPDATERS = 10
LARGEST = 8192  # bytes of a spec that is remembered
ANCIENT = "ancient-changes"
BEFORE_APPLY = "before-first-apply"

Converter = Callable[[Obj, str], Obj | None]


class Manager(NamedTuple):
    """Who manages fields. `api_version` is empty for an Apply: it stays the same manager in every version."""

    name: str
    operation: str
    api_version: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a manager holds, in the field paths of an apiVersion, since when."""

    fields: FieldSet
    api_version: str
    time: str | None = None


Managers = dict[Manager, Entry]


@dataclass(frozen=True, slots=True)
class Writer:
    """The write at hand: the manager's name, the kind, version and sub-resource of the request, the time in seconds
    since the epoch, the fields that such a request cannot set, and how to see an object in another version of its
    kind (None when there is no such version)."""

    name: str
    api_version: str
    kind: str = ""
    subresource: str = ""
    now: float = 0.0
    reset: FieldSet = field(default_factory=dict)
    convert: Converter = lambda obj, version: None

    def manager(self, operation: str) -> Manager:
        version = self.api_version if operation == "Update" else ""
        return Manager(self.name or "unknown", operation, version, self.subresource)


_STATUS = fieldset.single("status")
_SPEC = fieldset.single("spec")
_METADATA_TOO = fieldset.union(_SPEC, fieldset.single("metadata"))

# What a request cannot set, where it is not simply the status (main resource) or the spec (status).
_RESET: Mapping[tuple[str, str], FieldSet] = {
    ("Deployment", "status"): fieldset.union(_SPEC, fieldset.single("metadata", "labels")),
    ("Pod", "status"): {**_SPEC, "f:metadata": {"f:deletionTimestamp": {}, "f:ownerReferences": {}}},
    ("Namespace", "finalize"): _STATUS,
    ("CertificateSigningRequest", ""): fieldset.union(_SPEC, _STATUS),
    ("CertificateSigningRequest", "status"): fieldset.union(_SPEC, fieldset.single("status", "conditions")),
    ("CertificateSigningRequest", "approval"): fieldset.union(_SPEC, fieldset.single("status", "certificate")),
    ("ValidatingAdmissionPolicy", "status"): _METADATA_TOO,
    ("FlowSchema", "status"): _METADATA_TOO,
    ("PriorityLevelConfiguration", "status"): _METADATA_TOO,
    ("ServiceCIDR", "status"): _METADATA_TOO,
    ("ResourceClaim", "status"): _METADATA_TOO,
    ("VolumeAttachment", "status"): _METADATA_TOO,
    ("CustomResourceDefinition", "status"): _METADATA_TOO,
    ("APIService", "status"): _METADATA_TOO,
}


def reset_fields(kind: Kind, subresource: str) -> FieldSet:
    """The fields that a request to a kind or its sub-resource cannot set, and so never manages."""
    found = _RESET.get((kind.kind, subresource))
    if found is not None:
        return found
    if subresource == "status":
        return _SPEC
    return _STATUS if not subresource and "status" in kind.subresources else {}


# managedFields <-> Managers


def decode(entries: Any) -> Managers:
    """Managers of an object's managedFields. Raises ValueError for entries that say nothing usable."""
    managers: Managers = {}
    for entry in entries or ():
        operation, version = entry.get("operation", ""), entry.get("apiVersion", "")
        if operation not in ("Apply", "Update") or not version or entry.get("fieldsType") != "FieldsV1":
            raise ValueError("managedFields entry without operation, apiVersion or fieldsType")
        if not isinstance(entry.get("fieldsV1") or {}, dict):
            raise ValueError("managedFields entry with fields that are no object")
        key = Manager(
            entry.get("manager", ""),
            operation,
            version if operation == "Update" else "",
            entry.get("subresource", ""),
        )
        managers[key] = Entry(entry.get("fieldsV1") or {}, version, entry.get("time"))
    return managers


def encode(managers: Managers) -> list[Obj]:
    """managedFields, in upstream's order."""

    def order(item: tuple[Manager, Entry]) -> tuple[str, str, str, str, str]:
        manager, entry = item
        return manager.operation, entry.time or "", manager.name, entry.api_version, manager.subresource

    listed = sorted(managers.items(), key=order) if len(managers) > 1 else managers.items()
    return [_entry(manager, entry) for manager, entry in listed]


def _entry(manager: Manager, entry: Entry) -> Obj:
    out: Obj = {"manager": manager.name, "operation": manager.operation, "apiVersion": entry.api_version}
    if entry.time:
        out["time"] = entry.time
    out |= {"fieldsType": "FieldsV1", "fieldsV1": entry.fields}
    if manager.subresource:
        out["subresource"] = manager.subresource
    return out


def attach(obj: Obj, managers: Managers) -> Obj:
    """The object with these managers' entries."""
    metadata = dict(obj.get("metadata") or {})
    metadata.pop("managedFields", None)
    if managers:
        metadata["managedFields"] = encode(managers)
    return {**obj, "metadata": metadata}


def bare(obj: Obj) -> Obj:
    """The object without managedFields."""
    return attach(obj, {})


# Updates


def update(live: Obj | None, new: Obj, node: Node, writer: Writer) -> Obj:
    """The object to store after an ordinary write (create, update, patch): `new` with its managedFields.
    `live` is what was stored before; None for a create. Who manages an object that does not fit its schema (an
    element of a list map without its keys) is not noted."""
    managers = _before(live, new, writer.subresource)
    if managers or live is None:
        old = nothing(node) if live is None else bare(live)
        try:
            managers = capped(updated_managers(old, bare(new), node, managers, writer))
        except structured.StructureError:
            pass
    disabled.drop(writer.api_version, writer.kind, new, live)
    return attach(as_stored(new, node), managers)


@cache
def nothing(node: Node) -> Obj:
    """An object of a kind before anything was set: what a create is compared with. Read only."""
    empty: Obj = zero(node)
    return empty


def _before(live: Obj | None, new: Obj, subresource: str) -> Managers:
    """The managers to start from: what the request says, or else what was stored; none when it asks for a reset."""
    stored = ((live or {}).get("metadata") or {}).get("managedFields")
    if subresource:
        return _decoded_or_none(stored)
    given = (new.get("metadata") or {}).get("managedFields")
    if given in ([], [{}]):
        return {}
    try:
        managers = decode(given)
    except ValueError:
        return _decoded_or_none(stored)
    return managers or _decoded_or_none(stored)


def _decoded_or_none(entries: Any) -> Managers:
    try:
        return decode(entries)
    except ValueError:
        return {}


def updated_managers(old: Obj, new: Obj, node: Node, managers: Managers, writer: Writer) -> Managers:
    """Managers after an update from `old` to `new`, both without managedFields."""
    manager = writer.manager("Update")
    managers, filtered = taken(Change(old, new, node, _compared(old, new, node)), managers, writer, None)
    mine = fieldset.union(filtered.added, filtered.modified)
    mine = fieldset.difference(mine, STRIPPED)
    previous = managers.get(manager)
    if mine:
        if previous is not None:
            mine = fieldset.union(mine, fieldset.difference(previous.fields, filtered.removed))
        managers[manager] = Entry(mine, writer.api_version, timestamps.rfc3339(writer.now))
    return managers


def _compared(old: Obj, new: Obj, node: Node) -> structured.Comparison:
    """How two objects differ. Many are created from one template: what their spec adds is remembered by its text."""
    text = _text_of(new.get("spec")) if old is nothing(node) else None
    if text is None:
        return structured.compare(old, new, node)
    rest = structured.compare(_specless(old), _specless(new), node)
    return structured.Comparison(*map(fieldset.union, rest, _added_by_spec(text, node)))


def _specless(obj: Obj) -> Obj:
    return {key: value for key, value in obj.items() if key != "spec"}


def _text_of(spec: Any) -> bytes | None:
    """The text of a spec that is worth remembering."""
    if not isinstance(spec, dict):
        return None
    try:
        text = orjson.dumps(spec)
    except TypeError:  # a number that keeps its text
        return None
    return text if len(text) <= LARGEST else None


@lru_cache(512)
def _added_by_spec(text: bytes, node: Node) -> structured.Comparison:
    empty = nothing(node)
    return structured.compare({"spec": empty["spec"]} if "spec" in empty else {}, {"spec": orjson.loads(text)}, node)


class Change(NamedTuple):
    """An object before and after, and how these differ."""

    old: Obj
    new: Obj
    node: Node
    compared: structured.Comparison


# Fields that nobody manages: the server sets them, or they say which object this is.
STRIPPED: FieldSet = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {
        ".": {},
        **{
            f"f:{name}": {}
            for name in (
                "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation",
                "managedFields", "resourceVersion",
            )
        },
    },
}  # fmt: skip


class ConflictsError(Exception):
    """Others manage fields that were applied with other values: {manager: their fields at stake}."""

    def __init__(self, conflicts: dict[Manager, FieldSet]) -> None:
        super().__init__("conflicts")
        self.conflicts = conflicts


def taken(
    change: Change, managers: Managers, writer: Writer, applier: Manager | None, force: bool = True
) -> tuple[Managers, structured.Comparison]:
    """The managers without what a change takes from them, and the change without what the request cannot set.
    Raises ConflictsError when something would have to be taken and `force` is false."""
    versions = {writer.api_version: filtered(change.compared, writer.reset)}
    written: dict[str, FieldSet] = {}  # what was added or modified, by version
    conflicts: dict[Manager, FieldSet] = {}
    left: Managers = {}
    for manager, entry in managers.items():
        if manager == applier:
            left[manager] = entry
            continue
        seen = versions.get(entry.api_version) or _seen_in(entry.api_version, change, writer)
        if seen is None:
            continue  # a version that is no longer served
        versions[entry.api_version] = seen
        if entry.api_version not in written:
            written[entry.api_version] = fieldset.union(seen.modified, seen.added)
        conflict = fieldset.intersection(entry.fields, written[entry.api_version])
        if conflict:
            conflicts[manager] = conflict
        fields = fieldset.difference(fieldset.difference(entry.fields, conflict), seen.removed)
        if fields:
            left[manager] = entry if fields is entry.fields else Entry(fields, entry.api_version, entry.time)
    if conflicts and not force:
        raise ConflictsError(conflicts)
    return left, versions[writer.api_version]


def filtered(compared: structured.Comparison, reset: FieldSet) -> structured.Comparison:
    """A comparison without the fields that the request cannot set."""
    if not reset:
        return compared
    return structured.Comparison(*(fieldset.without(part, reset) for part in compared))


def _seen_in(version: str, change: Change, writer: Writer) -> structured.Comparison | None:
    old, new = writer.convert(change.old, version), writer.convert(change.new, version)
    if old is None or new is None:
        return None
    return filtered(structured.compare(old, new, change.node), writer.reset)


def capped(managers: Managers) -> Managers:
    """At most ten updaters: the oldest of a version are put together."""
    if len(managers) <= MAX_UPDATERS:
        return managers
    updaters = sorted(
        (manager for manager in managers if manager.operation == "Update"),
        key=lambda manager: (managers[manager].time or "", manager),
    )
    surplus = len(updaters) - MAX_UPDATERS
    if surplus <= 0:
        return managers
    left = dict(managers)
    first: dict[str, Manager] = {}
    for manager in updaters:
        if surplus <= 0:
            break
        entry = managers[manager]
        if entry.api_version not in first:
            first[entry.api_version] = manager
            continue
        bucket = Manager(ANCIENT, "Update", entry.api_version)
        if bucket not in left:
            left[bucket] = left.pop(first[entry.api_version])
        fields = fieldset.union(entry.fields, left[bucket].fields)
        left[bucket] = Entry(fields, entry.api_version, entry.time)
        del left[manager]
        surplus -= 1
    return left
