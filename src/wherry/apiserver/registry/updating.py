"""Update and patch: from what is there to what shall be, as often as others are faster."""

from collections.abc import Callable
from dataclasses import replace

from wherry.aio.http.messages import Response
from wherry.api import Obj, errors
from wherry.api.kinds import Kind
from wherry.apiserver import authz, encoding, negotiation, patches, strategies
from wherry.apiserver.core import Api, Call
from wherry.apiserver.options import WriteOptions
from wherry.apiserver.registry import deleting, forms, storage, writing
from wherry.apiserver.registry.creating import (
    fill_system_fields,
    match_namespace,
    read_body,
    read_options,
    wipe,
)
from wherry.apiserver.registry.writing import Write
from wherry.store import Mismatch, Record

ATTEMPTS = 20

Change = Callable[[Obj | None], Obj]  # the current object (None: there is none) -> the new one


async def update(api: Api, call: Call) -> Response:
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    options = read_options(call, "UpdateOptions")
    ready = [_read(api, call, options)]

    def new_object(old: Obj | None) -> Obj:
        new = ready.pop() if ready else _read(api, call, options)  # a second attempt needs an object of its own
        if old is not None:
            _check_uid(call, new, old)
        return new

    record, created = await change(api, call, options, new_object)
    return forms.one(api, call, record, accepted, 201 if created else 200)


def _read(api: Api, call: Call, options: WriteOptions) -> Obj:
    obj = read_body(api, call, call.kind, options)
    match_namespace(obj["metadata"], call.kind, call.target.namespace)
    check_name(obj, call.target.name)
    return obj


def _check_uid(call: Call, new: Obj, old: Obj) -> None:
    """A uid in the body is a precondition."""
    given, actual = new["metadata"].get("uid"), old["metadata"]["uid"]
    if given and given != actual:
        key = storage.registry_path(call.kind, old)
        why = (
            f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, "
            f"AdditionalErrorMsg: Precondition failed: UID in precondition: {given}, UID in object meta: {actual}"
        )
        raise errors.conflict(call.kind, call.target.name, why)


def check_name(obj: Obj, name: str) -> None:
    """A name in the body must be the path's."""
    given = obj["metadata"].get("name", "")
    if not given:
        raise errors.bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )
    if given != name:
        raise errors.bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")


async def patch(api: Api, call: Call) -> Response:
    patch_type = negotiation.patch_type(call.request.headers.get("Content-Type"))
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    options = read_options(call, "PatchOptions", patch_type)
    writer = writing.writer(api, call.kind, options, call.target.subresource)
    patcher = patches.patcher(call.kind, patch_type, call.request.body, options, writer)

    def new_object(old: Obj | None) -> Obj:
        if old is None and patch_type != "apply":
            raise errors.not_found(call.kind, call.target.name)
        patched = patcher(old)
        for warning in patched.warnings:
            call.warn(warning)
        match_namespace(patched.obj["metadata"], call.kind, call.target.namespace)
        check_name(patched.obj, call.target.name)
        return patched.obj

    record, created = await change(api, call, options, new_object, managed=patch_type == "apply")
    return forms.one(api, call, record, accepted, 201 if created else 200)


async def change(
    api: Api,
    call: Call,
    options: WriteOptions,
    new_object: Change,
    managed: bool = False,
    subresource: str | None = None,
) -> tuple[Record, bool]:
    """Make the change; the record that stands then, and whether it was created. `managed`: the change has taken note
    of field managers itself. `subresource`: as which the object is prepared and checked, if not the request's.
    Raises StatusError."""
    target, kind = call.target, call.kind
    sub = target.subresource if subresource is None else subresource
    namespace = target.namespace if kind.namespaced else ""
    for _ in range(ATTEMPTS):
        current = await storage.current(api, kind, namespace, target.name)
        try:
            if current is None:
                return await _create(api, call, options, new_object, managed), True
            write = Write(api, call, kind, options, {}, None, current, sub, managed)
            return await _update(write, new_object), False
        except Mismatch:
            continue
    raise errors.conflict(kind, target.name)


async def _create(api: Api, call: Call, options: WriteOptions, new_object: Change, managed: bool) -> Record:
    """What an update or apply makes where nothing is."""
    kind = call.kind
    if not (managed or strategies.of(kind).create_on_update) or call.target.subresource:
        raise errors.not_found(kind, call.target.name)
    obj = new_object(None)
    if managed and obj["metadata"].get("uid"):
        uid = obj["metadata"]["uid"]
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise errors.conflict(kind, call.target.name, why)
    await api.authorizer.require(replace(authz.ask(call), verb="create"))
    wipe(obj["metadata"])
    obj["metadata"].pop("resourceVersion", None)
    write = Write(api, call, kind, options, obj, managed=managed)
    await writing.begin(write)
    fill_system_fields(api, write.new)
    await writing.finish(write)
    return await writing.commit(write)


async def _update(write: Write, new_object: Change) -> Record:
    kind, current = write.kind, write.record
    assert current is not None
    write.old = encoding.decode(kind, current)
    write.new = new_object(write.old)
    _check_version(kind, write.new, current, write.call.target.name)
    await writing.begin(write)
    await writing.finish(write)
    if _finished_deleting(write.new, write.old):
        return await deleting.remove_finished(write)
    return await writing.commit(write)


def _check_version(kind: Kind, new: Obj, current: Record, name: str) -> None:
    """Optimistic locking: a version that the client names must be the current one."""
    version = new["metadata"].get("resourceVersion", "")
    if version in ("", "0"):
        if not strategies.of(kind).unconditional_update:
            found = errors.invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            by_resource = Kind(kind.group, kind.version, kind.plural, kind.plural)
            raise errors.invalid(by_resource, name, [found])
    elif version != str(current.revision):
        raise errors.conflict(kind, name)
    new["metadata"]["resourceVersion"] = str(current.revision)


def _finished_deleting(new: Obj, old: Obj) -> bool:
    """Whether the update took the last finalizer from an object whose deletion waited for nothing else."""
    metadata = old["metadata"]
    if new["metadata"].get("finalizers") or "deletionTimestamp" not in metadata:
        return False
    if new.get("kind") == "Namespace" and (new.get("spec") or {}).get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds")
