"""Short ways to write nodes and pods."""

from typing import Any

from wherry.api import Obj
from wherry.scheduler import plan
from wherry.scheduler.demand import Demands
from wherry.scheduler.facts import PodFacts, node_facts, pod_facts
from wherry.scheduler.profile import Profile
from wherry.scheduler.snapshot import Snapshot
from wherry.scheduler.views import Views


def node(name: str, cpu: str = "4", memory: str = "8Gi", pods: str = "110", **more: Any) -> Obj:
    """`more`: labels, taints, unschedulable, images, resources (a dict of further allocatable)."""
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **more.get("labels", {})}},
        "spec": {"taints": more.get("taints", []), "unschedulable": more.get("unschedulable", False)},
        "status": {
            "allocatable": {"cpu": cpu, "memory": memory, "pods": pods, **more.get("resources", {})},
            "images": more.get("images", []),
        },
    }


def container(name: str = "c", image: str = "app", **requests: str) -> Obj:
    requests = {key.replace("_", "/"): value for key, value in requests.items()}
    return {"name": name, "image": image, "resources": {"requests": requests}}


def pod(name: str, **spec: Any) -> Obj:
    """`spec` is the pod's, with one small container unless it says otherwise."""
    spec.setdefault("containers", [container(cpu="100m", memory="100Mi")])
    return {"metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"}, "spec": spec}


def affinity(*terms: Obj, preferred: list[Obj] | None = None) -> Obj:
    found: Obj = {}
    if terms:
        found["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": list(terms)}
    if preferred:
        found["preferredDuringSchedulingIgnoredDuringExecution"] = preferred
    return {"nodeAffinity": found}


def expression(key: str, operator: str, *values: str) -> Obj:
    return {"key": key, "operator": operator, "values": list(values)}


class Cluster:
    """A snapshot with its views, decided on without a shell. Of equal nodes the first is taken."""

    def __init__(self, *nodes: Obj) -> None:
        self.demands = Demands()
        self.snapshot = Snapshot(capacity=1)
        self.views = Views(self.snapshot, Profile())
        for each in nodes:
            self.put(each)

    def put(self, node: Obj) -> bool:
        return self.snapshot.set_node(node_facts(node))

    def facts(self, pod: Obj) -> PodFacts:
        return pod_facts(pod, self.demands)

    def run(self, pod: Obj, node: str) -> None:
        """A pod that is there already."""
        facts = self.facts(pod)
        self.snapshot.add_pod(facts, node)

    def place(self, *pods: Obj) -> list[str]:
        """The node of each, or the message."""
        decisions = plan.schedule(self.views, [self.facts(pod) for pod in pods], lambda count: 0)
        return [each.node if isinstance(each, plan.Placement) else each.message for each in decisions]

    def allowed(self, pod: Obj) -> set[str]:
        """Every node that the pod may go to."""
        fits = self.views.of(self.facts(pod).demand).fits
        return {self.snapshot.name(row) for row, fit in enumerate(fits) if fit}
