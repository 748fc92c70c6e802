"""The whole PodStatus."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj
from wherry.lib.timestamps import rfc3339
from wherry.node.plan import conditions, container_status, phase, qos
from wherry.node.plan.podspec import containers, host_network
from wherry.node.plan.starting import Waiting
from wherry.node.plan.view import Rejection, View

# Room for termination messages in one status, shared by its containers.
_MESSAGES = 12 * 1024


def build(view: View, waiting: Mapping[str, Waiting], ending: bool = False, why: Rejection | None = None) -> Obj:
    """`ending`: no container will be restarted. `why`: the pod fails with this reason, once nothing runs any more."""
    groups = container_status.build(view, waiting)
    statuses = [*groups.get("initContainerStatuses", []), *groups.get("containerStatuses", [])]
    now_phase, reason = _phase(view, statuses, ending, why)
    status: Obj = {"phase": now_phase, "conditions": conditions.build(view, statuses, now_phase)}
    generation = view.pod["metadata"].get("generation")
    if generation:
        status["observedGeneration"] = generation
    status |= reason | _addresses(view) | groups
    status["qosClass"] = (view.pod.get("status") or {}).get("qosClass") or qos.qos_class(view.pod)
    status["startTime"] = view.status.get("startTime") or rfc3339(view.now)
    _shorten_messages(groups)
    return status


def _phase(view: View, statuses: list[Obj], ending: bool, why: Rejection | None) -> tuple[str, Obj]:
    """The phase, and the reason and message that stand beside it. A pod in which something runs is never shown as
    finished, and one that was finished stays so."""
    before = view.status.get("phase", "Pending")
    reason: Obj = {key: view.status[key] for key in ("reason", "message") if view.status.get(key)}
    shown = (view.pod.get("status") or {}).get("phase")
    if shown in phase.TERMINAL:
        return shown, reason
    if any(each.state == "running" for each in view.containers):
        initialized = any(view.latest(each["name"]) for each in containers(view.pod))
        found = phase.phase(view.pod, statuses, ending, initialized)
        return (before if found in phase.TERMINAL else found), reason
    if why is not None:
        return why.phase, {"reason": why.reason, "message": why.message}
    found = phase.phase(view.pod, statuses, ending, _has_begun(view))
    if ending and found not in phase.TERMINAL:
        return "Failed", reason
    return found, reason


def _has_begun(view: View) -> bool:
    return any(view.latest(each["name"]) for each in containers(view.pod))


def _addresses(view: View) -> Obj:
    host = list(view.node.addresses)
    out: Obj = {"hostIP": host[0], "hostIPs": [{"ip": each} for each in host]} if host else {}
    if host_network(view.pod):
        own: list[Any] = host
    elif view.sandbox is not None:
        own = list(view.sandbox.addresses)
    else:
        own = [each["ip"] for each in view.status.get("podIPs") or []]
    if own:
        out |= {"podIP": own[0], "podIPs": [{"ip": each} for each in own]}
    return out


def _shorten_messages(groups: Obj) -> None:
    every = [status for group in groups.values() for status in group]
    room = _MESSAGES // max(len(every), 1)
    for status in every:
        for field in ("state", "lastState"):
            ended = (status.get(field) or {}).get("terminated")
            if ended and len(ended.get("message", "")) > room:
                status[field] = {"terminated": {**ended, "message": ended["message"][:room]}}
