"""What a Deployment does next: one pass of a rollout, a change of scale, or only its status.

Source: upstream's pkg/controller/deployment. `revisions` knows which replica set is the newest, `scaling` how large
each may be, `status` what to say about it.
"""

from collections.abc import Callable, Mapping, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import DEPLOYMENT, REPLICA_SET
from wherry.controllers import ownership
from wherry.controllers.actions import Actions, Event, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.deployment.plan.rollout import Rollout
from wherry.lib import selectors


def reconcile(
    deployment: Obj,
    candidates: Sequence[Obj],
    pods: Mapping[str, Sequence[Obj]],
    named: Callable[[str], Obj | None],
    attempt: Attempt,
) -> Actions:
    """`candidates`: replica sets that the deployment controls and those in its namespace that nobody does. `pods`: by
    the uid of their replica set. `named`: the replica set of that name in the namespace, whoever's it is."""
    if deployment["spec"].get("selector") == {}:
        return _selects_all(deployment)
    selector = selectors.from_object(deployment["spec"].get("selector"))
    sets, actions = ownership.claim(DEPLOYMENT, deployment, selector, candidates, REPLICA_SET)
    rollout = Rollout(deployment, sets, named, attempt)
    if meta.deleting(deployment):
        rollout.report()
        return actions + rollout.actions
    rollout.note_pause()
    if deployment["spec"].get("paused") or rollout.scale_changed():
        rollout.sync_new_set()
        rollout.scale()
        if deployment["spec"].get("paused"):
            rollout.clean_up()
        rollout.report()
    elif rollout.is_rolling:
        rollout.roll()
    else:
        rollout.recreate(pods)
    return actions + rollout.actions


def _selects_all(deployment: Obj) -> Actions:
    message = "This deployment is selecting all pods. A non-empty selector is required."
    actions: Actions = [Event(DEPLOYMENT, deployment, "Warning", "SelectingAll", message)]
    status = deployment.get("status") or {}
    generation = deployment["metadata"].get("generation", 0)
    if status.get("observedGeneration", 0) < generation:
        actions.append(
            UpdateStatus(DEPLOYMENT, {**deployment, "status": {**status, "observedGeneration": generation}})
        )
    return actions
