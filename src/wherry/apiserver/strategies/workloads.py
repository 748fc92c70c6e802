"""Groups apps, batch and autoscaling."""

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind
from wherry.apiserver.canonical import TEMPLATE_GENERATION
from wherry.apiserver.strategies.base import Context, Strategy

_JOB_NAME = ("job-name", "batch.kubernetes.io/job-name")
_JOB_UID = ("controller-uid", "batch.kubernetes.io/controller-uid")


def _new_daemon_set(new: Obj, context: Context) -> None:
    annotations = new["metadata"]["annotations"]
    annotations[TEMPLATE_GENERATION] = str(max(int(annotations[TEMPLATE_GENERATION]), 1))


def _daemon_set(new: Obj, old: Obj, context: Context) -> None:
    """A change of the template counts on from the old object, whatever the client says."""
    generation = int((old["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "0"))
    if new["spec"]["template"] != old["spec"]["template"]:
        generation += 1
    new["metadata"]["annotations"][TEMPLATE_GENERATION] = str(generation)


def _new_job(new: Obj, context: Context) -> None:
    """A job selects its own pods by its uid unless its user wants to choose."""
    spec, metadata = new["spec"], new["metadata"]
    if spec.get("manualSelector"):
        return
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    shared = bool(labels) and metadata.get("labels") == labels
    for label in _JOB_NAME:
        labels.setdefault(label, metadata.get("name", ""))
    for label in _JOB_UID:
        labels.setdefault(label, metadata["uid"])
    if shared or not metadata.get("labels"):  # a job without labels of its own shows its pods'
        metadata["labels"] = dict(labels)
    selector = spec.setdefault("selector", {}).setdefault("matchLabels", {})
    selector.setdefault(_JOB_UID[1], metadata["uid"])


_WORKLOAD = Strategy(status=True, generation=("spec",))

STRATEGIES: dict[Kind, Strategy] = {
    kinds.DEPLOYMENT: Strategy(
        status=True, generation=("spec", "metadata.annotations"), status_keeps_metadata=("labels",)
    ),
    kinds.REPLICA_SET: _WORKLOAD,
    kinds.STATEFUL_SET: _WORKLOAD,
    kinds.DAEMON_SET: Strategy(status=True, generation=("spec",), create=_new_daemon_set, update=_daemon_set),
    kinds.JOB: Strategy(status=True, generation=("spec",), create=_new_job, orphans="Orphan"),
    kinds.CRON_JOB: _WORKLOAD,
}
