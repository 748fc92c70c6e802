"""The conditions that the node owns: PodReadyToStartContainers, Initialized, Ready, ContainersReady, PodScheduled,
and PodResizePending while there is no room for what the pod asks for by now."""

from collections.abc import Iterable

from wherry.api import Obj, meta
from wherry.node.plan.eviction import DISRUPTION, EVICTED
from wherry.node.plan.podspec import containers, host_network, init_containers, is_sidecar, sidecars
from wherry.node.plan.view import View

RESIZE_PENDING, DISRUPTED = "PodResizePending", "DisruptionTarget"
OWNED = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled", RESIZE_PENDING)
# Others set it too, when they put a pod out.
PUBLISHED = (*OWNED, DISRUPTED)


def build(view: View, statuses: Iterable[Obj], phase: str) -> list[Obj]:
    """The node's conditions, after those that others keep in the pod's status."""
    by_name = {each["name"]: each for each in statuses}
    ready_containers = _containers_ready(view, by_name, phase)
    new = [
        {"type": "PodReadyToStartContainers", "status": str(_can_start(view))},
        _initialized(view, by_name, phase),
        _ready(view, ready_containers),
        ready_containers,
        {"type": "PodScheduled", "status": "True"},
    ]
    if view.no_room is not None:
        why = {"reason": view.no_room.reason, "message": view.no_room.message}
        new.append({"type": RESIZE_PENDING, "status": "True"} | why)
    if view.rejection is not None and view.rejection.reason == EVICTED:
        new.append({"type": DISRUPTED, "status": "True", "reason": DISRUPTION, "message": view.rejection.message})
    generation = view.pod["metadata"].get("generation")
    known = [each for each in view.status.get("conditions") or [] if each["type"] in PUBLISHED]
    for each in new:
        if generation:
            each["observedGeneration"] = generation
        before = next((old for old in known if old["type"] == each["type"]), None)
        each["lastTransitionTime"] = _since(before, each, view.now)
    return [*_foreign(view, {each["type"] for each in new}), *new]


def _foreign(view: View, ours: set[str]) -> list[Obj]:
    every = (view.pod.get("status") or {}).get("conditions") or []
    return [each for each in every if each["type"] not in OWNED and each["type"] not in ours]


def _since(before: Obj | None, after: Obj, now: float) -> str:
    from_before: list[Obj] = [dict(before)] if before else []
    meta.set_condition(from_before, after, now)
    return str(from_before[0]["lastTransitionTime"])


def _false(type: str, reason: str, message: str = "") -> Obj:
    out = {"type": type, "status": "False", "reason": reason}
    return out | {"message": message} if message else out


def _listed(names: list[str]) -> str:
    return "[" + " ".join(names) + "]"


def _complaints(unknown: list[str], others: list[str], word: str) -> str:
    parts = [("unknown", unknown), (word, others)]
    return ", ".join(f"containers with {which} status: {_listed(names)}" for which, names in parts if names)


def _can_start(view: View) -> bool:
    box = view.sandbox
    return box is not None and box.ready and (bool(box.addresses) or host_network(view.pod))


def _initialized(view: View, by_name: dict[str, Obj], phase: str) -> Obj:
    inits = init_containers(view.pod)
    unknown = [each["name"] for each in inits if each["name"] not in by_name]
    incomplete = [
        each["name"]
        for each in inits
        if (status := by_name.get(each["name"])) and not status.get("started" if is_sidecar(each) else "ready")
    ]
    if phase == "Succeeded" and not unknown:
        return {"type": "Initialized", "status": "True", "reason": "PodCompleted"}
    if any(_has_run(by_name.get(each["name"], {})) for each in containers(view.pod)):
        return {"type": "Initialized", "status": "True"}
    message = _complaints(unknown, incomplete, "incomplete")
    if message:
        return _false("Initialized", "ContainersNotInitialized", message)
    return {"type": "Initialized", "status": "True"}


def _has_run(status: Obj) -> bool:
    """Whether a container runs now or did before."""
    if "running" in (status.get("state") or {}):
        return True
    return any("terminated" in (status.get(field) or {}) for field in ("state", "lastState"))


def _containers_ready(view: View, by_name: dict[str, Obj], phase: str) -> Obj:
    counted = [each["name"] for each in [*sidecars(view.pod), *containers(view.pod)]]
    unknown = [each for each in counted if each not in by_name]
    unready = [each for each in counted if each in by_name and not by_name[each].get("ready")]
    if phase == "Succeeded" and not unknown:
        return _false("ContainersReady", "PodCompleted")
    if phase == "Failed":
        return _false("ContainersReady", "PodFailed")
    message = _complaints(unknown, unready, "unready")
    if message:
        return _false("ContainersReady", "ContainersNotReady", message)
    return {"type": "ContainersReady", "status": "True"}


def _ready(view: View, containers_ready: Obj) -> Obj:
    if containers_ready["status"] != "True":
        return {**containers_ready, "type": "Ready"}
    complaints = []
    for gate in view.pod["spec"].get("readinessGates") or []:
        wanted = gate["conditionType"]
        found = meta.condition(view.pod, wanted)
        if found is None:
            complaints.append(f'corresponding condition of pod readiness gate "{wanted}" does not exist.')
        elif found.get("status") != "True":
            state = found.get("status")
            complaints.append(f'the status of pod readiness gate "{wanted}" is not "True", but {state}')
    if complaints:
        return _false("Ready", "ReadinessGatesNotReady", ", ".join(complaints))
    return {"type": "Ready", "status": "True"}
