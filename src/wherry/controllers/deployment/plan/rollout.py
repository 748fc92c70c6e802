"""One pass over a Deployment in the making: replica sets as they will be, and the requests that make them so."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from wherry.api import Obj, meta
from wherry.api.kinds import DEPLOYMENT, REPLICA_SET
from wherry.controllers.actions import Action, Actions, Create, Delete, Event, Requeue, Update, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.deployment.plan import revisions, scaling
from wherry.controllers.deployment.plan import status as reports
from wherry.controllers.pods import is_terminal
from wherry.controllers.templates import same_template


class Rollout:
    """Working copies of the sets by name; each that changes becomes one request, in the order of first change."""

    def __init__(
        self, deployment: Obj, sets: Iterable[Obj], named: Callable[[str], Obj | None], attempt: Attempt
    ) -> None:
        self.deployment = deployment
        self.is_rolling = scaling.is_rolling(deployment)
        self._named, self._attempt = named, attempt
        self._conditions = reports.Conditions(deployment, attempt.now)
        new, old = revisions.split(deployment, sets)
        self._sets = {meta.name(each): each for each in [*old, *([new] if new else [])]}
        self._new = meta.name(new) if new else ""
        self._changed: dict[str, Event | None] = {}
        self._created = False
        self._collision = False
        self._last: list[Action] = []

    @property
    def new(self) -> Obj | None:
        return self._sets.get(self._new)

    @property
    def old(self) -> list[Obj]:
        return [each for name, each in self._sets.items() if name != self._new]

    @property
    def all(self) -> list[Obj]:
        return list(self._sets.values())

    @property
    def actions(self) -> Actions:
        return [*(self._request(name, event) for name, event in self._changed.items()), *self._last]

    def _request(self, name: str, event: Event | None) -> Action:
        if self._created and name == self._new:
            failed = f'Failed to create new replica set "{name}": {{error}}'
            return Create(
                REPLICA_SET,
                self._sets[name],
                done=event,
                failed=Event(DEPLOYMENT, self.deployment, "Warning", reports.CREATE_FAILED, failed),
            )
        return Update(REPLICA_SET, self._sets[name], done=event)

    # Replica sets

    def sync_new_set(self) -> None:
        """Give the newest set its annotations and revision."""
        new = self.new
        if new is None:
            return
        annotations = revisions.annotations_for(self.deployment, new, revisions.next_revision(self.old))
        ready = self.deployment["spec"].get("minReadySeconds", 0)
        if annotations != meta.annotations(new) or new["spec"].get("minReadySeconds", 0) != ready:
            spec = {**new["spec"], "minReadySeconds": ready}
            self._change({**new, "metadata": {**new["metadata"], "annotations": annotations}, "spec": spec})
        if reports.has_deadline(self.deployment) and self._conditions.get("Progressing") is None:
            self._conditions.set("Progressing", "True", reports.FOUND, f'Found new replica set "{meta.name(new)}"')

    def ensure_new_set(self) -> Obj | None:
        """The set of the current template, made if there is none; None if that cannot be done in this pass."""
        if self.new is not None:
            self.sync_new_set()
            return self.new
        made = revisions.new_set(self.deployment, self.old)
        name = meta.name(made)
        taken = self._named(name)
        if taken is not None and not self._is_ours(taken):
            self._collision = True
            return None
        if self._attempt.failed(Create) and self._note_failed_create(name):
            return None
        self._created, self._new = True, name
        size = scaling.replicas(made)
        self._change(made, self._scaled(name, 0, size) if size else None)
        if reports.has_deadline(self.deployment):
            self._conditions.set("Progressing", "True", reports.CREATED, f'Created new replica set "{name}"')
        return made

    def _is_ours(self, taken: Obj) -> bool:
        """Made by an earlier pass that the cache does not show as claimed yet: the server will say AlreadyExists."""
        ours = (meta.controller_of(taken) or {}).get("uid") == meta.uid(self.deployment)
        return ours and same_template(taken["spec"]["template"], self.deployment["spec"]["template"])

    def _note_failed_create(self, name: str) -> bool:
        """Say once why the set is not there. True if this pass should only say it."""
        if not reports.has_deadline(self.deployment) or reports.meta_reason(self.deployment) == reports.CREATE_FAILED:
            return False
        message = f'Failed to create new replica set "{name}": {self._attempt.failed(Create)}'
        self._conditions.set("Progressing", "False", reports.CREATE_FAILED, message)
        return True

    def _change(self, replica_set: Obj, event: Event | None = None) -> None:
        name = meta.name(replica_set)
        self._sets[name] = replica_set
        self._changed[name] = event or self._changed.get(name)

    def _scaled(self, name: str, before: int, after: int) -> Event:
        way = "up" if before < after else "down"
        message = f"Scaled {way} replica set {name} from {before} to {after}"
        return Event(DEPLOYMENT, self.deployment, "Normal", "ScalingReplicaSet", message)

    def _resize(self, replica_set: Obj, size: int, force: bool = False) -> bool:
        """Set a set's size and tell it the whole's. `force`: tell it even if the size stays."""
        before = scaling.replicas(replica_set)
        told = dict(meta.annotations(replica_set)) | revisions.size_annotations(self.deployment)
        if before == size and not (force and told != meta.annotations(replica_set)):
            return False
        metadata = {**replica_set["metadata"], "annotations": told}
        changed = {**replica_set, "metadata": metadata, "spec": {**replica_set["spec"], "replicas": size}}
        self._change(changed, self._scaled(meta.name(replica_set), before, size) if before != size else None)
        return before != size

    def _resize_all(self, sizes: Mapping[str, int]) -> bool:
        """True if any set's size changed."""
        return sum(self._resize(self._sets[name], size) for name, size in sizes.items()) > 0

    # Change of scale

    def scale_changed(self) -> bool:
        """Whether the wanted number changed since the sets with pods were last told."""
        wanted = scaling.replicas(self.deployment)
        return any(
            (told := scaling.annotated(each, scaling.DESIRED)) is not None and told != wanted
            for each in scaling.active(self.all)
        )

    def scale(self) -> None:
        one = scaling.only_set_to_scale(self.new, self.old)
        if one is not None:
            self._resize(one, scaling.replicas(self.deployment))
        elif scaling.is_saturated(self.deployment, self.new):
            for each in scaling.active(self.old):
                self._resize(each, 0)
        elif self.is_rolling:
            for each, size in scaling.proportional_sizes(self.deployment, scaling.active(self.all)):
                self._resize(each, size, force=True)

    # Strategies

    def roll(self) -> None:
        """RollingUpdate: first the newest set grows, then the old ones shrink, each as far as the bounds allow."""
        new = self.ensure_new_set()
        if new is not None and not self._resize(new, self._new_size(new)) and not self._shrink_old(new):
            self._clean_up_if_complete()
        self.report(rolling=True)

    def _new_size(self, new: Obj) -> int:
        wanted = scaling.replicas(self.deployment)
        return wanted if scaling.replicas(new) > wanted else scaling.new_set_size(self.deployment, self.all, new)

    def _shrink_old(self, new: Obj) -> bool:
        old = scaling.active(self.old)
        least = scaling.replicas(self.deployment) - scaling.max_unavailable(self.deployment)
        not_yet = scaling.replicas(new) - scaling.observed([new], "availableReplicas")
        spare = scaling.total(self.all) - least - not_yet
        if not old or spare <= 0:
            return False
        sizes = _without_unhealthy(old, spare)
        spare -= scaling.total(old) - sum(sizes.values())
        # A set that was just shrunk still reports the pods that it had: never more than is spare by the sizes alone.
        _take(sizes, min(spare, scaling.observed([*old, new], "availableReplicas") - least))
        return self._resize_all(sizes)

    def recreate(self, pods: Mapping[str, Sequence[Obj]]) -> None:
        """Recreate: all old pods are gone before the first new one is made."""
        self.sync_new_set()
        scaled_down = self._resize_all({meta.name(each): 0 for each in scaling.active(self.old)})
        if not scaled_down and not self._old_pods_run(pods) and (new := self.ensure_new_set()) is not None:
            self._resize(new, scaling.replicas(self.deployment))
            self._clean_up_if_complete()
        self.report(rolling=True)

    def _old_pods_run(self, pods: Mapping[str, Sequence[Obj]]) -> bool:
        if scaling.observed(self.old, "replicas") > 0:
            return True
        new = meta.uid(self.new) if self.new else ""
        return any(not is_terminal(pod) for owner, owned in pods.items() if owner != new for pod in owned)

    def _clean_up_if_complete(self) -> None:
        if reports.is_complete(self.deployment, self.deployment.get("status") or {}):
            self.clean_up()

    def clean_up(self) -> None:
        """Delete old sets beyond the history limit."""
        self._last += [Delete(REPLICA_SET, each) for each in revisions.to_clean_up(self.deployment, self.old)]

    # Status

    def note_pause(self) -> None:
        reports.set_paused(self.deployment, self._conditions)

    def report(self, rolling: bool = False) -> None:
        """The status. `rolling`: progress is judged too."""
        status = self._counts()
        if rolling:
            reports.set_progressing(self.deployment, status, self.new, self._conditions, self._attempt.now)
            reports.set_replica_failure(self.all, self.new, self._conditions)
        if self._conditions.list:
            status["conditions"] = self._conditions.list
        annotations = self._annotations()
        if status != (self.deployment.get("status") or {}) or annotations != meta.annotations(self.deployment):
            metadata = {**self.deployment["metadata"], "annotations": annotations}
            self._last.append(UpdateStatus(DEPLOYMENT, {**self.deployment, "metadata": metadata, "status": status}))
        elif rolling and (wait := reports.next_check(self.deployment, status, self._attempt.now)) is not None:
            self._last.append(Requeue(wait))

    def _counts(self) -> dict[str, Any]:
        status = reports.counts(self.deployment, self.all, self.new)
        if self._collision:
            status["collisionCount"] = status.get("collisionCount", 0) + 1
        reports.set_available(self.deployment, status, self._conditions)
        return status

    def _annotations(self) -> dict[str, str]:
        """The deployment carries the newest set's revision, for `kubectl rollout history`. It goes with the status: a
        change of annotations by itself would make a new generation."""
        found = dict(meta.annotations(self.deployment))
        number = meta.annotations(self.new).get(revisions.REVISION) if self.new else None
        return found | ({revisions.REVISION: number} if number else {})


def _without_unhealthy(old: Sequence[Obj], most: int) -> dict[str, int]:
    """Sizes by name after pods that are not available were taken first, oldest sets first, at most `most` in all."""
    sizes = {}
    for each in scaling.by_age(old):
        size = scaling.replicas(each)
        taken = max(0, min(most, size - scaling.observed([each], "availableReplicas")))
        sizes[meta.name(each)] = size - taken
        most -= taken
    return sizes


def _take(sizes: dict[str, int], most: int) -> None:
    """Shrink the sets in their order by at most `most` in all."""
    for name, size in sizes.items():
        taken = max(0, min(most, size))
        sizes[name] = size - taken
        most -= taken
