"""What a node's silence or its conditions mean for it and its pods.

Source: upstream's pkg/controller/nodelifecycle.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from wherry.api import Obj, meta
from wherry.api.kinds import NODE, POD
from wherry.controllers import taints
from wherry.controllers.actions import Action, Actions, Event, Requeue, Together, Update, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.nodelifecycle.zones import Licence
from wherry.controllers.pods import condition_patch, created_at
from wherry.lib.timestamps import rfc3339

# Seconds of silence after which a node counts as unreachable; a new node gets longer for its first status.
GRACE, STARTUP_GRACE = 40.0, 60.0

_WATCHED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
# (condition, status) -> taint
_TAINT_OF = {
    ("Ready", "False"): taints.NOT_READY,
    ("Ready", "Unknown"): taints.UNREACHABLE,
    ("MemoryPressure", "True"): taints.MEMORY_PRESSURE,
    ("DiskPressure", "True"): taints.DISK_PRESSURE,
    ("NetworkUnavailable", "True"): taints.NETWORK_UNAVAILABLE,
    ("PIDPressure", "True"): taints.PID_PRESSURE,
}
_OWN_TAINTS = {*_TAINT_OF.values(), taints.UNSCHEDULABLE}
_LABELS = {"kubernetes.io/os": "beta.kubernetes.io/os", "kubernetes.io/arch": "beta.kubernetes.io/arch"}


@dataclass(frozen=True, slots=True)
class Health:
    """What is remembered of a node. `heard`: when a sign of life was last seen by this process's clock (monotonic
    seconds), told apart by `heartbeat` and `renewed`. `ready`: the status of Ready at the last pass; None: there
    was none yet in this process."""

    heard: float
    heartbeat: str = ""
    renewed: str = ""
    ready: str | None = None


def listen(known: Health | None, node: Obj, lease: Obj | None, now: float) -> Health:
    """The health after a look at the node's status and lease. Times in them are other machines': only that they
    changed counts. `now`: monotonic seconds."""
    ready = meta.condition(node, "Ready") or {}
    heartbeat = str(ready.get("lastHeartbeatTime", ""))
    renewed = str(((lease or {}).get("spec") or {}).get("renewTime", ""))
    if known is None:
        return Health(now, heartbeat, renewed)
    if heartbeat != known.heartbeat or (renewed and renewed != known.renewed):
        return replace(known, heard=now, heartbeat=heartbeat, renewed=renewed)
    return known


def heard_now(health: Health, now: float) -> Health:
    """Give the node a whole grace period from now."""
    return replace(health, heard=now)


def silent_in(node: Obj, health: Health, now: float) -> float:
    """Seconds until the node counts as silent; 0 if it does."""
    grace = STARTUP_GRACE if meta.condition(node, "Ready") is None else GRACE
    return max(0.0, health.heard + grace - now)


def reconcile(
    node: Obj,
    health: Health,
    pods: Callable[[], Iterable[Obj]],
    licence: Licence,
    attempt: Attempt,
    monotonic: float,
) -> Actions:
    """One request to the node a pass: what comes after sees its answer. `pods`: those bound to the node. `licence`:
    whether the node may be given up (tainted NoExecute)."""
    now = attempt.now
    wait = silent_in(node, health, monotonic)
    if wait == 0 and (status := _silent_status(node, now)) is not None:
        return [UpdateStatus(NODE, {**node, "status": status})]
    again: list[Action] = [Requeue(wait or GRACE)]
    marks: list[Action] = []
    if ready_status(node) != "True" and (health.ready in (None, "True") or attempt.retry):
        marks = _mark_pods(node, pods(), health, now)
    wanted, delay = _wanted_taints(node, licence, now)
    if delay:
        again.append(Requeue(delay))
    labels = _wanted_labels(node)
    if wanted == taints.of(node) and labels == dict(meta.labels(node)):
        return marks + again
    spec = {key: value for key, value in node["spec"].items() if key != "taints"}
    spec |= {"taints": wanted} if wanted else {}
    changed = {**node, "metadata": {**node["metadata"], "labels": labels}, "spec": spec}
    return [*marks, Update(NODE, changed), *again]


def registered(node: Obj) -> Event:
    name = meta.name(node)
    return Event(NODE, node, "Normal", "RegisteredNode", f"Node {name} event: Registered Node {name} in Controller")


def removed(node: Obj) -> Event:
    name = meta.name(node)
    return Event(NODE, node, "Normal", "RemovingNode", f"Node {name} event: Removing Node {name} from Controller")


def after(node: Obj, health: Health, actions: Actions) -> Health:
    """What is remembered of the pass. One that only told of the silence comes again."""
    told = bool(actions) and isinstance(actions[0], UpdateStatus) and actions[0].kind == NODE
    return health if told else replace(health, ready=ready_status(node))


def ready_status(node: Obj) -> str:
    """True, False, Unknown; empty for a node that never said."""
    return str((meta.condition(node, "Ready") or {}).get("status", ""))


def _silent_status(node: Obj, now: float) -> Obj | None:
    """The status of a node that nobody hears from; None if it says so already."""
    status = dict(node.get("status") or {})
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    for type in _WATCHED:
        current = conditions.get(type)
        if current is None:
            conditions[type] = {
                "type": type,
                "status": "Unknown",
                "lastHeartbeatTime": node["metadata"].get("creationTimestamp", rfc3339(created_at(node))),
                "lastTransitionTime": rfc3339(now),
                "reason": "NodeStatusNeverUpdated",
                "message": "Kubelet never posted node status.",
            }
        elif current.get("status") != "Unknown":
            conditions[type] = current | {
                "status": "Unknown",
                "lastTransitionTime": rfc3339(now),
                "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.",
            }
    changed = status | {"conditions": list(conditions.values())}
    return changed if changed != status else None


def _mark_pods(node: Obj, pods: Iterable[Obj], health: Health, now: float) -> list[Action]:
    """Endpoints must not lead to pods of a node that is not ready."""
    actions: list[Action] = []
    if health.ready == "True":
        message = f"Node {meta.name(node)} status is now: NodeNotReady"
        actions.append(Event(NODE, node, "Normal", "NodeNotReady", message))
    updates: list[Action] = []
    for pod in pods:
        ready = meta.condition(pod, "Ready")
        if ready is None or ready.get("status") == "False":
            continue
        changed = {"type": "Ready", "status": "False", "lastTransitionTime": rfc3339(now)}
        updates.append(condition_patch(pod, changed))
        actions.append(Event(POD, pod, "Warning", "NodeNotReady", "Node is not ready"))
    return [*actions, Together(updates)] if updates else actions


def _wanted_taints(node: Obj, licence: Licence, now: float) -> tuple[list[Obj], float]:
    """Others' taints, those of the conditions (NoSchedule), and NoExecute for a node that is not ready. Also the
    seconds after which NoExecute may follow; 0 if it need not."""
    scheduling = _scheduling_keys(node)
    executing = _TAINT_OF.get(("Ready", ready_status(node)), "")
    kept = [each for each in taints.of(node) if not _is_ours(each)]
    delay = licence.wait() if executing and not licence.halted and not _is_evicting(node) else 0.0
    if licence.halted or delay:
        executing = ""
    for key in scheduling:
        kept.append(_existing(node, key, "NoSchedule") or _new(key, "NoSchedule", now))
    if executing:
        kept.append(_existing(node, executing, "NoExecute") or _new(executing, "NoExecute", now))
    return _in_old_order(node, kept), min(delay, GRACE)


def _scheduling_keys(node: Obj) -> list[str]:
    conditions = (node.get("status") or {}).get("conditions") or ()
    keys = [_TAINT_OF.get((each["type"], each.get("status", ""))) for each in conditions]
    if node["spec"].get("unschedulable"):
        keys.append(taints.UNSCHEDULABLE)
    return [key for key in keys if key]


def _is_ours(taint: Obj) -> bool:
    if taint.get("effect") == "NoExecute":
        return taint["key"] in (taints.NOT_READY, taints.UNREACHABLE)
    return taint.get("effect") == "NoSchedule" and taint["key"] in _OWN_TAINTS


def _is_evicting(node: Obj) -> bool:
    """Given up already: a change between not ready and unreachable needs no new permission."""
    return any(taints.has(node, key, "NoExecute") for key in (taints.NOT_READY, taints.UNREACHABLE))


def _existing(node: Obj, key: str, effect: str) -> Obj | None:
    return next((each for each in taints.of(node, effect) if each["key"] == key), None)


def _new(key: str, effect: str, now: float) -> Obj:
    return {"key": key, "effect": effect, "timeAdded": rfc3339(now)}


def _in_old_order(node: Obj, wanted: list[Obj]) -> list[Obj]:
    before = taints.of(node)
    return [each for each in before if each in wanted] + [each for each in wanted if each not in before]


def _wanted_labels(node: Obj) -> dict[str, str]:
    """The beta names of operating system and architecture follow the stable ones."""
    labels = dict(meta.labels(node))
    return labels | {old: labels[new] for new, old in _LABELS.items() if new in labels}
