"""What the pods of a job say: who runs, who ended how, which indexes are done.

Source: upstream's pkg/controller/job.
"""

from collections.abc import Callable, Sequence

from wherry.api import Obj, meta
from wherry.controllers import pods as facts
from wherry.controllers.job.plan import failures, indexes, making


class Reading:
    """`pods`: those that the job owns, adopted ones with the finalizer already on.

    active, terminating     pods that run or may, pods asked to go that did not end yet
    noted_succeeded, ..failed   uids noted in the status that wait to be counted
    succeeded, failed       counted, noted and new ones together
    done, failed_indexes    completion indexes, those in the status and new ones
    held                    the failed pod of each index that waits to be tried again; it carries the failure count
    """

    def __init__(self, job: Obj, pods: Sequence[Obj]) -> None:
        self.job, self.spec, self.pods = job, job["spec"], pods
        self.status: Obj = job.get("status") or {}
        self.completions: int | None = self.spec.get("completions")
        self.is_indexed = indexes.is_indexed(job)
        self.per_index = self.is_indexed and self.spec.get("backoffLimitPerIndex") is not None
        self.suspended = bool(self.spec.get("suspend"))
        self.active = [pod for pod in pods if facts.is_active(pod)]
        self.terminating = [pod for pod in pods if facts.is_terminating(pod)]
        noted = self.status.get("uncountedTerminatedPods") or {}
        self.noted_succeeded: list[str] = list(noted.get("succeeded") or ())
        self.noted_failed: list[str] = list(noted.get("failed") or ())
        self._read_indexes()
        self._count()

    def is_valid(self, pod: Obj) -> bool:
        """Whether the pod has a place in the job."""
        index = indexes.of_pod(pod)
        return not self.is_indexed or (index is not None and index < (self.completions or 0))

    def is_failed(self, pod: Obj) -> bool:
        return failures.is_failed(self.job, pod)

    def _read_indexes(self) -> None:
        self.done: set[int] = set()
        self.failed_indexes: set[int] = set()
        self.held: dict[int, Obj] = {}
        if not self.is_indexed or self.completions is None:
            return
        tracked = [pod for pod in self.pods if making.is_tracked(pod) and self.is_valid(pod)]
        self.done = indexes.parse(self.status.get("completedIndexes", ""), self.completions)
        self.done |= indexes.of_pods(pod for pod in tracked if facts.phase(pod) == "Succeeded")
        if self.per_index:
            known = indexes.parse(self.status.get("failedIndexes", ""), self.completions)
            self.failed_indexes = known | indexes.of_pods(pod for pod in tracked if self._fails_index(pod))
            self.held = self._last_failures(tracked)

    def _fails_index(self, pod: Obj) -> bool:
        if not self.is_failed(pod):
            return False
        verdict = failures.judge(self.job, pod)
        if verdict.action == "FailIndex":
            return True
        return verdict.counts and indexes.failure_count(pod) >= int(self.spec["backoffLimitPerIndex"])

    def _last_failures(self, tracked: Sequence[Obj]) -> dict[int, Obj]:
        settled = self.done | self.failed_indexes | indexes.of_pods(self.active)
        held: dict[int, Obj] = {}
        for pod in tracked:
            index = indexes.of_pod(pod)
            if index is None or index in settled or not self.is_failed(pod):
                continue
            known = held.get(index)
            if known is None or _failure_order(known) <= _failure_order(pod):
                held[index] = pod
        return held

    def _count(self) -> None:
        succeeded = self._new(self.noted_succeeded, lambda pod: facts.phase(pod) == "Succeeded")
        failed = self._new(self.noted_failed, self.is_failed)
        counted = [pod for pod in failed if failures.judge(self.job, pod).counts]
        self.succeeded = int(self.status.get("succeeded", 0)) + len(succeeded) + len(self.noted_succeeded)
        self.failed = int(self.status.get("failed", 0)) + len(counted) + len(self.noted_failed)
        if self.is_indexed:
            self.succeeded = len(self.done)

    def _new(self, noted: Sequence[str], test: Callable[[Obj], bool]) -> list[Obj]:
        known = set(noted)
        return [
            pod for pod in self.pods
            if making.is_tracked(pod) and meta.uid(pod) not in known and self.is_valid(pod) and test(pod)
        ]  # fmt: skip


def _failure_order(pod: Obj) -> tuple[int, float]:
    return indexes.absolute_failure_count(pod), failures.finished_at(pod)
