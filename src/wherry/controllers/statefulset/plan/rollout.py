"""One pass over a StatefulSet: pods made, repaired, scaled away and replaced, in order or all at once.

Source: upstream's pkg/controller/statefulset/stateful_set_control.go.
"""

from collections.abc import Callable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import POD, STATEFUL_SET
from wherry.controllers import pods as facts
from wherry.controllers.actions import Action, Create, Delete, Event, Patch, Requeue, Together
from wherry.controllers.history import template_of
from wherry.controllers.intstr import scaled
from wherry.controllers.statefulset.plan import claims, identity

# Seconds until the next look at a claim that must go before its pod can come.
CLAIM_WAIT = 1.0


class Rollout:
    """`revisions`: the current one and the one to update to. After `run`: `actions`, `status`."""

    def __init__(
        self, stateful_set: Obj, pods: Sequence[Obj], revisions: tuple[Obj, Obj], claim: claims.Lookup, now: float
    ) -> None:
        self._set, self._claim, self._now = stateful_set, claim, now
        self._current, self._update = revisions
        self._min_ready = int(stateful_set["spec"].get("minReadySeconds", 0))
        self._in_order = stateful_set["spec"].get("podManagementPolicy", "OrderedReady") != "Parallel"
        self.actions: list[Action] = []
        numbers = identity.ordinals(stateful_set)
        members = {identity.ordinal(pod): pod for pod in pods}
        self._existing = members
        self._replicas = [members.get(number) or self._new_pod(number) for number in numbers]
        self._condemned = [members[number] for number in sorted(members, reverse=True) if number not in numbers]
        self.status = self._count(pods)

    def run(self) -> None:
        wait = facts.next_availability(self._existing.values(), self._min_ready, self._now)
        if wait is not None:
            self.actions.append(Requeue(wait))
        settled = (
            self._each(self._replicas, self._process_replica)
            and self._each(self._condemned, self._process_claims)
            and self._each(self._condemned, self._process_condemned)
        )
        if settled and self._strategy.get("type", "RollingUpdate") != "OnDelete":
            self._replace_outdated()

    @property
    def _strategy(self) -> Obj:
        return self._set["spec"].get("updateStrategy") or {}

    @property
    def _rolling(self) -> Obj:
        return self._strategy.get("rollingUpdate") or {}

    def _each(self, pods: Sequence[Obj], process: Callable[[Obj], tuple[list[Action], bool]]) -> bool:
        """In order: until the first pod that must be waited for. Else all at once. False: stop after this."""
        gathered: list[Action] = []
        for pod in pods:
            actions, go_on = process(pod)
            if self._in_order:
                self.actions += actions
                if not go_on:
                    return False
            else:
                gathered += actions
        first = [each for each in gathered if not isinstance(each, Create) or each.kind != POD]
        creates = [each for each in gathered if isinstance(each, Create) and each.kind == POD]
        self.actions += first + ([Together(creates, slow_start=True)] if creates else [])
        return True

    def _new_pod(self, number: int) -> Obj:
        """Pods below the partition stay at the current revision."""
        start = identity.ordinals(self._set).start
        rolling = self._strategy.get("rollingUpdate")
        if rolling is not None:
            old = number < start + int(rolling.get("partition", 0))
        else:
            current = int((self._set.get("status") or {}).get("currentReplicas", 0))
            old = self._strategy.get("type", "RollingUpdate") == "RollingUpdate" and number < start + current
        revision = self._current if old else self._update
        return identity.make_pod(self._set, template_of(revision), number, meta.name(revision))

    def _process_replica(self, pod: Obj) -> tuple[list[Action], bool]:
        number = identity.ordinal(pod)
        if number not in self._existing:
            return self._create(pod, number), False
        if facts.is_terminal(pod):
            return ([] if meta.deleting(pod) else [self._delete(pod)]), False
        actions: list[Action] = []
        if facts.phase(pod) == "Pending":
            actions += claims.missing(self._set, number, self._claim)
        if self._in_order and not self._is_available(pod):
            return actions + claims.owned_right(self._set, pod, self._claim), False
        if labels := identity.missing_labels(self._set, pod):
            patch = {"metadata": {"uid": meta.uid(pod), "labels": labels}}
            actions.append(Patch(POD, meta.name(pod), meta.namespace(pod), patch, missing_ok=True))
        return actions + claims.owned_right(self._set, pod, self._claim), True

    def _create(self, pod: Obj, number: int) -> list[Action]:
        if claims.any_stale(self._set, pod, self._claim) or claims.any_deleting(self._set, number, self._claim):
            return [Requeue(CLAIM_WAIT)]
        create = Create(
            POD, pod, done=self._event("Create", pod, "Normal"), failed=self._event("Create", pod, "Warning")
        )
        return [*claims.missing(self._set, number, self._claim), create]

    def _process_claims(self, pod: Obj) -> tuple[list[Action], bool]:
        return claims.owned_right(self._set, pod, self._claim), True

    def _process_condemned(self, pod: Obj) -> tuple[list[Action], bool]:
        """In order: one at a time, the highest first, and only while all others are well."""
        if meta.deleting(pod):
            return [], False
        if self._in_order and not self._is_available(pod) and pod is not self._first_unavailable():
            return [], False
        return [self._delete(pod)], False

    def _first_unavailable(self) -> Obj | None:
        return next((p for p in [*self._replicas, *reversed(self._condemned)] if not self._is_available(p)), None)

    def _replace_outdated(self) -> None:
        """From the highest number down: delete pods of another revision, as many as may be missing."""
        lowest = int(self._rolling.get("partition", 0))
        wanted = len(self._replicas)
        if self._rolling.get("maxUnavailable") is not None:
            most = max(1, scaled(self._rolling["maxUnavailable"], wanted, round_up=False))
            room = most - sum(not self._is_available(pod) for pod in self._replicas)
            for pod in reversed(self._replicas[lowest:]):
                if room > 0 and self._replace(pod):
                    room -= 1
            return
        for pod in reversed(self._replicas[lowest:]):
            if self._replace(pod) or not self._is_available(pod):
                return

    def _replace(self, pod: Obj) -> bool:
        exists = identity.ordinal(pod) in self._existing
        outdated = exists and identity.revision_of(pod) != meta.name(self._update) and not meta.deleting(pod)
        if outdated:
            self.actions.append(self._delete(pod))
            if identity.revision_of(pod) == meta.name(self._current) and self.status.get("currentReplicas"):
                self.status["currentReplicas"] -= 1
        return outdated

    def _is_available(self, pod: Obj) -> bool:
        return facts.is_available(pod, self._min_ready, self._now) and not meta.deleting(pod)

    def _delete(self, pod: Obj) -> Delete:
        return Delete(
            POD, pod, done=self._event("Delete", pod, "Normal"), failed=self._event("Delete", pod, "Warning")
        )

    def _event(self, verb: str, pod: Obj, type: str) -> Event:
        what = f"{verb} Pod {meta.name(pod)} in StatefulSet {meta.name(self._set)}"
        if type == "Normal":
            return Event(STATEFUL_SET, self._set, "Normal", f"Successful{verb}", f"{what} successful")
        return Event(STATEFUL_SET, self._set, "Warning", f"Failed{verb}", f"{what} failed error: {{error}}")

    def _count(self, pods: Sequence[Obj]) -> Obj:
        created = [pod for pod in pods if facts.phase(pod)]
        ready = [pod for pod in created if facts.phase(pod) == "Running" and facts.is_ready(pod)]
        staying = [identity.revision_of(pod) for pod in created if not meta.deleting(pod)]
        wanted = len(self._replicas)
        current, update = meta.name(self._current), meta.name(self._update)
        counts = {
            "readyReplicas": len(ready),
            "currentReplicas": staying.count(current),
            "updatedReplicas": staying.count(update),
        }
        rolling = self._strategy.get("type", "RollingUpdate") == "RollingUpdate"
        if rolling and counts["updatedReplicas"] == counts["readyReplicas"] == len(created) == wanted:
            counts["currentReplicas"], current = counts["updatedReplicas"], update
        status: Obj = {
            "replicas": len(created),
            "availableReplicas": sum(facts.is_available(pod, self._min_ready, self._now) for pod in ready),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": int((self._set.get("status") or {}).get("collisionCount", 0)),
        }
        if generation := self._set["metadata"].get("generation", 0):
            status["observedGeneration"] = generation
        return status | {key: count for key, count in counts.items() if count}
