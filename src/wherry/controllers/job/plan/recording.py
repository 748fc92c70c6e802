"""What is written down of a pass over a job, in which order.

Every pod carries a finalizer until it is counted. A finished pod is first noted in status.uncountedTerminatedPods,
then let go, then counted: in this order nothing is counted twice or lost, whoever stops in between.

Source: upstream's pkg/controller/job (trackJobStatusAndRemoveFinalizers).
"""

from typing import Any

from wherry.api import Obj, meta
from wherry.api.kinds import JOB
from wherry.controllers import pods as facts
from wherry.controllers.actions import Action, Create, Event, Together, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.job.plan import conditions, failures, indexes, making
from wherry.controllers.job.plan.deciding import Decision
from wherry.controllers.job.plan.reading import Reading
from wherry.lib.timestamps import rfc3339

# The most pods that one pass notes.
BURST = 500


class Record:
    """The status in the making."""

    def __init__(self, reading: Reading, decision: Decision, attempt: Attempt) -> None:
        self._r, self._d, self._now = reading, decision, attempt.now
        self._refused = attempt.failed(Create) is not None
        self._status: dict[str, Any] = dict(reading.status)
        self._succeeded, self._failed = list(reading.noted_succeeded), list(reading.noted_failed)

    def actions(self) -> list[Action]:
        job = self._r.job
        self._count_let_go()
        let_go = self._let_go()
        finished = self._finish(bool(let_go))
        self._write()
        report: list[Action] = []
        if self._status != self._r.status:
            report = [UpdateStatus(JOB, {**job, "status": self._status})]
        patches: list[Action] = [Together([making.untrack(pod) for pod in let_go])] if let_go else []
        # After a refused create the status comes first and speaks of what is, not of what should be.
        ordered = [*report, *self._d.work] if self._refused else [*self._d.work, *report]
        return [*ordered, *patches, *finished, *self._d.notes]

    def _count_let_go(self) -> None:
        """Noted pods without the finalizer move into the counters."""
        tracked = {meta.uid(pod) for pod in self._r.pods if making.is_tracked(pod)}
        for noted, counter in ((self._succeeded, "succeeded"), (self._failed, "failed")):
            counted = sum(uid not in tracked for uid in noted)
            self._status[counter] = int(self._status.get(counter, 0)) + counted
            noted[:] = [uid for uid in noted if uid in tracked]

    def _let_go(self) -> list[Obj]:
        """Note the pods that ended; they can go after that."""
        discarded = {meta.uid(pod) for pod in self._d.discarded}
        held = {meta.uid(pod) for pod in self._r.held.values()}
        let_go: list[Obj] = []
        for pod in self._r.pods:
            if not making.is_tracked(pod) or meta.uid(pod) in discarded or not self._may_go(pod, held):
                continue
            let_go.append(pod)
            self._note(pod)
            if max(len(let_go), len(self._succeeded) + len(self._failed)) >= BURST:
                break
        return let_go

    def _may_go(self, pod: Obj, held: set[str]) -> bool:
        if meta.deleting(self._r.job) or self._d.finishing is not None or facts.phase(pod) == "Succeeded":
            return True
        return self._r.is_failed(pod) and meta.uid(pod) not in held

    def _note(self, pod: Obj) -> None:
        uid = meta.uid(pod)
        if facts.phase(pod) == "Succeeded" and uid not in self._failed:
            if not self._r.is_indexed and uid not in self._succeeded:
                self._succeeded.append(uid)
            return
        ends_badly = self._d.finishing is not None and self._d.finishing["type"] != "SuccessCriteriaMet"
        if not self._r.is_failed(pod) and not ends_badly:
            return
        if uid not in self._failed and self._r.is_valid(pod) and failures.judge(self._r.job, pod).counts:
            self._failed.append(uid)

    def _finish(self, letting_go: bool) -> list[Action]:
        """The condition that ends the job, once nothing is left to count and nothing runs any more."""
        end = self._d.finishing
        if end is None:
            return []
        conditions.ensure(self._d.conditions, end)
        if letting_go or self._terminating or self._succeeded or self._failed:
            return []
        well = end["type"] == "SuccessCriteriaMet"
        reason, message = end["reason"], end.get("message", "")
        final = conditions.make("Complete" if well else "Failed", reason, message, self._now)
        conditions.ensure(self._d.conditions, final)
        if well:
            self._status["completionTime"] = rfc3339(self._now)
            return [Event(JOB, self._r.job, "Normal", "Completed", "Job completed")]
        return [Event(JOB, self._r.job, "Warning", reason, message)]

    @property
    def _terminating(self) -> int:
        return len(self._r.terminating) + self._d.removed

    def _write(self) -> None:
        made = 0 if self._refused else self._d.made
        optional: dict[str, Any] = {
            "active": len(self._r.active) + made - self._d.removed,
            "succeeded": len(self._r.done) if self._r.is_indexed else self._status.get("succeeded", 0),
            "failed": self._status.get("failed", 0),
            "startTime": self._d.start_time,
            "completedIndexes": indexes.printed(self._r.done),
            "conditions": self._d.conditions,
        }
        for key, value in optional.items():
            self._status.pop(key, None)
            if value:
                self._status[key] = value
        removed = {meta.uid(pod) for pod in self._d.discarded} if self._d.finishing is None else None
        staying = [] if removed is None else [pod for pod in self._r.active if meta.uid(pod) not in removed]
        self._status["ready"] = sum(map(facts.is_ready, staying))
        self._status["terminating"] = self._terminating
        noted = {"succeeded": self._succeeded, "failed": self._failed}
        self._status["uncountedTerminatedPods"] = {key: value for key, value in noted.items() if value}
        if self._r.per_index:
            self._status["failedIndexes"] = indexes.printed(self._r.failed_indexes)
