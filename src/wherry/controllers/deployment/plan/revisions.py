"""Which replica set is the newest, and the revision numbers that `kubectl rollout` shows.

Source: upstream's pkg/controller/deployment/util and sync.go.
"""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import DEPLOYMENT
from wherry.controllers.deployment.plan import scaling
from wherry.controllers.templates import HASH_LABEL, same_template, template_hash

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
HISTORY_LIMIT = 2000  # characters
_OWN = {
    REVISION,
    HISTORY,
    scaling.DESIRED,
    scaling.MAXIMUM,
    "kubectl.kubernetes.io/last-applied-configuration",
    "deprecated.deployment.rollback.to",
}


def split(deployment: Obj, sets: Iterable[Obj]) -> tuple[Obj | None, list[Obj]]:
    """(the set of the current template or None, all others by age). Of several the oldest is the one."""
    ordered = scaling.by_age(sets)
    template = deployment["spec"]["template"]
    new = next((each for each in ordered if same_template(each["spec"]["template"], template)), None)
    return new, [each for each in ordered if each is not new]


def revision(obj: Obj) -> int:
    """0 for an object without one, or with one that is not a number."""
    text = meta.annotations(obj).get(REVISION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def next_revision(old: Iterable[Obj]) -> int:
    return max((revision(each) for each in old), default=0) + 1


def annotations_for(deployment: Obj, replica_set: Obj, number: int) -> dict[str, str]:
    """What the newest set's annotations should be: the deployment's, its revision, and its earlier ones."""
    found = dict(meta.annotations(replica_set))
    found |= {key: value for key, value in meta.annotations(deployment).items() if key not in _OWN}
    before = found.get(REVISION, "")
    if before and not before.isdigit():
        return found
    if int(before or 0) < number:
        found[REVISION] = str(number)
        if before:
            found[HISTORY] = _remember(found.get(HISTORY, ""), before)
    return found


def _remember(history: str, number: str) -> str:
    """The history with one more revision; the oldest fall out where it would grow too long."""
    kept = [each for each in history.split(",") if each]
    while kept and len(",".join([*kept, number])) > HISTORY_LIMIT:
        kept.pop(0)
    return ",".join([*kept, number])


def size_annotations(deployment: Obj) -> dict[str, str]:
    """What every set is told about the whole, so that a later change of scale can be told from a rollout."""
    wanted = scaling.replicas(deployment)
    return {scaling.DESIRED: str(wanted), scaling.MAXIMUM: str(wanted + scaling.max_surge(deployment))}


def new_set(deployment: Obj, old: Sequence[Obj]) -> Obj:
    """The replica set to create for the current template."""
    spec = deployment["spec"]
    ending = template_hash(spec["template"], (deployment.get("status") or {}).get("collisionCount"))
    labels = {**((spec["template"].get("metadata") or {}).get("labels") or {}), HASH_LABEL: ending}
    template = {**spec["template"], "metadata": {**(spec["template"].get("metadata") or {}), "labels": labels}}
    selector = {
        **spec["selector"],
        "matchLabels": {**(spec["selector"].get("matchLabels") or {}), HASH_LABEL: ending},
    }
    made: Obj = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta.name(deployment)[: 253 - 1 - len(ending)]}-{ending}",
            "namespace": meta.namespace(deployment),
            "labels": labels,
            "ownerReferences": [meta.owner_reference(DEPLOYMENT, deployment)],
        },
        "spec": {"replicas": 0, "selector": selector, "template": template},
    }
    if spec.get("minReadySeconds"):
        made["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    made["spec"]["replicas"] = scaling.new_set_size(deployment, [*old, made], made)
    made["metadata"]["annotations"] = annotations_for(deployment, made, next_revision(old)) | size_annotations(
        deployment
    )
    return made


def to_clean_up(deployment: Obj, old: Iterable[Obj]) -> list[Obj]:
    """Old sets beyond the history limit that hold nothing, oldest revisions first."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    if limit is None or limit == 2**31 - 1:
        return []
    alive = [each for each in scaling.by_age(old) if not meta.deleting(each)]
    alive.sort(key=revision)
    excess = max(0, len(alive) - limit)
    return [each for each in alive[:excess] if _is_empty(each)]


def _is_empty(replica_set: Obj) -> bool:
    status = replica_set.get("status") or {}
    seen = status.get("observedGeneration", 0) >= replica_set["metadata"].get("generation", 0)
    return seen and not status.get("replicas", 0) and scaling.replicas(replica_set) == 0
