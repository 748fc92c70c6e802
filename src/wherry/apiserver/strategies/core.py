"""Group core, except pods and Services."""

import uuid

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind
from wherry.apiserver.strategies.base import Context, Strategy, Verdict, keep
from wherry.lib.timestamps import rfc3339

FINALIZER = "kubernetes"


def _new_namespace(new: Obj, context: Context) -> None:
    new["status"] = {"phase": "Active"}
    spec = new.setdefault("spec", {})
    finalizers = spec.setdefault("finalizers", [])
    if FINALIZER not in finalizers:
        finalizers.append(FINALIZER)


def _namespace(new: Obj, old: Obj, context: Context) -> None:
    finalizers = (old.get("spec") or {}).get("finalizers")
    spec = new.setdefault("spec", {})
    if finalizers:
        spec["finalizers"] = finalizers
    else:
        spec.pop("finalizers", None)


def _finalize(new: Obj, old: Obj, context: Context) -> None:
    keep(new, old, "status")


def _terminate_namespace(obj: Obj, now: float) -> Verdict:
    """The first deletion starts the namespace's end; its controller empties it and takes the finalizers away."""
    metadata = obj["metadata"]
    if "deletionTimestamp" not in metadata:
        metadata["deletionTimestamp"] = rfc3339(now)
        obj.setdefault("status", {})["phase"] = "Terminating"
        return "mark"
    return "keep" if (obj.get("spec") or {}).get("finalizers") else ""


def _persistent_volume(new: Obj, context: Context) -> None:
    new["status"] = {"phase": "Pending", "lastPhaseTransitionTime": rfc3339(context.now)}


def _persistent_volume_status(new: Obj, old: Obj, context: Context) -> None:
    mine, theirs = new.setdefault("status", {}), old.get("status") or {}
    stamp = theirs.get("lastPhaseTransitionTime")
    if mine.get("phase") == theirs.get("phase"):
        if "lastPhaseTransitionTime" not in mine and stamp:
            mine["lastPhaseTransitionTime"] = stamp
    elif mine.get("lastPhaseTransitionTime") in (None, stamp):
        mine["lastPhaseTransitionTime"] = rfc3339(context.now)


def _data_sources(spec: Obj) -> None:
    """The old and the new way to name a claim's source say the same."""
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source and not reference:
        spec["dataSourceRef"] = dict(source)
    elif reference and not source and not reference.get("namespace"):
        spec["dataSource"] = {key: value for key, value in reference.items() if key != "namespace"}


def _claim(new: Obj, context: Context) -> None:
    _data_sources(new["spec"])


def _claim_update(new: Obj, old: Obj, context: Context) -> None:
    _data_sources(new["spec"])


def _secret(new: Obj, old: Obj, context: Context) -> None:
    if not new.get("type"):
        new["type"] = old.get("type")


def _service_account(new: Obj, context: Context) -> None:
    if "secrets" in new:
        new["secrets"] = [{"name": each["name"]} if "name" in each else {} for each in new["secrets"]]


def _limit_range(new: Obj, context: Context) -> None:
    if not new["metadata"].get("name"):
        new["metadata"]["name"] = str(uuid.UUID(int=context.random.getrandbits(128), version=4))


STRATEGIES: dict[Kind, Strategy] = {
    kinds.NAMESPACE: Strategy(
        status=True,
        create=_new_namespace,
        update=_namespace,
        subresources={"finalize": _finalize},
        terminate=_terminate_namespace,
        returns_deleted=True,
    ),
    kinds.NODE: Strategy(status=True, status_at_create="client"),
    kinds.PERSISTENT_VOLUME: Strategy(
        status=True, create=_persistent_volume, prepare_status=_persistent_volume_status, returns_deleted=True
    ),
    kinds.PERSISTENT_VOLUME_CLAIM: Strategy(status=True, create=_claim, update=_claim_update, returns_deleted=True),
    kinds.REPLICATION_CONTROLLER: Strategy(status=True, generation=("spec",), orphans="Orphan"),
    kinds.RESOURCE_QUOTA: Strategy(status=True, returns_deleted=True),
    kinds.SECRET: Strategy(update=_secret),
    kinds.SERVICE_ACCOUNT: Strategy(
        create=_service_account, update=lambda new, old, context: _service_account(new, context), returns_deleted=True
    ),
    kinds.POD_TEMPLATE: Strategy(generation=("template",), returns_deleted=True),
    kinds.ENDPOINTS: Strategy(create_on_update=True),
    kinds.LIMIT_RANGE: Strategy(create=_limit_range, create_on_update=True),
    kinds.EVENT: Strategy(create_on_update=True, orphans="none"),
}
