"""Pods of a job. Source: upstream's pkg/controller/job."""

from collections.abc import Iterable

from wherry.api import Obj, meta
from wherry.api.kinds import JOB, POD
from wherry.controllers.actions import Action, Create, Delete, Event, Patch
from wherry.controllers.job.plan import failures, indexes
from wherry.controllers.templates import pod_from

FINALIZER = "batch.kubernetes.io/job-tracking"
_ENV = "JOB_COMPLETION_INDEX"


def is_tracked(pod: Obj) -> bool:
    """Whether the pod waits to be counted."""
    return FINALIZER in meta.finalizers(pod)


def create(job: Obj, index: int | None, replaced: Obj | None) -> Create:
    """`index`: its completion index, None without. `replaced`: the failed pod of that index before it."""
    pod = pod_from(job["spec"]["template"], JOB, job, (FINALIZER,))
    if index is not None:
        pod = _indexed(job, pod, index, replaced)
    return Create(
        POD,
        pod,
        done=Event(JOB, job, "Normal", "SuccessfulCreate", "Created pod: {name}"),
        failed=Event(JOB, job, "Warning", "FailedCreate", "Error creating: {error}"),
    )


def _indexed(job: Obj, pod: Obj, index: int, replaced: Obj | None) -> Obj:
    metadata, name = pod["metadata"], meta.name(job)
    ending = f"-{index}-"
    metadata["generateName"] = f"{name[: 58 - len(ending)]}{ending}"
    metadata["labels"] = {**metadata.get("labels", {}), indexes.INDEX: str(index)}
    annotations = {**metadata.get("annotations", {}), indexes.INDEX: str(index)}
    if job["spec"].get("backoffLimitPerIndex") is not None:
        annotations |= _failure_counts(job, replaced)
    metadata["annotations"] = annotations
    spec = {**pod["spec"], "hostname": f"{name}-{index}"}
    for field in ("initContainers", "containers"):
        if spec.get(field):
            spec[field] = [_with_index(container) for container in spec[field]]
    return {**pod, "spec": spec}


def _with_index(container: Obj) -> Obj:
    if any(each["name"] == _ENV for each in container.get("env") or ()):
        return container
    source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{indexes.INDEX}']"}}
    return {**container, "env": [*(container.get("env") or ()), {"name": _ENV, "valueFrom": source}]}


def _failure_counts(job: Obj, replaced: Obj | None) -> dict[str, str]:
    counted = ignored = 0
    if replaced is not None:
        counts = failures.judge(job, replaced).counts
        counted = indexes.failure_count(replaced) + counts
        ignored = indexes.absolute_failure_count(replaced) - indexes.failure_count(replaced) + (not counts)
    found = {indexes.FAILURES: str(counted)}
    return found | ({indexes.IGNORED_FAILURES: str(ignored)} if ignored else {})


def untrack(pod: Obj) -> Patch:
    """Let the pod go: it has been counted, or need not be."""
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}
    return Patch(POD, meta.name(pod), meta.namespace(pod), patch, "strategic", missing_ok=True)


def delete(job: Obj, pod: Obj) -> Delete:
    return Delete(
        POD,
        pod,
        done=Event(JOB, job, "Normal", "SuccessfulDelete", "Deleted pod: {name}"),
        failed=Event(JOB, job, "Warning", "FailedDelete", "Error deleting: {error}"),
    )


def discard(job: Obj, pods: Iterable[Obj]) -> list[Action]:
    """Delete pods that must not count as failed."""
    actions: list[Action] = []
    for pod in pods:
        actions += [*([untrack(pod)] if is_tracked(pod) else []), delete(job, pod)]
    return actions
