"""Server-side apply: a manager states the fields it wants; what it stops stating goes away; others' fields are safe.

    new = apply(live, configuration, node, Writer("kubectl", "apps/v1", now=now), force=False)

Conflicts are answered with a StatusError that names the managers and the fields. Source: structured-merge-diff's
merge.Updater and apimachinery's util/managedfields.
"""

from dataclasses import replace

import orjson

from wherry.api import Obj, disabled
from wherry.api.decoding.stored import as_stored
from wherry.api.errors import StatusError, apply_conflict, bad_request, quote
from wherry.api.patch import fieldset, managed, structured
from wherry.api.patch.fieldset import FieldSet
from wherry.api.patch.managed import ConflictsError, Entry, Manager, Managers, Writer
from wherry.api.patch.values import clone, same
from wherry.api.schema import Node
from wherry.lib import timestamps

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def apply(live: Obj | None, config: Obj, node: Node, writer: Writer, force: bool = False) -> Obj:
    """The object after applying, with its managedFields, before defaults. `live` is None when it does not exist yet.
    Raises StatusError: conflicts, a configuration that does not fit its schema."""
    existing = bare_zero(node, config) if live is None else live
    check(config, node, writer)
    managers = managed.decode((existing.get("metadata") or {}).get("managedFields"))
    current = managed.bare(existing)
    try:
        if not managers:
            before = replace(writer, name=managed.BEFORE_APPLY)
            managers = managed.updated_managers(managed.nothing(node), current, node, managers, before)
        merged, left = _apply_as(current, config, node, managers, writer, force)
    except structured.StructureError:  # the configuration has been checked
        raise _misfit("live", existing, structured.check(existing, node)) from None
    if writer.name == "kubectl" and _last_applied(merged):
        merged = _with_last_applied(merged, config)
    disabled.drop(writer.api_version, writer.kind, merged, live)
    return managed.attach(as_stored(merged, node), left)


def bare_zero(node: Node, config: Obj) -> Obj:
    """An object of the kind with nothing set but what kind it is."""
    return {**managed.nothing(node), "apiVersion": config.get("apiVersion"), "kind": config.get("kind")}


def check(config: Obj, node: Node, writer: Writer) -> None:
    """Whether a configuration can be applied at all. Raises StatusError."""
    version, kind = _text(config, "apiVersion"), _text(config, "kind")
    if (version, kind) != (writer.api_version, writer.kind):
        raise bad_request(f"invalid object type: {_go_version(version)}, Kind={kind}")
    metadata = config.get("metadata") or {}
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    problems = structured.check(config, node)
    if problems:
        raise _misfit("patch", config, problems)


def _text(config: Obj, name: str) -> str:
    value = config.get(name)
    return value if isinstance(value, str) else ""


def _misfit(which: str, obj: Obj, problems: list[str]) -> StatusError:
    """An object that does not fit its schema, which upstream takes for its own mistake."""
    text = problems[0] if len(problems) == 1 else "\n  ".join(["errors:", *problems])
    return StatusError(500, "", f"failed to create typed {which} object ({_identity(obj)}): {text}")


def unconvertible(config: Obj, why: str) -> StatusError:
    """The configuration fits its schema, but Go's type cannot hold it: a time that is none, for instance."""
    kind = f"{_go_version(config['apiVersion'])}, Kind={config['kind']}".removeprefix("/")
    why = f"unable to convert unstructured object to {kind}: {why}"
    return StatusError(500, "", f"failed to convert new object ({_identity(config)}) to proper version: {why}")


def _identity(config: Obj) -> str:
    metadata = config.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    target = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    return f"{target}; {_go_version(config.get('apiVersion', ''))}, Kind={config.get('kind', '')}"


def _go_version(api_version: str) -> str:
    """A group and version as Go prints them: `/v1` for the core group."""
    return api_version if "/" in api_version else f"/{api_version}"


Applied = tuple[Obj, Managers]


def _apply_as(live: Obj, config: Obj, node: Node, managers: Managers, writer: Writer, force: bool) -> Applied:
    """Apply, telling conflicts; kubectl may take over what it applied before without managing it."""
    try:
        return _apply(live, config, node, managers, writer, force)
    except ConflictsError as error:
        if writer.name == "kubectl":
            allowed = _unchanged_since_last_applied(live, node, writer)
            remaining = {who: fieldset.difference(found, allowed) for who, found in error.conflicts.items()}
            remaining = {who: found for who, found in remaining.items() if found}
            if not remaining:
                return _apply(live, config, node, managers, writer, True)
            error = ConflictsError(remaining)
        raise conflict_status(error.conflicts) from None


def _apply(live: Obj, config: Obj, node: Node, managers: Managers, writer: Writer, force: bool) -> Applied:
    applier = writer.manager("Apply")
    last = managers.get(applier)
    merged = structured.merge(live, clone(config), node)
    wanted = fieldset.without(structured.field_set(config, node), writer.reset)
    managers = {**managers, applier: Entry(wanted, writer.api_version, timestamps.rfc3339(writer.now))}
    merged = _pruned(merged, node, managers, last)
    change = managed.Change(live, merged, node, structured.compare(live, merged, node))
    left, _ = managed.taken(change, managers, writer, applier, force)
    mine = fieldset.difference(left[applier].fields, managed.STRIPPED)
    left = _settled(left, applier, mine, last, unchanged=same(live, merged))
    return merged, left


def _settled(left: Managers, applier: Manager, mine: FieldSet, last: Entry | None, unchanged: bool) -> Managers:
    """The applier's entry after the apply; its time only moves when the object changed."""
    entry = left.pop(applier)
    if mine:
        when = entry.time if not unchanged else last.time if last is not None else None
        left[applier] = Entry(mine, entry.api_version, when)
    return left


def _pruned(merged: Obj, node: Node, managers: Managers, last: Entry | None) -> Obj:
    """Without the fields that the applier stated last time and nobody states now."""
    if last is None or not last.fields:
        return merged
    named = structured.with_named_fields
    stated = named(last.fields, node)
    pruned = _removed(merged, stated, node)
    owned: FieldSet = {}
    for entry in managers.values():
        owned = fieldset.union(owned, entry.fields)
    everything = named(structured.field_set(merged, node), node)
    kept = fieldset.union(named(structured.field_set(pruned, node), node), named(owned, node))
    pruned = _removed(merged, fieldset.difference(everything, kept), node)
    remaining = named(structured.field_set(pruned, node), node)
    gone = fieldset.intersection(fieldset.difference(everything, remaining), stated)
    return _removed(merged, gone, node)


def _removed(value: Obj, gone: FieldSet, node: Node) -> Obj:
    left = structured.remove(value, gone, node)
    return {} if left is structured.ABSENT else left


# Conflicts


def conflict_status(conflicts: dict[Manager, FieldSet]) -> StatusError:
    """The answer to an apply that meets other managers' fields."""
    told = [(who, path) for who, found in conflicts.items() for path in fieldset.paths(found)]
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {_shown(who)}",
            "field": fieldset.show(path),
        }
        for who, path in told
    ]
    if len(told) == 1:
        text = f"Apply failed with 1 conflict: conflict with {_shown(told[0][0])}: {fieldset.show(told[0][1])}"
    else:
        lines = []
        for who in sorted(conflicts, key=_identifier):
            lines.append(f"conflicts with {_shown(who)}:")
            lines += [f"- {fieldset.show(path)}" for path in fieldset.paths(conflicts[who])]
        text = f"Apply failed with {len(told)} conflicts: " + "\n".join(lines)
    return apply_conflict(text, causes)


def _identifier(manager: Manager) -> bytes:
    """Upstream orders managers by their identity as JSON."""
    shown = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.api_version,
        "subresource": manager.subresource,
    }
    return orjson.dumps({key: value for key, value in shown.items() if value})


def _shown(manager: Manager) -> str:
    text = quote(manager.name)
    if manager.subresource:
        text += f" with subresource {quote(manager.subresource)}"
    return f"{text} using {manager.api_version}" if manager.operation == "Update" else text


# kubectl's own annotation


def _last_applied(obj: Obj) -> str:
    return ((obj.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED, "")


def _with_last_applied(obj: Obj, config: Obj) -> Obj:
    """Keep the annotation of client-side apply true for clients that still read it."""
    stated = clone(config)
    (stated.get("metadata", {}).get("annotations") or {}).pop(LAST_APPLIED, None)
    out = clone(obj)
    text = orjson.dumps(stated, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE).decode()
    out["metadata"]["annotations"][LAST_APPLIED] = text
    return out


def _unchanged_since_last_applied(live: Obj, node: Node, writer: Writer) -> FieldSet:
    """The fields that client-side apply set last and that are still as it set them."""
    try:
        last = orjson.loads(_last_applied(live))
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(last, dict) or last.get("apiVersion") != writer.api_version or structured.check(last, node):
        return {}
    compared = structured.compare(last, live, node)
    found = structured.field_set(last, node)
    for part in compared:
        found = fieldset.difference(found, part)
    return found
