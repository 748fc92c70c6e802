"""/stats/summary and /metrics/resource: what pods and their containers use."""

from collections.abc import Iterator

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


_FAMILIES = (
    ("container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the container in core-seconds"),
    ("container_memory_working_set_bytes", "gauge", "Current working set of the container in bytes"),
    ("container_start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds"),
)


def metrics(pods: Pods, engine: Engine) -> str:
    """In the text form of Prometheus."""
    readings = list(containers(pods, engine))
    lines: list[str] = []
    for name, kind, help in _FAMILIES:
        lines += [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
        for pod, container, started_at, usage in readings:
            values = (usage.cpu_ns / 1e9, usage.working_set, started_at)
            value = values[[each[0] for each in _FAMILIES].index(name)]
            labels = f'container="{container}",namespace="{meta.namespace(pod)}",pod="{meta.name(pod)}"'
            lines.append(f"{name}{{{labels}}} {value!r} {int(usage.at * 1000)}")
    return "\n".join(lines) + "\n"
