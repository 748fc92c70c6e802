"""Watches nodes and their leases; a key is a node's name."""

from collections.abc import Iterable, Sequence

from wherry.api import Obj, meta
from wherry.api.kinds import LEASE, NODE, POD
from wherry.controllers.actions import Action
from wherry.controllers.attempt import Attempt
from wherry.controllers.context import Context
from wherry.controllers.loop import Watch
from wherry.controllers.nodelifecycle import plan, zones
from wherry.controllers.watching import NODE_NAME, by_node

LEASES = "kube-node-lease"


class NodeLifecycleController:
    name = "nodelifecycle"
    component = "node-controller"

    def __init__(self, context: Context) -> None:
        self._clock = context.clock
        self._nodes = context.caches.of(NODE)
        self._leases = context.caches.of(LEASE)
        self._pods = context.caches.of(POD)
        self._pods.index(NODE_NAME, by_node)
        self._health: dict[str, plan.Health] = {}
        self._gone: dict[str, Obj] = {}
        self._pace = zones.Pace()
        self._tally = zones.Tally()
        self._halted = False
        self.watches: Sequence[Watch] = (Watch(NODE, self._node_changed), Watch(LEASE, self._lease_changed))

    def _node_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        """A node that became ready or not may change what happens to every other."""
        node = new or old
        assert node is not None
        if new is None:
            self._gone[meta.name(node)] = node
        elif meta.name(node) in self._health:
            self._listen(new)
        self._tally.change(old, new)
        if self._tally.all_disrupted != self._halted:
            return list(self._nodes.store)
        return [meta.name(node)]

    def _lease_changed(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        """Only noted: the pass at the end of the grace period looks at the note."""
        if new is not None and meta.namespace(new) == LEASES:
            node = self._nodes.get(meta.name(new))
            if node is not None and meta.name(new) in self._health:
                self._listen(node)
        return ()

    def _listen(self, node: Obj) -> plan.Health:
        name = meta.name(node)
        known = self._health.get(name)
        heard = plan.listen(known, node, self._leases.get(f"{LEASES}/{name}"), self._clock.monotonic())
        self._health[name] = heard
        return heard

    def _note_disruption(self) -> None:
        """When the first node comes back after all were silent, all get a whole grace period to speak up."""
        halted = self._tally.all_disrupted
        if self._halted and not halted:
            now = self._clock.monotonic()
            self._health = {name: plan.heard_now(health, now) for name, health in self._health.items()}
        self._halted = halted

    async def reconcile(self, key: str, attempt: Attempt) -> Sequence[Action]:
        node = self._nodes.get(key)
        if node is None:
            return self._forget(key)
        known = key in self._health
        health = self._listen(node)
        self._note_disruption()
        zone = zones.zone_of(node)
        rate = self._tally.rate(zone)
        monotonic = self._clock.monotonic()
        licence = zones.Licence(self._halted, lambda: self._pace.wait(zone, rate, monotonic))
        pods = self._pods.by
        actions = plan.reconcile(node, health, lambda: pods(NODE_NAME, key), licence, attempt, monotonic)
        self._health[key] = plan.after(node, health, actions)
        return actions if known else [plan.registered(node), *actions]

    def _forget(self, key: str) -> Sequence[Action]:
        self._health.pop(key, None)
        node = self._gone.pop(key, None)
        return [plan.removed(node)] if node else []
