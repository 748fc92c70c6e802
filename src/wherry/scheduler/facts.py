"""What the scheduler keeps of a node and of a pod."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from wherry.api import Obj, meta
from wherry.scheduler.demand import Demand, Demands, Resources, amount_of, image_name


class Taint(NamedTuple):
    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Two nodes' facts are equal when no plug-in can tell them apart; a heartbeat changes none."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    allocatable: Resources = field(default_factory=dict)
    images: Mapping[str, int] = field(default_factory=dict)  # name -> bytes


@dataclass(frozen=True, slots=True)
class PodFacts:
    """`node` is where it is bound, `nominated` where room is being made for it. `started`: RFC 3339, "" for a pod
    that has not. `told` is the PodScheduled condition as the API server has it: status, reason, message."""

    key: str
    uid: str
    node: str
    demand: Demand
    priority: int = 0
    gated: bool = False
    scheduler: str = "default-scheduler"
    deleting: bool = False
    finished: bool = False
    never_preempts: bool = False
    nominated: str = ""
    started: str = ""
    generation: int = 0
    told: tuple[str, str, str] = ("", "", "")

    @property
    def pending(self) -> bool:
        """Whether it wants a node."""
        return not (self.node or self.gated or self.deleting or self.finished)


def node_facts(node: Obj) -> NodeFacts:
    spec, status = node.get("spec") or {}, node.get("status") or {}
    allocatable: Mapping[str, Any] = status.get("allocatable") or {}
    return NodeFacts(
        name=meta.name(node),
        labels=meta.labels(node),
        taints=tuple(Taint(t["key"], t.get("value") or "", t["effect"]) for t in spec.get("taints") or ()),
        unschedulable=bool(spec.get("unschedulable")),
        allocatable={name: amount_of(name, text) for name, text in allocatable.items()},
        images={
            image_name(name): image.get("sizeBytes") or 0
            for image in status.get("images") or ()
            for name in image.get("names") or ()
        },
    )


def pod_facts(pod: Obj, demands: Demands) -> PodFacts:
    spec, status = pod["spec"], pod.get("status") or {}
    told = meta.condition(pod, "PodScheduled") or {}
    return PodFacts(
        key=meta.key(pod),
        uid=meta.uid(pod),
        node=spec.get("nodeName") or "",
        demand=demands.of(spec),
        priority=spec.get("priority") or 0,
        gated=bool(spec.get("schedulingGates")),
        scheduler=spec.get("schedulerName") or "default-scheduler",
        deleting=meta.deleting(pod),
        finished=status.get("phase") in ("Succeeded", "Failed"),
        never_preempts=spec.get("preemptionPolicy") == "Never",
        nominated=status.get("nominatedNodeName") or "",
        started=status.get("startTime") or "",
        generation=pod["metadata"].get("generation") or 0,
        told=(told.get("status") or "", told.get("reason") or "", told.get("message") or ""),
    )
