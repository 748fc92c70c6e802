"""What a DaemonSet does next. `nodes`: where it should run; `rollout`: one pass.

Source: upstream's pkg/controller/daemon.
"""

from collections.abc import Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import CONTROLLER_REVISION, DAEMON_SET, POD
from wherry.controllers import history, ownership
from wherry.controllers.actions import Action, Actions, Event, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.backoff import Backoff
from wherry.controllers.daemonset.plan import nodes
from wherry.controllers.daemonset.plan.rollout import HASH, Rollout
from wherry.lib import selectors


def reconcile(
    daemon_set: Obj,
    candidates: Sequence[Obj],
    revisions: Sequence[Obj],
    all_nodes: Sequence[Obj],
    backoff: Backoff,
    attempt: Attempt,
) -> Actions:
    """`candidates`, `revisions`: pods and ControllerRevisions that the set controls, and those in its namespace that
    nobody does. `backoff`: of failed pods, by set and node."""
    if daemon_set["spec"].get("selector") == {}:
        message = "This daemon set is selecting all pods. A non-empty selector is required."
        return [Event(DAEMON_SET, daemon_set, "Warning", "SelectingAll", message)]
    if meta.deleting(daemon_set):
        return []
    selector = selectors.from_object(daemon_set["spec"].get("selector"))
    pods, actions = ownership.claim(DAEMON_SET, daemon_set, selector, candidates, POD)
    known, adopted = ownership.claim(DAEMON_SET, daemon_set, selector, revisions, CONTROLLER_REVISION)
    known = history.in_order(known)
    current = history.of_template(DAEMON_SET, daemon_set, known, HASH)
    if current.collision:
        return _count_collision(daemon_set)
    rollout = Rollout(daemon_set, pods, meta.labels(current.revision)[HASH], all_nodes, attempt.now)
    rollout.run(backoff)
    live = {meta.labels(pod).get(HASH) for pod in pods}
    names = [meta.name(each) for each in known if meta.labels(each).get(HASH) in live]
    return [
        *actions,
        *adopted,
        *current.actions,
        *_report(daemon_set, rollout.status),
        *rollout.actions,
        *history.to_forget(
            known, [*names, meta.name(current.revision)], daemon_set["spec"].get("revisionHistoryLimit")
        ),
    ]


def wants_look(daemon_set: Obj, node: Obj, has_pod: bool) -> bool:
    """Whether a change of the node concerns the set."""
    should_run, may_stay = nodes.fit(daemon_set, node)
    misplaced = (daemon_set.get("status") or {}).get("numberMisscheduled", 0) > 0
    return (should_run and not has_pod) or (has_pod and (not may_stay or misplaced))


def _count_collision(daemon_set: Obj) -> Actions:
    status = {**(daemon_set.get("status") or {}), "collisionCount": history.collisions(daemon_set) + 1}
    return [UpdateStatus(DAEMON_SET, {**daemon_set, "status": status})]


def _report(daemon_set: Obj, status: Obj) -> list[Action]:
    before = daemon_set.get("status") or {}
    status |= {key: before[key] for key in ("collisionCount", "conditions") if before.get(key)}
    return [UpdateStatus(DAEMON_SET, {**daemon_set, "status": status})] if status != before else []
