"""One pass over a DaemonSet: pods made where they are missing, removed where they should not be, replaced when the
template changed, as many at once as the strategy allows.

Source: upstream's pkg/controller/daemon (podsShouldBeOnNode, rollingUpdate).
"""

from collections.abc import Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import DAEMON_SET, POD
from wherry.controllers import pods as facts
from wherry.controllers.actions import Action, Create, Delete, Event, Requeue, Together
from wherry.controllers.backoff import Backoff
from wherry.controllers.daemonset.plan import nodes
from wherry.controllers.intstr import scaled
from wherry.controllers.templates import pod_from

HASH = "controller-revision-hash"
GENERATION = "pod-template-generation"
GENERATION_ANNOTATION = "deprecated.daemonset.template.generation"
# The most pods that one pass makes or deletes.
BURST = 250


class Rollout:
    """`hash`: of the current template. After `run`: `actions`, `status`."""

    def __init__(self, daemon_set: Obj, pods: Sequence[Obj], hash: str, all_nodes: Sequence[Obj], now: float) -> None:
        self._set, self._hash, self._now = daemon_set, hash, now
        self._min_ready = int(daemon_set["spec"].get("minReadySeconds", 0))
        self._generation = meta.annotations(daemon_set).get(GENERATION_ANNOTATION, "")
        self._fits = {meta.name(node): nodes.fit(daemon_set, node) for node in all_nodes}
        self._on: dict[str, list[Obj]] = {}
        for pod in sorted(pods, key=_order):
            if not (facts.is_terminal(pod) and meta.deleting(pod)) and (name := nodes.target(pod)):
                self._on.setdefault(name, []).append(pod)
        self._strategy = daemon_set["spec"].get("updateStrategy") or {}
        self._create: list[str] = []
        self._delete: list[Obj] = []
        self._last: list[Action] = []
        self.status = self._count()

    @property
    def actions(self) -> list[Action]:
        creates = [self._new_pod(name) for name in self._create[:BURST]]
        unique = {meta.uid(pod): pod for pod in self._delete}
        deletes = [self._removal(pod) for pod in list(unique.values())[:BURST]]
        together: list[Action] = [Together(creates, slow_start=True)] if creates else []
        return [*self._last, *together, *([Together(deletes)] if deletes else [])]

    def run(self, backoff: Backoff) -> None:
        for name, (should_run, may_stay) in self._fits.items():
            self._manage(name, should_run, may_stay, backoff)
        for name, pods in self._on.items():
            if name not in self._fits:
                self._delete += [pod for pod in pods if not facts.node_name(pod)]
        if not self._create and not self._delete and self._strategy.get("type", "RollingUpdate") == "RollingUpdate":
            self._update()
        wait = facts.next_availability((p for pods in self._on.values() for p in pods), self._min_ready, self._now)
        if wait is not None:
            self._last.append(Requeue(wait))

    # where pods should be

    def _manage(self, name: str, should_run: bool, may_stay: bool, backoff: Backoff) -> None:
        pods = self._on.get(name)
        if not may_stay:
            self._delete += [pod for pod in pods or () if not meta.deleting(pod)]
            return
        if pods is None:
            if should_run:
                self._create.append(name)
            return
        running = []
        for pod in pods:
            if meta.deleting(pod):
                continue
            if facts.is_terminal(pod):
                self._finished(pod, name, backoff)
            else:
                running.append(pod)
        if not self._surge(1):
            self._delete += running[1:]
        elif not running and should_run:
            self._create.append(name)
        else:
            self._two_at_most(running)

    def _finished(self, pod: Obj, name: str, backoff: Backoff) -> None:
        where = f"daemon pod {meta.key(pod)} on node {name}"
        if facts.phase(pod) == "Succeeded":
            message = f"Found succeeded {where}, will try to delete it"
            self._last.append(Event(DAEMON_SET, self._set, "Normal", "SucceededDaemonPod", message))
        else:
            generation = (self._set.get("status") or {}).get("observedGeneration", 0)
            wait = backoff.wait(f"{meta.uid(self._set)}/{generation}/{name}", self._now)
            if wait:
                self._last.append(Requeue(wait))
                return
            message = f"Found failed {where}, will try to kill it"
            self._last.append(Event(DAEMON_SET, self._set, "Warning", "FailedDaemonPod", message))
        self._delete.append(pod)

    def _two_at_most(self, running: Sequence[Obj]) -> None:
        """With surge an old and a new pod share the node until the new one is available."""
        new = [pod for pod in running if self._is_updated(pod)]
        old = [pod for pod in running if not self._is_updated(pod)]
        self._delete += [*new[1:], *old[1:]]
        if new and old and (not facts.is_ready(old[0]) or self._is_available(new[0])):
            self._delete.append(old[0])

    # updates

    def _surge(self, wanted: int) -> int:
        rolling = self._strategy.get("rollingUpdate") or {}
        if self._strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return 0
        return scaled(rolling.get("maxSurge"), wanted, round_up=True)

    def _update(self) -> None:
        wanted = sum(should_run for should_run, _ in self._fits.values())
        rolling = self._strategy.get("rollingUpdate") or {}
        surge = self._surge(wanted)
        unavailable = scaled(rolling.get("maxUnavailable"), wanted, round_up=True, default=1)
        if surge == 0:
            self._replace(max(1, unavailable) if wanted else 0)
        else:
            self._surge_over(surge, wanted)

    def _places(self) -> list[str]:
        """Nodes that want a pod or have one."""
        wanted = [name for name, (should_run, _) in self._fits.items() if should_run]
        return list(dict.fromkeys([*self._on, *wanted]))

    def _old_and_new(self, name: str) -> tuple[Obj | None, Obj | None, bool]:
        """(new pod, old pod, at most one of each)."""
        pods = [pod for pod in self._on.get(name, ()) if not meta.deleting(pod)]
        new = [pod for pod in pods if self._is_updated(pod)]
        old = [pod for pod in pods if not self._is_updated(pod)]
        return new[0] if new else None, old[0] if old else None, len(new) <= 1 and len(old) <= 1

    def _replace(self, most: int) -> None:
        """Delete old pods: unavailable ones at once, others while fewer than `most` are missing."""
        missing = 0
        candidates = []
        for name in self._places():
            new, old, clear = self._old_and_new(name)
            if not clear or (old is None) == (new is None):
                missing += 1
            elif new is not None:
                missing += not self._is_available(new)
            elif old is not None and not self._is_available(old):
                self._delete.append(old)
                missing += 1
            elif old is not None:
                candidates.append(old)
        self._delete += candidates[: max(0, most - missing)]

    def _surge_over(self, most: int, wanted: int) -> None:
        """Make new pods beside old ones, at most `most` at a time, and delete the old when the new are available."""
        surging = available = 0
        candidates: list[str] = []
        misplaced: list[Obj] = []
        for name in self._places():
            new, old, clear = self._old_and_new(name)
            if not clear:
                surging += 1
                continue
            counted = old or new
            available += counted is not None and self._is_available(counted)
            if old is None:
                continue
            if new is not None:
                if self._is_available(new):
                    self._delete.append(old)
                else:
                    surging += 1
            elif not self._fits.get(name, (False, False))[0]:
                (misplaced if self._is_available(old) else self._delete).append(old)
            elif self._is_available(old):
                candidates.append(name)
            else:
                self._create.append(name)
        self._create += candidates[: max(0, most - surging)]
        self._delete += misplaced[: max(0, available - wanted)]

    # facts

    def _is_updated(self, pod: Obj) -> bool:
        labels = meta.labels(pod)
        by_generation = bool(self._generation) and labels.get(GENERATION) == self._generation
        return labels.get(HASH) == self._hash or by_generation

    def _is_available(self, pod: Obj) -> bool:
        return facts.is_available(pod, self._min_ready, self._now)

    def _count(self) -> Obj:
        status = {
            "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0,
            "updatedNumberScheduled": 0, "numberAvailable": 0,
        }  # fmt: skip
        for name, (should_run, _) in self._fits.items():
            pods = self._on.get(name)
            status["desiredNumberScheduled"] += should_run
            status["numberMisscheduled"] += pods is not None and not should_run
            if not should_run or not pods:
                continue
            first = pods[0]
            status["currentNumberScheduled"] += 1
            status["numberReady"] += facts.is_ready(first)
            status["numberAvailable"] += self._is_available(first)
            status["updatedNumberScheduled"] += self._is_updated(first)
        status["numberUnavailable"] = status["desiredNumberScheduled"] - status["numberAvailable"]
        status["observedGeneration"] = self._set["metadata"].get("generation", 0)
        always = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
        return {key: value for key, value in status.items() if value or key in always}

    # requests

    def _new_pod(self, node: str) -> Create:
        template = self._set["spec"]["template"]
        made = pod_from(template, DAEMON_SET, self._set)
        labels = made["metadata"].setdefault("labels", {})
        labels[HASH] = self._hash
        if self._generation:
            labels[GENERATION] = self._generation
        spec = template["spec"]
        made["spec"] = {
            **spec,
            "tolerations": nodes.tolerations(spec),
            "affinity": nodes.pinned(spec.get("affinity"), node),
        }
        return Create(
            POD,
            made,
            done=Event(DAEMON_SET, self._set, "Normal", "SuccessfulCreate", "Created pod: {name}"),
            failed=Event(DAEMON_SET, self._set, "Warning", "FailedCreate", "Error creating: {error}"),
        )

    def _removal(self, pod: Obj) -> Delete:
        return Delete(
            POD,
            pod,
            done=Event(DAEMON_SET, self._set, "Normal", "SuccessfulDelete", "Deleted pod: {name}"),
            failed=Event(DAEMON_SET, self._set, "Warning", "FailedDelete", "Error deleting: {error}"),
        )


def _order(pod: Obj) -> tuple[bool, float, str]:
    """Bound pods first, then the oldest."""
    return not facts.node_name(pod), facts.created_at(pod), meta.name(pod)
