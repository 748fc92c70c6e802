"""Delete: at once, after a grace period, or when the finalizers are done.

The decision is pure (`decide`): an object and the options -> keep it as it is, mark it, or remove it.
"""

from dataclasses import dataclass
from typing import Literal

from wherry.aio.http.messages import Response
from wherry.api import Obj, errors, kinds
from wherry.api.kinds import Kind
from wherry.apiserver import admission, bodies, encoding, negotiation, strategies
from wherry.apiserver.admission.attributes import Attributes
from wherry.apiserver.core import Api, Call
from wherry.apiserver.options import DeleteOptions, delete_options
from wherry.apiserver.registry import forms, storage
from wherry.apiserver.registry.writing import Write
from wherry.apiserver.strategies.base import Strategy
from wherry.lib.timestamps import parse, rfc3339
from wherry.store import Mismatch, Put, Record

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
ATTEMPTS = 20
_PRESERVED = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or "
    "set propagationPolicy=Orphan to suppress this warning"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """`keep`: deletion already waits for something, nothing changes. `mark`: write `obj`. `remove`: take it away
    (`obj` is its last state); with `announce`, write that first, so that watchers see the end coming."""

    what: Literal["keep", "mark", "remove"]
    obj: Obj
    announce: bool = False


async def delete(api: Api, call: Call) -> Response:
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    options = read_options(call)
    target = call.target
    namespace = target.namespace if call.kind.namespaced else ""
    answer, status = await delete_one(api, call, namespace, target.name, options)
    if answer.get("kind") != "Status":
        answer = forms.shaped(api, call, answer, accepted)
    return forms.document(answer, accepted, status)


def read_options(call: Call) -> DeleteOptions:
    """From the body if there is one, else from the query. Raises StatusError."""
    body = None
    if call.request.body:
        form = negotiation.body_format(call.request.headers.get("Content-Type"))
        body = bodies.options_body(call.request.body, form)
    return delete_options(call.query, body)


async def delete_one(api: Api, call: Call, namespace: str, name: str, options: DeleteOptions) -> tuple[Obj, int]:
    """Delete one object; what to answer, and its HTTP status. Raises StatusError."""
    kind = call.kind
    strategy = strategies.of(kind)
    if kind is kinds.JOB and not options.policy and options.orphan is None:
        call.warn(_PRESERVED)
    for _ in range(ATTEMPTS):
        record = await storage.current(api, kind, namespace, name)
        if record is None:
            raise errors.not_found(kind, name)
        old = encoding.decode(kind, record)
        _check_preconditions(kind, old, options)
        _admit(api, call, namespace, old, options)
        decision = decide(strategy, encoding.decode(kind, record), options, api.clock.now())
        try:
            obj = await _carry_out(api, kind, record, decision, options.dry_run)
        except Mismatch:
            continue
        return _answer(kind, strategy, decision, obj, options)
    raise errors.conflict(kind, name)


def _check_preconditions(kind: Kind, obj: Obj, options: DeleteOptions) -> None:
    metadata = obj["metadata"]
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    named = Kind(kind.group, kind.version, kind.kind, kind.kind)
    if options.uid is not None and options.uid != uid:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({uid}). "
            "The object might have been deleted and then recreated"
        )
        raise errors.conflict(named, metadata["name"], why)
    if options.version is not None and options.version != version:
        why = (
            f"the ResourceVersion in the precondition ({options.version}) does not match the ResourceVersion in "
            f"record ({version}). The object might have been modified"
        )
        raise errors.conflict(named, metadata["name"], why)


def _admit(api: Api, call: Call, namespace: str, old: Obj, options: DeleteOptions) -> None:
    name = old["metadata"]["name"]
    where = namespace or (name if call.kind.plural == "namespaces" else "")
    attributes = Attributes(
        "DELETE", call.kind, where, name, "", None, old, call.user, options.dry_run, call.warn, str
    )
    admission.mutate(api.mirror, attributes)
    admission.validate(api.mirror, attributes)


def decide(strategy: Strategy, obj: Obj, options: DeleteOptions, now: float) -> Decision:
    """What a deletion does to an object (which may be changed in place). Pure."""
    metadata = obj["metadata"]
    grace = 1 if options.grace is not None and options.grace < 0 else options.grace
    graceful = False
    if strategy.terminate is not None:
        verdict = strategy.terminate(obj, now)
        if verdict == "mark":
            _set_finalizers(strategy, metadata, options)
        if verdict:
            return Decision(verdict, obj)
    if strategy.grace is not None:
        if "deletionTimestamp" in metadata:
            state = _shorten(metadata, grace, now)
            if state == "pending":
                return Decision("keep", obj)
            graceful = state == "shortened"
        else:
            period = strategy.grace(obj, grace)
            _stamp(metadata, now + period, period)
            graceful = True
    _set_finalizers(strategy, metadata, options)
    waits = bool(metadata.get("finalizers"))
    if graceful:
        remove = not waits and metadata["deletionGracePeriodSeconds"] == 0
        return Decision("remove" if remove else "mark", obj, remove)
    if waits:
        _mark(metadata, now)
        return Decision("mark", obj)
    return Decision("remove", obj)


def _shorten(metadata: Obj, grace: int | None, now: float) -> Literal["now", "pending", "shortened"]:
    """A second deletion may only make the time shorter."""
    current = metadata.get("deletionGracePeriodSeconds") or 0
    if not current:
        return "now"
    if grace is None or grace >= current:
        return "pending"
    until = parse(metadata["deletionTimestamp"]) - current + grace
    if until < now:
        until = now
        grace = 1 if grace else 0
    metadata["deletionTimestamp"] = rfc3339(until)
    metadata["deletionGracePeriodSeconds"] = grace
    return "shortened"


def _stamp(metadata: Obj, until: float, period: int) -> None:
    """The first mark of deletion; the object's controllers see a new generation."""
    metadata["deletionTimestamp"] = rfc3339(until)
    metadata["deletionGracePeriodSeconds"] = period
    if metadata.get("generation"):
        metadata["generation"] += 1


def _mark(metadata: Obj, now: float) -> None:
    """Deletion that only waits for finalizers."""
    if "deletionTimestamp" not in metadata:
        _stamp(metadata, now, 0)
    elif parse(metadata["deletionTimestamp"]) > now:
        metadata["deletionTimestamp"] = rfc3339(now)
    metadata["deletionGracePeriodSeconds"] = 0


def _set_finalizers(strategy: Strategy, metadata: Obj, options: DeleteOptions) -> None:
    """The garbage collector's finalizers, as the propagation policy asks for."""
    current: list[str] = metadata.get("finalizers") or []
    finalizers = [each for each in current if each not in (ORPHAN, FOREGROUND)]
    policy = _policy(strategy, current, options)
    if policy == "Orphan":
        finalizers.append(ORPHAN)
    elif policy == "Foreground":
        finalizers.append(FOREGROUND)
    if set(finalizers) != set(current):
        metadata["finalizers"] = finalizers
    if not metadata.get("finalizers"):
        metadata.pop("finalizers", None)


def _policy(strategy: Strategy, finalizers: list[str], options: DeleteOptions) -> str:
    if strategy.orphans == "none":
        return "Background"
    if options.orphan is not None:
        return "Orphan" if options.orphan else "Background"
    if options.policy:
        return options.policy
    if ORPHAN in finalizers:
        return "Orphan"
    if FOREGROUND in finalizers:
        return "Foreground"
    return strategy.orphans


async def _carry_out(api: Api, kind: Kind, record: Record, decision: Decision, dry_run: bool) -> Obj:
    """Do it; the object as it was left. Raises Mismatch."""
    if decision.what == "keep" or dry_run:
        return decision.obj
    if decision.what == "mark" or decision.announce:
        value = encoding.encode(decision.obj)
        if value != record.value:
            record = await storage.put(api, Put(record.key, value, record.revision))
        if decision.what == "mark":
            return encoding.decode(kind, record)
    try:
        revision = await _remove(api, kind, record, decision.obj)
    except Mismatch:
        if decision.announce and await api.store.get(record.key) is None:
            return decision.obj  # who saw the announcement was faster: it is done all the same
        raise
    decision.obj["metadata"]["resourceVersion"] = str(revision)
    return decision.obj


async def _remove(api: Api, kind: Kind, record: Record, obj: Obj) -> int:
    """Take an object away, with what belongs to it alone. Raises Mismatch."""
    if kind is not kinds.SERVICE:
        return await storage.delete(api, record.key, record.revision)
    claim = api.services.deleted(obj)
    revision = await storage.delete(api, record.key, record.revision, claim.operations(obj, api.clock.now()))
    claim.keep()
    return revision


def _answer(kind: Kind, strategy: Strategy, decision: Decision, obj: Obj, options: DeleteOptions) -> tuple[Obj, int]:
    removed = decision.what == "remove"
    status = 202 if not removed and options.orphan is False else 200
    if strategy.returns_deleted or decision.what == "mark":
        return obj, status
    details = {
        "name": obj["metadata"]["name"],
        "group": kind.group,
        "kind": kind.plural,
        "uid": obj["metadata"]["uid"],
    }
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }, status


async def remove_finished(write: Write) -> Record:
    """Take away an object whose last finalizer an update removed; the answer is the object. Raises Mismatch."""
    assert write.record is not None
    value = encoding.encode(write.new)
    if not write.options.dry_run:
        await _remove(write.api, write.kind, write.record, write.new)
    return Record(write.record.key, value, write.record.revision, write.record.created)
