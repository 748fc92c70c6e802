"""Eviction: a deletion that disruption budgets may refuse."""

from dataclasses import replace

from wherry.aio.http.messages import Response
from wherry.api import Obj, errors, kinds, meta
from wherry.api.errors import StatusError
from wherry.api.kinds import Kind
from wherry.apiserver import bodies, encoding, negotiation, options
from wherry.apiserver.admission import node_restriction
from wherry.apiserver.core import Api, Call
from wherry.apiserver.options import DeleteOptions
from wherry.apiserver.registry import forms, storage
from wherry.apiserver.registry.creating import match_namespace, read_options
from wherry.apiserver.registry.deleting import delete_one
from wherry.apiserver.routes import Query
from wherry.lib import selectors
from wherry.lib.timestamps import rfc3339
from wherry.store import Mismatch, Put, Record

EVICTION = Kind("policy", "v1", "Eviction", "evictions")
ATTEMPTS = 20
TOO_MANY_BUDGETS = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


async def create(api: Api, call: Call) -> Response:
    accepted = negotiation.accept(call.request.headers.get("Accept"))
    write = read_options(call, "CreateOptions")
    form = negotiation.body_format(call.request.headers.get("Content-Type"))
    eviction = bodies.decode(EVICTION, call.request.body, form, write.field_validation, api.clock.now()).obj
    match_namespace(eviction["metadata"], EVICTION, call.target.namespace)
    if eviction["metadata"].get("name") != call.target.name:
        raise errors.bad_request("name in URL does not match name in Eviction object")
    wanted = options.delete_options(Query(""), eviction.get("deleteOptions") or {})
    wanted.dry_run = wanted.dry_run or write.dry_run
    await _evict(api, call, wanted)
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return forms.document(status, accepted, 201)


async def _evict(api: Api, call: Call, wanted: DeleteOptions) -> None:
    """Raises StatusError: 429 when a budget does not allow it now."""
    namespace, name = call.target.namespace, call.target.name
    for _ in range(ATTEMPTS):
        record = await storage.current(api, kinds.POD, namespace, name)
        if record is None:
            raise errors.not_found(kinds.POD, name)
        pod = encoding.decode(kinds.POD, record)
        node_restriction.check_eviction(call.user, pod)
        guarded = False
        if not _no_disruption(pod):
            guarded = await _ask_budget(api, pod, wanted.dry_run)
        try:
            await _delete(api, call, record, pod, wanted, strictly=guarded)
            return
        except Mismatch:
            continue
        except StatusError as error:
            if error.code != 409 or wanted.version is not None:
                raise
    raise errors.conflict(kinds.POD, name)


def _no_disruption(pod: Obj) -> bool:
    """Pods that serve nobody: not yet, or not any more."""
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or meta.deleting(pod)


async def _ask_budget(api: Api, pod: Obj, dry_run: bool) -> bool:
    """Take one disruption from the pod's budget. True: only the pod as it was seen may be deleted.
    Raises StatusError."""
    found = await _budgets(api, pod)
    if len(found) > 1:
        raise StatusError(
            500,
            "",
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        )
    if not found:
        return False
    record, budget = found[0]
    if not meta.is_true(pod, "Ready") and _unhealthy_may_go(budget):
        return True
    _take_disruption(budget, meta.name(pod), api.clock.now())
    if not dry_run:
        try:
            await storage.put(api, Put(record.key, encoding.encode(budget), record.revision))
        except Mismatch:
            return await _ask_budget(api, pod, dry_run)
    return False


async def _budgets(api: Api, pod: Obj) -> list[tuple[Record, Obj]]:
    kind = kinds.POD_DISRUPTION_BUDGET
    found = []
    for record in (await api.store.range(storage.prefix(kind, meta.namespace(pod)))).records:
        budget = encoding.decode(kind, record)
        if selectors.from_object(budget["spec"].get("selector")).matches(meta.labels(pod)):
            found.append((record, budget))
    return found


def _unhealthy_may_go(budget: Obj) -> bool:
    """A pod that is not ready counts for nothing, if its budget says so or has what it wants without it."""
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    desired = status.get("desiredHealthy", 0)
    return desired > 0 and status.get("currentHealthy", 0) >= desired


def _too_many(message: str, retry_after: int = 0) -> StatusError:
    details: Obj = {"causes": [{"reason": "DisruptionBudget", "message": message}]}
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    return StatusError(429, "TooManyRequests", REFUSED, details)


def _take_disruption(budget: Obj, pod: str, now: float) -> None:
    """Count the pod among those that are going, in place. Raises StatusError."""
    name, status = meta.name(budget), budget.setdefault("status", {})
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise _too_many(f"The disruption budget {name} is still being processed by the server.", 10)
    allowed = status.get("disruptionsAllowed", 0)
    if allowed <= 0:
        raise _too_many(_why_not(budget))
    status["disruptionsAllowed"] = allowed - 1
    status.setdefault("disruptedPods", {})[pod] = rfc3339(now)
    if allowed == 1:
        condition = {"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": ""}
        condition["observedGeneration"] = status.get("observedGeneration", 0)
        meta.set_condition(status.setdefault("conditions", []), condition, now)


def _why_not(budget: Obj) -> str:
    name, status = meta.name(budget), budget["status"]
    condition = meta.condition(budget, "DisruptionAllowed") or {}
    told = condition.get("message") if condition.get("status") == "False" else ""
    refuses = f"The disruption budget {name} does not allow evicting pods currently"
    desired, current = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
    if told and condition.get("reason") == "SyncFailed":
        return f"{refuses} because it failed sync: {told}"
    if current <= desired:
        return f"The disruption budget {name} needs {desired} healthy pods and has {current} currently"
    if told:
        return f"{refuses} ({condition.get('reason', '')}): {told}"
    return refuses


async def _delete(api: Api, call: Call, record: Record, pod: Obj, wanted: DeleteOptions, strictly: bool) -> None:
    """Note the eviction in the pod, then delete it. Raises StatusError, Mismatch."""
    if not wanted.dry_run:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "lastProbeTime": None,
            "reason": "EvictionByEvictionAPI",
            "message": "Eviction API: evicting",
        }
        conditions = pod.setdefault("status", {}).setdefault("conditions", [])
        meta.set_condition(conditions, condition, api.clock.now())
        record = await storage.put(api, Put(record.key, encoding.encode(pod), record.revision))
    if strictly or wanted.version is not None:
        wanted = replace(wanted, version=str(record.revision))
    await delete_one(api, call, call.target.namespace, call.target.name, wanted)
