"""Random rollouts: they end, they never break their bounds, and then nothing changes any more."""

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from worldmaking import NOW, deployment, flat, metadata, template

from wherry.api import meta
from wherry.api.kinds import DEPLOYMENT, POD, REPLICA_SET
from wherry.controllers import pods as facts
from wherry.controllers.actions import Create, Delete, Event, Requeue, Update, UpdateStatus
from wherry.controllers.attempt import Attempt
from wherry.controllers.deployment import plan as deployments
from wherry.controllers.deployment.plan import scaling
from wherry.controllers.replicaset import plan as sets
from wherry.lib.timestamps import rfc3339


class Simulation:
    """Objects by kind and name; actions take effect at once, as an API server and its watches would make them."""

    def __init__(self, owner):
        self.objects = {DEPLOYMENT: {"web": owner}, REPLICA_SET: {}, POD: {}}
        self.numbers = count(1)
        self.now = NOW

    @property
    def deployment(self):
        return self.objects[DEPLOYMENT]["web"]

    def pods(self):
        return list(self.objects[POD].values())

    def available(self):
        return sum(facts.is_ready(pod) and not meta.deleting(pod) for pod in self.pods())

    def change(self, **spec):
        owner = self.deployment
        generation = owner["metadata"]["generation"] + 1
        metadata_ = {**owner["metadata"], "generation": generation}
        self.objects[DEPLOYMENT]["web"] = {**owner, "metadata": metadata_, "spec": {**owner["spec"], **spec}}

    def step(self):
        """One pass over everything; True if anything was asked for."""
        owner, replica_sets = self.deployment, list(self.objects[REPLICA_SET].values())
        busy = self.apply(
            deployments.reconcile(owner, replica_sets, {}, self.objects[REPLICA_SET].get, Attempt(self.now))
        )
        for each in list(self.objects[REPLICA_SET].values()):
            mine = [pod for pod in self.pods() if meta.controller_of(pod)["uid"] == meta.uid(each)]
            busy |= self.apply(sets.reconcile(REPLICA_SET, each, mine, self.pods, Attempt(self.now)))
        return busy

    def apply(self, actions):
        found = [action for action in flat(actions) if not isinstance(action, Event | Requeue)]
        for action in found:
            self.act(action)
        return bool(found)

    def act(self, action):
        objects = self.objects[action.kind]
        if isinstance(action, Create):
            self.create(action.kind, action.obj)
        elif isinstance(action, Update):
            old = objects[meta.name(action.obj)]
            grown = int(old["spec"] != action.obj["spec"])
            generation = old["metadata"]["generation"] + grown
            objects[meta.name(action.obj)] = {
                **action.obj,
                "metadata": {**action.obj["metadata"], "generation": generation},
            }
        elif isinstance(action, UpdateStatus):
            name = meta.name(action.obj)
            old = objects[name]
            annotations = {"annotations": dict(meta.annotations(action.obj))}
            objects[name] = {**old, "metadata": old["metadata"] | annotations, "status": action.obj["status"]}
        elif isinstance(action, Delete):
            objects.pop(meta.name(action.obj), None)

    def create(self, kind, obj):
        name = obj["metadata"].get("name") or f"{obj['metadata']['generateName']}{next(self.numbers)}"
        assert name not in self.objects[kind]
        made = {**metadata(name), **{k: v for k, v in obj["metadata"].items() if k != "generateName"}}
        made["creationTimestamp"] = rfc3339(self.now)
        status = {"phase": "Pending"} if kind is POD else {"replicas": 0}
        self.objects[kind][name] = {**obj, "metadata": made, "status": status}

    def ready(self, pod, yes=True):
        condition = {"type": "Ready", "status": str(yes), "lastTransitionTime": rfc3339(self.now)}
        self.objects[POD][meta.name(pod)] = {**pod, "status": {"phase": "Running", "conditions": [condition]}}

    def settle(self, limit=300):
        """Everything that is made becomes ready, until nothing is asked for any more."""
        for _ in range(limit):
            self.now += 1
            busy = self.step()
            for pod in self.pods():
                if not facts.is_ready(pod):
                    self.ready(pod)
                    busy = True
            if not busy:
                return
        raise AssertionError("it never comes to rest")


bound = st.one_of(st.integers(0, 5), st.integers(0, 100).map("{}%".format))
strategies = st.fixed_dictionaries({"maxSurge": bound, "maxUnavailable": bound})


def images(simulation):
    return {pod["spec"]["containers"][0]["image"] for pod in simulation.pods()}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 12), strategies, st.data())
def test_a_rollout_ends_and_never_breaks_its_bounds(replicas, rolling, data):
    world = Simulation(deployment(replicas=replicas, rolling=rolling))
    world.settle()
    assert len(world.pods()) == replicas
    surge, unavailable = scaling.bounds(world.deployment)
    world.change(template=template("web:2"))
    for _ in range(400):
        world.now += 1
        busy = world.step()
        assert len(world.pods()) <= replicas + surge
        assert world.available() >= replicas - unavailable
        waiting = [pod for pod in world.pods() if not facts.is_ready(pod)]
        if waiting:
            world.ready(data.draw(st.sampled_from(waiting)))
        elif not busy:
            break
    assert images(world) <= {"web:2"} and len(world.pods()) == replicas
    assert not world.step()


changes = st.lists(
    st.one_of(
        st.tuples(st.just("scale"), st.integers(0, 12)),
        st.tuples(st.just("image"), st.integers(1, 4)),
        st.tuples(st.just("pause"), st.booleans()),
        st.tuples(st.just("lose"), st.integers(0, 20)),
        st.tuples(st.just("work"), st.integers(1, 4)),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10), strategies, changes)
def test_whatever_happens_it_ends_where_the_last_word_says(replicas, rolling, todo):
    world = Simulation(deployment(replicas=replicas, rolling=rolling, revisionHistoryLimit=2))
    world.settle()
    for what, value in todo:
        pods = world.pods()
        if what == "scale":
            world.change(replicas=value)
        elif what == "image":
            world.change(template=template(f"web:{value}"))
        elif what == "pause":
            world.change(paused=value)
        elif what == "lose" and pods:
            del world.objects[POD][meta.name(pods[value % len(pods)])]
        elif what == "work":
            for _ in range(value):
                world.now += 1
                world.step()
    world.change(paused=False)
    world.settle()
    spec = world.deployment["spec"]
    assert len(world.pods()) == spec["replicas"] == world.available()
    wanted = spec["template"]["spec"]["containers"][0]["image"]
    assert images(world) <= {wanted}
    status = world.deployment["status"]
    assert status.get("updatedReplicas", 0) == status.get("availableReplicas", 0) == spec["replicas"]
    revisions = [meta.annotations(each)["deployment.kubernetes.io/revision"] for each in
                 world.objects[REPLICA_SET].values()]  # fmt: skip
    assert len(set(revisions)) == len(revisions) <= 3
    assert not world.step()
