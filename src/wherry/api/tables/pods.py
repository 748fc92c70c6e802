"""The table of pods: their computed state is what most people look at first."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj, meta
from wherry.api.tables.columns import AGE, NAME, Cells, Column, Table, age, deleting, since, spec, status, text, wide

_COMPLETED = {"type": "Completed", "status": "True"}
_CONDITIONS: Mapping[str, list[Obj]] = {
    "Succeeded": [{**_COMPLETED, "reason": "Succeeded", "message": "The pod has completed successfully."}],
    "Failed": [{**_COMPLETED, "reason": "Failed", "message": "The pod failed."}],
}


class _State:
    """What the containers' statuses add up to."""

    def __init__(self, pod: Obj) -> None:
        self._pod = pod
        found = status(pod)
        self.reason = found.get("reason") or found.get("phase") or ""
        self.restarts = self.ready = 0
        self.last_restart = ""
        self.total = len(spec(pod).get("containers") or ())
        self._sidecars = {
            each.get("name")
            for each in spec(pod).get("initContainers") or ()
            if each.get("restartPolicy") == "Always"
        }
        self.total += len(self._sidecars)

    def compute(self) -> "_State":
        for condition in status(self._pod).get("conditions") or ():
            if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
                self.reason = "SchedulingGated"
        initializing = self._init_containers()
        if not initializing or self._condition("Initialized"):
            self._keep_sidecar_restarts()
            self._containers()
        if deleting(self._pod):
            if status(self._pod).get("reason") == "NodeLost":
                self.reason = "Unknown"
            elif status(self._pod).get("phase") not in ("Failed", "Succeeded"):
                self.reason = "Terminating"
        return self

    def _condition(self, type: str) -> bool:
        return meta.is_true(self._pod, type)

    def _count_restarts(self, container: Obj) -> None:
        self.restarts += container.get("restartCount") or 0
        ended = ((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt") or ""
        self.last_restart = max(self.last_restart, ended)

    def _init_containers(self) -> bool:
        """True while one of them is not done."""
        for index, container in enumerate(status(self._pod).get("initContainerStatuses") or ()):
            self._count_restarts(container)
            terminated = (container.get("state") or {}).get("terminated")
            if terminated is not None and not terminated.get("exitCode"):
                continue
            if container.get("name") in self._sidecars and container.get("started"):
                self.ready += bool(container.get("ready"))
                continue
            self.reason = self._init_reason(container, index)
            return True
        return False

    def _init_reason(self, container: Obj, index: int) -> str:
        state = container.get("state") or {}
        if state.get("terminated") is not None:
            return "Init:" + _ending(state["terminated"])
        waiting = (state.get("waiting") or {}).get("reason", "")
        if waiting and waiting != "PodInitializing":
            return "Init:" + waiting
        return f"Init:{index}/{len(spec(self._pod).get('initContainers') or ())}"

    def _keep_sidecar_restarts(self) -> None:
        self.restarts, self.last_restart = 0, ""
        for container in status(self._pod).get("initContainerStatuses") or ():
            if container.get("name") in self._sidecars:
                self._count_restarts(container)

    def _containers(self) -> None:
        running, failure = False, ""
        for container in reversed(status(self._pod).get("containerStatuses") or ()):
            self._count_restarts(container)
            state = container.get("state") or {}
            waiting, terminated = (state.get("waiting") or {}).get("reason", ""), state.get("terminated")
            if waiting:
                self.reason = waiting
            elif terminated is not None:
                self.reason = _ending(terminated)
                failure = self.reason if terminated.get("exitCode") else failure
            elif container.get("ready") and state.get("running") is not None:
                running = True
                self.ready += 1
        if self.reason == "Completed":
            if running and self._condition("Ready"):
                self.reason = "Running"
            elif failure:
                self.reason = failure
            elif running:
                self.reason = "NotReady"


def _ending(terminated: Obj) -> str:
    """Why a container ended."""
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _cells(pod: Obj, now: float) -> Cells:
    state = _State(pod).compute()
    restarts = str(state.restarts)
    if state.restarts and state.last_restart:
        restarts += f" ({since(state.last_restart, now)} ago)"
    address = next((each.get("ip") for each in status(pod).get("podIPs") or ()), "")
    return [
        meta.name(pod),
        f"{state.ready}/{state.total}",
        state.reason,
        restarts,
        age(pod, now),
        text(address),
        text(spec(pod).get("nodeName")),
        text(status(pod).get("nominatedNodeName")),
        _gates(pod),
    ]


def _gates(pod: Obj) -> str:
    gates = spec(pod).get("readinessGates") or ()
    if not gates:
        return "<none>"
    return f"{sum(meta.is_true(pod, gate.get('conditionType', '')) for gate in gates)}/{len(gates)}"


def _row_conditions(pod: Obj) -> list[Obj]:
    return _CONDITIONS.get(status(pod).get("phase", ""), [])


POD = Table(
    (
        NAME,
        Column("Ready", "The aggregate readiness state of this pod for accepting traffic."),
        Column("Status", "The aggregate status of the containers in this pod."),
        Column(
            "Restarts",
            "The number of times the containers in this pod have been restarted and when the last container in this "
            "pod has restarted.",
        ),
        AGE,
        wide("IP", "@core.v1.PodStatus.podIP"),
        wide("Node", "@core.v1.PodSpec.nodeName"),
        wide("Nominated Node", "@core.v1.PodStatus.nominatedNodeName"),
        wide("Readiness Gates", "@core.v1.PodSpec.readinessGates"),
    ),
    _cells,
    _row_conditions,
)

TABLES: Mapping[str, Any] = {"v1/Pod": POD}
