"""Scale: the number of replicas of a workload, read and written alone.

A Scale is made from the workload and turned back into it; its field managers are the workload's as far as they manage
the replicas (apimachinery's ScaleHandler).
"""

from collections.abc import Callable

from wherry.aio.http.messages import Response
from wherry.api import Obj, decoding, errors, kinds, schema, validation
from wherry.api.kinds import Kind
from wherry.api.patch import fieldset, managed
from wherry.api.patch.managed import Entry, Managers, Writer
from wherry.apiserver import encoding, negotiation, patches
from wherry.apiserver.bodies import Decoded
from wherry.apiserver.core import Api, Call
from wherry.apiserver.options import WriteOptions
from wherry.apiserver.registry import forms, storage
from wherry.apiserver.registry.creating import match_namespace, read_body, read_options
from wherry.apiserver.registry.updating import change, check_name
from wherry.lib import selectors

SCALE = Kind("autoscaling", "v1", "Scale", "scales")
REPLICAS = fieldset.single("spec", "replicas")


def of_workload(obj: Obj) -> Obj:
    """The Scale of a workload."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    selector = spec.get("selector")
    if obj["kind"] == kinds.REPLICATION_CONTROLLER.kind:
        text = str(selectors.from_map(selector))
    else:
        text = str(selectors.from_object(selector))
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    scale = {
        "kind": SCALE.kind,
        "apiVersion": SCALE.api_version,
        "metadata": {name: obj["metadata"][name] for name in names if name in obj["metadata"]},
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {"replicas": status.get("replicas", 0), "selector": text},
    }
    return decoding.normalize(scale, schema.definition(SCALE.api_version, SCALE.kind)).object


async def get(api: Api, call: Call) -> Response:
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    record = await storage.current(api, call.kind, call.target.namespace, call.target.name)
    if record is None:
        raise errors.not_found(call.kind, call.target.name)
    return forms.document(of_workload(encoding.decode(call.kind, record)), accepted)


async def update(api: Api, call: Call) -> Response:
    options = read_options(call, "UpdateOptions")
    scale = read_body(api, call, SCALE, options)
    match_namespace(scale["metadata"], SCALE, call.target.namespace)
    check_name(scale, call.target.name)
    writer = _writer(api, options)
    node = schema.definition(SCALE.api_version, SCALE.kind)
    return await _write(api, call, options, lambda old: Decoded(managed.update(old, scale, node, writer)))


async def patch(api: Api, call: Call) -> Response:
    patch_type = negotiation.patch_type(call.request.headers.get("Content-Type"))
    options = read_options(call, "PatchOptions", patch_type)
    writer = _writer(api, options)
    patcher = patches.patcher(SCALE, patch_type, call.request.body, options, writer)
    node = schema.definition(SCALE.api_version, SCALE.kind)

    def patched(old: Obj) -> Decoded:
        found = patcher(old)
        match_namespace(found.obj["metadata"], SCALE, call.target.namespace)
        check_name(found.obj, call.target.name)
        if patch_type == "apply":
            return found
        return Decoded(managed.update(old, found.obj, node, writer), found.warnings)

    return await _write(api, call, options, patched)


def _writer(api: Api, options: WriteOptions) -> Writer:
    return Writer(options.manager, SCALE.api_version, SCALE.kind, "scale", now=api.clock.now())


async def _write(api: Api, call: Call, options: WriteOptions, new_scale: Callable[[Obj], Decoded]) -> Response:
    """Change the workload as its Scale is changed."""
    accepted = negotiation.accept(call.request.headers.get("Accept"))

    def new_workload(workload: Obj | None) -> Obj:
        if workload is None:
            raise errors.not_found(call.kind, call.target.name)
        old = of_workload(workload)
        parents = managed.decode(workload["metadata"].get("managedFields"))
        old = managed.attach(old, _to_scale(parents, call.kind))
        decoded = new_scale(old)
        for warning in decoded.warnings:
            call.warn(warning)
        return _scaled(call, workload, decoded.obj, parents)

    record, _ = await change(api, call, options, new_workload, managed=True, subresource="")
    return forms.document(of_workload(encoding.decode(call.kind, record)), accepted)


def _scaled(call: Call, workload: Obj, scale: Obj, parents: Managers) -> Obj:
    """The workload with the Scale's replicas. Raises StatusError."""
    found = validation.validate_create(SCALE, scale)
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if replicas < 0:
        found.append(errors.invalid_value("spec.replicas", replicas, "must be greater than or equal to 0"))
    if found:
        raise errors.invalid(SCALE, call.target.name, found)
    uid, actual = scale["metadata"].get("uid"), workload["metadata"]["uid"]
    if uid and uid != actual:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {actual}"
        raise errors.conflict(call.kind, call.target.name, why)
    managers = _to_workload(parents, managed.decode(scale["metadata"].get("managedFields")), call.kind)
    new = managed.attach({**workload, "spec": {**workload["spec"], "replicas": replicas}}, managers)
    new["metadata"]["resourceVersion"] = scale["metadata"].get("resourceVersion", "")
    return new


def _manages(entry: Entry) -> bool:
    return fieldset.has(entry.fields, "f:spec", "f:replicas")


def _to_scale(parents: Managers, kind: Kind) -> Managers:
    """Who manages the replicas, in the Scale's terms."""
    return {
        manager._replace(api_version=SCALE.api_version if manager.api_version else ""): Entry(
            REPLICAS, SCALE.api_version, entry.time
        )
        for manager, entry in parents.items()
        if entry.api_version == kind.api_version and _manages(entry)
    }


def _to_workload(parents: Managers, scales: Managers, kind: Kind) -> Managers:
    """The workload's managers, after what became of the Scale's."""
    left: Managers = {}
    remaining = {
        manager._replace(api_version=kind.api_version if manager.api_version else ""): entry
        for manager, entry in scales.items()
        if _manages(entry)
    }
    for manager, entry in parents.items():
        if not _manages(entry):
            left[manager] = entry
        elif manager in remaining:
            left[manager] = entry
            del remaining[manager]
        else:
            fields = fieldset.difference(entry.fields, REPLICAS)
            if fields:
                left[manager] = Entry(fields, entry.api_version, entry.time)
    for manager in remaining:
        known = parents.get(manager)
        left[manager] = Entry(REPLICAS, kind.api_version, known.time if known else None)
    return left
