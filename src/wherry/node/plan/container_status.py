"""The entries of containerStatuses, initContainerStatuses and ephemeralContainerStatuses."""

from collections.abc import Mapping

from wherry.api import Obj
from wherry.lib.timestamps import rfc3339
from wherry.node.plan.podspec import containers, ephemeral_containers, init_containers, is_sidecar
from wherry.node.plan.starting import Waiting, has_started
from wherry.node.plan.view import Container, Health, View

ID_PREFIX = "wherry://"
_LOST = "The container could not be located when the pod was deleted.  The container used to be Running"
_UNSEEN = (
    "Unable to get init container status from container runtime and pod has been initialized, "
    "treat it as exited normally"
)
_TERMINATED_LOST = "The container could not be located when the pod was terminated"
_KILLED = 137


def build(view: View, waiting: Mapping[str, Waiting]) -> Obj:
    """The three lists as a partial PodStatus; lists that would be empty are left out. `waiting` is what the plan says
    of containers that do not run, by name."""
    groups = (
        ("initContainerStatuses", init_containers(view.pod)),
        ("containerStatuses", containers(view.pod)),
        ("ephemeralContainerStatuses", ephemeral_containers(view.pod)),
    )
    out: Obj = {}
    for field, specs in groups:
        old = {each["name"]: each for each in view.status.get(field) or []}
        each = [_status(view, spec, old.get(spec["name"]), waiting, field) for spec in specs]
        if each:
            out[field] = each if field == "initContainerStatuses" else sorted(each, key=lambda s: str(s["name"]))
    return out


def _status(view: View, spec: Obj, old: Obj | None, waiting: Mapping[str, Waiting], field: str) -> Obj:
    attempts = view.attempts(spec["name"])
    regular_init = field == "initContainerStatuses" and not is_sidecar(spec)
    if not attempts:
        status = _without_record(view, spec, old, regular_init)
    else:
        status = _from_record(view, spec, attempts[0], regular_init, old)
        last = terminated(attempts[1]) if len(attempts) > 1 else _last_state(attempts[0], old)
        status["lastState"] = {"terminated": last} if last else {}
    reason = waiting.get(spec["name"])
    if reason is not None:
        if "terminated" in status["state"]:
            status["lastState"] = status["state"]
        status["state"] = {"waiting": _waiting(reason.reason, reason.message)}
    return status


def _waiting(reason: str, message: str = "") -> Obj:
    return {"reason": reason, "message": message} if message else {"reason": reason}


def _default(view: View) -> Obj:
    return {"waiting": _waiting("PodInitializing" if init_containers(view.pod) else "ContainerCreating")}


def _base(spec: Obj) -> Obj:
    status: Obj = {"name": spec["name"], "image": spec.get("image", ""), "imageID": "", "lastState": {}}
    mounts = [_mount(each) for each in spec.get("volumeMounts") or []]
    if mounts:
        status["volumeMounts"] = mounts
    return status


def _mount(mount: Obj) -> Obj:
    status = {"name": mount["name"], "mountPath": mount["mountPath"]}
    if mount.get("readOnly"):
        status |= {"readOnly": True, "recursiveReadOnly": "Disabled"}
    return status


def _without_record(view: View, spec: Obj, old: Obj | None, regular_init: bool) -> Obj:
    """The engine knows no attempt of it: it has not begun, or its traces are gone."""
    if old and "terminated" in (old.get("state") or {}):
        return dict(old)
    fresh = {"state": _default(view), "ready": False, "started": False, "restartCount": 0}
    status: Obj = _base(spec) | fresh
    initialized = any(view.latest(each["name"]) for each in containers(view.pod))
    if regular_init and initialized:
        ended = {"exitCode": 0, "reason": "Completed", "message": _UNSEEN}
        return status | {"state": {"terminated": ended | _never()}, "ready": True}
    if old is None:
        return status
    status["restartCount"] = old.get("restartCount", 0)
    status["lastState"] = old.get("lastState") or {}
    if "running" in (old.get("state") or {}):
        ended = {"exitCode": _KILLED, "reason": "ContainerStatusUnknown", "message": _LOST} | _never()
        if view.ending_since:
            status["state"] = {"terminated": ended | {"message": _TERMINATED_LOST}}
        else:
            status["lastState"] = {"terminated": ended}
            status["restartCount"] += 1
    return status


def _never() -> Obj:
    return {"startedAt": None, "finishedAt": None}


def _from_record(view: View, spec: Obj, record: Container, regular_init: bool, old: Obj | None) -> Obj:
    status = _base(spec) | {
        "image": record.image,
        "imageID": record.image_id,
        "containerID": ID_PREFIX + record.id,
        "restartCount": record.attempt,
        "state": _state(view, record),
    }
    status["started"] = started = has_started(view, spec, record)
    health = view.health.get(record.id, Health())
    if regular_init:
        status["ready"] = record.state == "exited" and record.exit_code == 0
    else:
        status["ready"] = started and (not spec.get("readinessProbe") or bool(health.ready))
    return status | _resources(spec, record, old)


def _resources(spec: Obj, record: Container, old: Obj | None) -> Obj:
    """What the container has: what it asks for, or while that is not yet done what it had before."""
    if record.outdated and old and old.get("containerID") == ID_PREFIX + record.id:
        return {key: old[key] for key in ("resources", "allocatedResources") if key in old}
    resources = spec.get("resources") or {}
    requests = resources.get("requests")
    return {"resources": resources} | ({"allocatedResources": requests} if requests else {})


def _state(view: View, record: Container) -> Obj:
    if record.state == "exited":
        return {"terminated": terminated(record)}
    if record.state == "running" and view.hooks.get(record.id) != "running":
        return {"running": {"startedAt": rfc3339(record.started_at)}}
    return _default(view)


def reason(record: Container) -> str:
    """Why it ended, in one word."""
    if record.oom_killed:
        return "OOMKilled"
    if record.reason:
        return record.reason
    return "Completed" if record.exit_code == 0 else "Error"


def terminated(record: Container) -> Obj:
    """A terminated state."""
    state: Obj = {
        "exitCode": record.exit_code,
        "reason": reason(record),
        "startedAt": rfc3339(record.started_at or record.created_at),
        "finishedAt": rfc3339(record.finished_at),
        "containerID": ID_PREFIX + record.id,
    }
    if record.message:
        state["message"] = record.message
    return state


def _last_state(record: Container, old: Obj | None) -> Obj | None:
    """Of the only attempt that the engine knows, what the status remembers of the one before."""
    if old is None:
        return None
    ended: Obj | None = (old.get("state") or {}).get("terminated")
    if ended and old.get("containerID") != ID_PREFIX + record.id:
        return ended
    last: Obj | None = (old.get("lastState") or {}).get("terminated")
    if last and last.get("containerID") != ID_PREFIX + record.id:
        return last
    return None
