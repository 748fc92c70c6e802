"""What a StatefulSet does next. `identity`: the pod of a number; `claims`: its storage; `rollout`: one pass.

Source: upstream's pkg/controller/statefulset.
"""

from collections.abc import Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import CONTROLLER_REVISION, POD, STATEFUL_SET
from wherry.controllers import history, ownership
from wherry.controllers.actions import Action, Actions, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.statefulset.plan import identity
from wherry.controllers.statefulset.plan.claims import Lookup
from wherry.controllers.statefulset.plan.rollout import Rollout
from wherry.lib import selectors


def reconcile(
    stateful_set: Obj, candidates: Sequence[Obj], revisions: Sequence[Obj], claim: Lookup, attempt: Attempt
) -> Actions:
    """`candidates`, `revisions`: pods and ControllerRevisions that the set controls, and those in its namespace that
    nobody does. `claim`: the persistent volume claim of that name in the namespace."""
    selector = selectors.from_object(stateful_set["spec"].get("selector"))

    def is_mine(pod: Obj) -> bool:
        return selector.matches(meta.labels(pod)) and identity.is_member(stateful_set, pod)

    pods, actions = ownership.claim(STATEFUL_SET, stateful_set, is_mine, candidates, POD)
    known, adopted = ownership.claim(STATEFUL_SET, stateful_set, selector, revisions, CONTROLLER_REVISION)
    known = history.in_order(known)
    update = history.of_template(STATEFUL_SET, stateful_set, known)
    if update.collision:
        status = {**(stateful_set.get("status") or {}), "collisionCount": history.collisions(stateful_set) + 1}
        return [UpdateStatus(STATEFUL_SET, {**stateful_set, "status": status})]
    current = _current(stateful_set, known) or update.revision
    rollout = Rollout(stateful_set, pods, (current, update.revision), claim, attempt.now)
    if not meta.deleting(stateful_set):
        rollout.run()
    live = {meta.name(current), meta.name(update.revision), *map(identity.revision_of, pods)}
    limit = stateful_set["spec"].get("revisionHistoryLimit", 10)
    return [
        *actions,
        *adopted,
        *update.actions,
        *_report(stateful_set, rollout.status),
        *rollout.actions,
        *history.to_forget(known, live, limit),
    ]


def _current(stateful_set: Obj, known: Sequence[Obj]) -> Obj | None:
    name = (stateful_set.get("status") or {}).get("currentRevision")
    return next((each for each in known if meta.name(each) == name), None)


def _report(stateful_set: Obj, status: Obj) -> list[Action]:
    before = stateful_set.get("status") or {}
    status |= {key: before[key] for key in ("conditions",) if before.get(key)}
    return [UpdateStatus(STATEFUL_SET, {**stateful_set, "status": status})] if status != before else []
