"""/stats/summary and /metrics: what the node, its pods and their containers use."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wherry.api import Obj, meta
from wherry.engine.interface import Engine, Usage
from wherry.lib.timestamps import rfc3339
from wherry.node import machine
from wherry.node.config import NodeConfig
from wherry.node.plan.nodestatus import Machine
from wherry.node.records import sandbox_of
from wherry.node.server.pods import Pods


def containers(pods: Pods, engine: Engine) -> Iterator[tuple[Obj, str, float, Usage]]:
    """Pod, container name, start time and usage of everything that runs."""
    for pod in pods.all():
        box = sandbox_of(engine, meta.uid(pod))
        for status in engine.containers(box.id) if box else []:
            usage = engine.usage(status.id) if status.state == "running" else None
            if usage is not None:
                yield pod, status.spec.name, status.started_at, usage


def _cpu(usage: Usage) -> Obj:
    return {"time": rfc3339(usage.at), "usageCoreNanoSeconds": usage.cpu_ns}


def _memory(usage: Usage) -> Obj:
    return {"time": rfc3339(usage.at), "usageBytes": usage.memory, "workingSetBytes": usage.working_set}


def summary(config: NodeConfig, facts: Machine, pods: Pods, engine: Engine, now: float) -> Obj:
    by_pod: dict[str, Obj] = {}
    for pod in pods.all():
        reference = {"name": meta.name(pod), "namespace": meta.namespace(pod), "uid": meta.uid(pod)}
        started = (pod.get("status") or {}).get("startTime", rfc3339(now))
        by_pod[meta.uid(pod)] = {"podRef": reference, "startTime": started, "containers": []}
    for pod, name, started_at, usage in containers(pods, engine):
        entry = {"name": name, "startTime": rfc3339(started_at), "cpu": _cpu(usage), "memory": _memory(usage)}
        by_pod[meta.uid(pod)]["containers"].append(entry)
    load = machine.load(config.state_dir)
    node = {
        "nodeName": config.name,
        "cpu": {"time": rfc3339(now), "usageCoreNanoSeconds": int(machine.usage()[0] * 1e9)},
        "memory": {
            "time": rfc3339(now),
            "availableBytes": load.memory_available,
            "usageBytes": facts.memory - load.memory_available,
            "workingSetBytes": facts.memory - load.memory_available,
        },
        "fs": {
            "time": rfc3339(now),
            "availableBytes": load.disk_available,
            "capacityBytes": facts.disk,
            "usedBytes": facts.disk - load.disk_available,
        },
        "rlimit": {"time": rfc3339(now), "maxpid": load.max_pids, "curproc": load.pids},
    }
    return {"node": node, "pods": list(by_pod.values())}


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a metric. `at`: seconds since the epoch, 0 leaves the time to the reader."""

    labels: dict[str, str]
    value: float
    at: float = 0


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    kind: str
    help: str
    samples: list[Sample]


def render(families: Iterable[Family]) -> str:
    """The text form of Prometheus."""
    lines: list[str] = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sample.labels.items())
            name = f"{family.name}{{{labels}}}" if labels else family.name
            lines.append(f"{name} {sample.value!r}" + (f" {int(sample.at * 1000)}" if sample.at else ""))
    return "\n".join(lines) + "\n"


_CPU = "Cumulative cpu time consumed by the {} in core-seconds"
_MEMORY = "Current working set of the {} in bytes"


def resource_metrics(pods: Pods, engine: Engine, now: float) -> list[Family]:
    """What the metrics API is made of."""
    cpu, memory, started = [], [], []
    by_pod: dict[tuple[str, str], list[Usage]] = {}
    for pod, container, started_at, usage in containers(pods, engine):
        labels = {"container": container, "namespace": meta.namespace(pod), "pod": meta.name(pod)}
        cpu.append(Sample(labels, usage.cpu_ns / 1e9, usage.at))
        memory.append(Sample(labels, usage.working_set, usage.at))
        started.append(Sample(labels, started_at))
        by_pod.setdefault((meta.namespace(pod), meta.name(pod)), []).append(usage)
    sums = [({"namespace": space, "pod": name}, usages) for (space, name), usages in by_pod.items()]
    cpu_seconds, working_set = machine.usage()
    return [
        Family("container_cpu_usage_seconds_total", "counter", _CPU.format("container"), cpu),
        Family("container_memory_working_set_bytes", "gauge", _MEMORY.format("container"), memory),
        Family(
            "container_start_time_seconds",
            "gauge",
            "Start time of the container since unix epoch in seconds",
            started,
        ),
        Family("node_cpu_usage_seconds_total", "counter", _CPU.format("node"), [Sample({}, cpu_seconds, now)]),
        Family("node_memory_working_set_bytes", "gauge", _MEMORY.format("node"), [Sample({}, working_set, now)]),
        Family(
            "pod_cpu_usage_seconds_total",
            "counter",
            _CPU.format("pod"),
            [Sample(labels, sum(each.cpu_ns for each in usages) / 1e9, usages[0].at) for labels, usages in sums],
        ),
        Family(
            "pod_memory_working_set_bytes",
            "gauge",
            _MEMORY.format("pod"),
            [Sample(labels, sum(each.working_set for each in usages), usages[0].at) for labels, usages in sums],
        ),
        Family("resource_scrape_error", "gauge", "1 if there was an error while getting metrics", [Sample({}, 0)]),
    ]
