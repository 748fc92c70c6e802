"""Tables of apps, batch, autoscaling and policy."""

from collections.abc import Mapping

from wherry.api import Obj, meta
from wherry.api.tables.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    Cells,
    Column,
    Table,
    age,
    deleting,
    duration,
    labels,
    pod_containers,
    selector,
    since,
    some,
    spec,
    status,
    table,
    text,
    wide,
    yes_no,
)  # fmt: skip
from wherry.lib import selectors, timestamps


def _template(obj: Obj) -> list[str]:
    return pod_containers(spec(obj).get("template"))


def _deployment(obj: Obj, now: float) -> Cells:
    found = status(obj)
    try:
        selected = str(selectors.from_object(spec(obj).get("selector")))
    except selectors.SelectorError:
        selected = "<invalid>"
    return [
        meta.name(obj), f"{found.get('readyReplicas', 0)}/{spec(obj).get('replicas', 0)}",
        found.get("updatedReplicas", 0), found.get("availableReplicas", 0), age(obj, now), *_template(obj), selected,
    ]  # fmt: skip


def _replica_set(obj: Obj, now: float) -> Cells:
    found = status(obj)
    return [
        meta.name(obj), spec(obj).get("replicas", 0), found.get("replicas", 0), found.get("readyReplicas", 0),
        age(obj, now), *_template(obj), selector(spec(obj).get("selector")),
    ]  # fmt: skip


_DAEMON_COUNTS = (
    "desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable",
)  # fmt: skip


def _daemon_set(obj: Obj, now: float) -> Cells:
    counts = [status(obj).get(name, 0) for name in _DAEMON_COUNTS]
    nodes = labels(spec(spec(obj).get("template") or {}).get("nodeSelector"))
    return [meta.name(obj), *counts, nodes, age(obj, now), *_template(obj), selector(spec(obj).get("selector"))]


def _stateful_set(obj: Obj, now: float) -> Cells:
    ready = f"{status(obj).get('readyReplicas', 0)}/{spec(obj).get('replicas', 0)}"
    return [meta.name(obj), ready, age(obj, now), *_template(obj)]


def _controller_revision(obj: Obj, now: float) -> Cells:
    owner, shown = meta.controller_of(obj), "<none>"
    if owner is not None:
        group = owner.get("apiVersion", "").rpartition("/")[0]
        kind = f"{owner.get('kind', '')}.{group}" if group else owner.get("kind", "")
        shown = f"{kind.lower()}/{owner.get('name', '')}"
    return [meta.name(obj), shown, obj.get("revision", 0), age(obj, now)]


_JOB_STATES = {"Suspended": "Suspended", "FailureTarget": "FailureTarget", "SuccessCriteriaMet": "SuccessCriteriaMet"}


def _job_state(obj: Obj) -> str:
    if meta.is_true(obj, "Complete"):
        return "Complete"
    if meta.is_true(obj, "Failed"):
        return "Failed"
    if deleting(obj):
        return "Terminating"
    return next((state for type, state in _JOB_STATES.items() if meta.is_true(obj, type)), "Running")


def _job(obj: Obj, now: float) -> Cells:
    found, done = spec(obj), status(obj).get("succeeded", 0)
    wanted, parallelism = found.get("completions"), found.get("parallelism") or 0
    if wanted is not None:
        completions = f"{done}/{wanted}"
    else:
        completions = f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"
    start, end = status(obj).get("startTime"), status(obj).get("completionTime")
    took = "" if not start else duration((timestamps.parse(end) if end else now) - timestamps.parse(start))
    selected = selector(found.get("selector"))
    return [meta.name(obj), _job_state(obj), completions, took, age(obj, now), *_template(obj), selected]


def _cron_job(obj: Obj, now: float) -> Cells:
    found, last = spec(obj), status(obj).get("lastScheduleTime")
    job = found.get("jobTemplate") or {}
    return [
        meta.name(obj), found.get("schedule", ""), found.get("timeZone", "<none>"), yes_no(found.get("suspend")),
        len(status(obj).get("active") or ()), since(last, now) if last else "<none>", age(obj, now), *_template(job),
        selector(spec(job).get("selector")),
    ]  # fmt: skip


def _hpa(obj: Obj, now: float) -> Cells:
    found = spec(obj)
    target = found.get("scaleTargetRef") or {}
    return [
        meta.name(obj), f"{target.get('kind', '')}/{target.get('name', '')}", _metrics(obj),
        text(found.get("minReplicas"), "<unset>"), found.get("maxReplicas", 0), status(obj).get("currentReplicas", 0),
        age(obj, now),
    ]  # fmt: skip


_SOURCES = {
    "External": "external", "Pods": "pods", "Object": "object", "Resource": "resource",
    "ContainerResource": "containerResource",
}  # fmt: skip


def _metrics(obj: Obj) -> str:
    specs, current = spec(obj).get("metrics") or [], status(obj).get("currentMetrics") or []
    if not specs:
        return "<none>"
    shown = [_metric(each, current[i] if i < len(current) else {}) for i, each in enumerate(specs)]
    return some(shown, 2, ", ")


def _metric(metric: Obj, now: Obj) -> str:
    source = _SOURCES.get(metric.get("type", ""))
    if source is None:
        return "<unknown type>"
    found, seen = metric.get(source) or {}, (now.get(source) or {}).get("current") or {}
    target = found.get("target") or {}
    if source in ("resource", "containerResource"):
        name = found.get("name", "")
        if target.get("averageValue") is not None:
            return f"{name}: {text(seen.get('averageValue'), '<unknown>')}/{target['averageValue']}"
        used, wanted = seen.get("averageUtilization"), target.get("averageUtilization")
        shown = "<unknown>" if used is None else f"{used}%"
        return f"{name}: {shown}/{'<auto>' if wanted is None else f'{wanted}%'}"
    if source == "pods":
        return f"{text(seen.get('averageValue'), '<unknown>')}/{target.get('averageValue')}"
    if target.get("averageValue") is not None:
        return f"{text(seen.get('averageValue'), '<unknown>')}/{target['averageValue']} (avg)"
    return f"{text(seen.get('value'), '<unknown>')}/{target.get('value')}"


def _disruption_budget(obj: Obj, now: float) -> Cells:
    limits = [text(spec(obj).get(name), "N/A") for name in ("minAvailable", "maxUnavailable")]
    return [meta.name(obj), *limits, status(obj).get("disruptionsAllowed", 0), age(obj, now)]


def _scale(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), spec(obj).get("replicas", 0), status(obj).get("replicas", 0), age(obj, now)]


def _count(name: str, description: str) -> Column:
    return Column(name, description, "integer")


_HPA = table(
    NAME,
    Column("Reference", "@autoscaling.v2.HorizontalPodAutoscalerSpec.scaleTargetRef"),
    Column("Targets", "@autoscaling.v2.HorizontalPodAutoscalerSpec.metrics"),
    Column("MinPods", "@autoscaling.v2.HorizontalPodAutoscalerSpec.minReplicas"),
    Column("MaxPods", "@autoscaling.v2.HorizontalPodAutoscalerSpec.maxReplicas"),
    Column("Replicas", "@autoscaling.v2.HorizontalPodAutoscalerStatus.currentReplicas"),
    AGE,
    cells=_hpa,
)

TABLES: Mapping[str, Table] = {
    "apps/v1/Deployment": table(
        NAME,
        Column("Ready", "Number of the pod with ready state"),
        Column("Up-to-date", "@apps.v1.DeploymentStatus.updatedReplicas"),
        Column("Available", "@apps.v1.DeploymentStatus.availableReplicas"),
        AGE,
        CONTAINERS,
        IMAGES,
        wide("Selector", "@apps.v1.DeploymentSpec.selector"),
        cells=_deployment,
    ),
    "apps/v1/ReplicaSet": table(
        NAME,
        _count("Desired", "@apps.v1.ReplicaSetSpec.replicas"),
        _count("Current", "@apps.v1.ReplicaSetStatus.replicas"),
        _count("Ready", "@apps.v1.ReplicaSetStatus.readyReplicas"),
        AGE,
        CONTAINERS,
        IMAGES,
        wide("Selector", "@apps.v1.ReplicaSetSpec.selector"),
        cells=_replica_set,
    ),
    "apps/v1/DaemonSet": table(
        NAME,
        _count("Desired", "@apps.v1.DaemonSetStatus.desiredNumberScheduled"),
        _count("Current", "@apps.v1.DaemonSetStatus.currentNumberScheduled"),
        _count("Ready", "@apps.v1.DaemonSetStatus.numberReady"),
        _count("Up-to-date", "@apps.v1.DaemonSetStatus.updatedNumberScheduled"),
        _count("Available", "@apps.v1.DaemonSetStatus.numberAvailable"),
        Column("Node Selector", "@core.v1.PodSpec.nodeSelector"),
        AGE,
        CONTAINERS,
        IMAGES,
        wide("Selector", "@apps.v1.DaemonSetSpec.selector"),
        cells=_daemon_set,
    ),
    "apps/v1/StatefulSet": table(
        NAME,
        Column("Ready", "Number of the pod with ready state"),
        AGE,
        CONTAINERS,
        IMAGES,
        cells=_stateful_set,
    ),
    "apps/v1/ControllerRevision": table(
        NAME,
        Column("Controller", "Controller of the object"),
        Column("Revision", "@apps.v1.ControllerRevision.revision"),
        AGE,
        cells=_controller_revision,
    ),
    "batch/v1/Job": table(
        NAME,
        Column("Status", "Status of the job."),
        Column("Completions", "@batch.v1.JobStatus.succeeded"),
        Column("Duration", "Time required to complete the job."),
        AGE,
        CONTAINERS,
        IMAGES,
        wide("Selector", "@batch.v1.JobSpec.selector"),
        cells=_job,
    ),
    "batch/v1/CronJob": table(
        NAME,
        Column("Schedule", "@batch.v1.CronJobSpec.schedule"),
        Column("Timezone", "@batch.v1.CronJobSpec.timeZone"),
        Column("Suspend", "@batch.v1.CronJobSpec.suspend", "boolean"),
        _count("Active", "@batch.v1.CronJobStatus.active"),
        Column("Last Schedule", "@batch.v1.CronJobStatus.lastScheduleTime"),
        AGE,
        CONTAINERS,
        IMAGES,
        wide("Selector", "@batch.v1.JobSpec.selector"),
        cells=_cron_job,
    ),
    "autoscaling/v2/HorizontalPodAutoscaler": _HPA,
    "autoscaling/v1/HorizontalPodAutoscaler": _HPA,
    "autoscaling/v1/Scale": table(
        Column("Name", NAME.description),
        _count("Desired", "@autoscaling.v1.ScaleSpec.replicas"),
        _count("Available", "@autoscaling.v1.ScaleStatus.replicas"),
        AGE,
        cells=_scale,
    ),
    "policy/v1/PodDisruptionBudget": table(
        NAME,
        Column("Min Available", "The minimum number of pods that must be available."),
        Column("Max Unavailable", "The maximum number of pods that may be unavailable."),
        _count("Allowed Disruptions", "Calculated number of pods that may be disrupted at this time."),
        AGE,
        cells=_disruption_budget,
    ),
}
