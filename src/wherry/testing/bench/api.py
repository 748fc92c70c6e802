"""The API server and the controllers, measured from outside over TLS."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from wherry.testing.bench.load import Target, connect, rate, watch
from wherry.testing.bench.processes import Program, free_port, memory
from wherry.testing.bench.target import target_of

CREATES = 20_000
GETS = 60_000
LISTED = 10_000
NODES = 5_000
BOUND = 10_000

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What runs, and how to reach it."""

    target: Target
    apiserver: Program
    controllers: Program | None
    figures: Figures


@asynccontextmanager
async def control_plane(directory: Path, with_controllers: bool) -> AsyncIterator[ControlPlane]:
    """Start the real programs over an empty directory, timing it."""
    port, data, figures = free_port(), directory / "data", Figures()
    directory.mkdir()
    started = time.perf_counter()
    flags = ["apiserver", "--data-dir", str(data), "--port", str(port)]
    with Program(directory / "apiserver.log", *flags) as apiserver:
        target = await _ready(apiserver, data / "admin.kubeconfig")
        figures["api_ready"] = time.perf_counter() - started
        if not with_controllers:
            yield ControlPlane(target, apiserver, None, figures)
            return
        kubeconfig = str(data / "kubeconfig" / "controller-manager")
        with Program(directory / "controllers.log", "controllers", "--kubeconfig", kubeconfig) as controllers:
            await _until(target, "/api/v1/namespaces/default/serviceaccounts/default")
            figures["default_account"] = time.perf_counter() - started
            await asyncio.sleep(3)  # idle: start-up garbage is collected, caches are filled
            figures["memory"] = memory(apiserver.pid) + memory(controllers.pid)
            yield ControlPlane(target, apiserver, controllers, figures)


async def _ready(apiserver: Program, kubeconfig: Path) -> Target:
    while apiserver.running:
        if kubeconfig.exists():
            try:
                target = target_of(kubeconfig)
                await _until(target, "/readyz")
                return target
            except OSError:
                pass
        await asyncio.sleep(0.005)
    raise SystemExit("the API server ended; see its log")


async def _until(target: Target, path: str, seconds: float = 60) -> None:
    """Ask until the answer is good."""
    connection = await connect(target)
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    await connection.ask(target.request("GET", path))
                    return
                except RuntimeError:
                    await asyncio.sleep(0.005)
    finally:
        connection.close()


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": "x" * 800}}


def pod(name: str, scheduler: str = "nobody") -> dict[str, Any]:
    """A pod that no scheduler of ours touches, of the size that pods have."""
    container = {
        "name": "main",
        "image": "busybox:1.36",
        "command": ["sleep", "3600"],
        "env": [{"name": f"SETTING_{n}", "value": f"value-{n}" * 4} for n in range(6)],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
    }
    metadata = {"name": name, "labels": {"app": "bench", "tier": "load"}}
    spec = {"schedulerName": scheduler, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def creates(target: Target, path: str, objects: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    return (target.request("POST", path, orjson.dumps(obj)) for obj in objects)


async def make_namespace(target: Target, name: str) -> None:
    connection = await connect(target)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await connection.ask(target.request("POST", "/api/v1/namespaces", orjson.dumps(body)))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    path = f"/api/v1/namespaces/{name}/serviceaccounts"
    try:
        await connection.ask(target.request("POST", path, orjson.dumps(account)))
    except RuntimeError:
        pass  # the controller was quicker
    connection.close()


async def writes_and_reads(plane: ControlPlane) -> Figures:
    """Creates, GETs and LIST, against the API server alone."""
    target, figures = plane.target, Figures()
    await make_namespace(target, "load")
    maps, pods = "/api/v1/namespaces/load/configmaps", "/api/v1/namespaces/load/pods"
    figures["configmap_creates"] = await rate(
        target, creates(target, maps, (config_map(f"m{n}") for n in range(CREATES)))
    )
    figures["pod_creates"] = await rate(target, creates(target, pods, (pod(f"p{n}") for n in range(LISTED))))
    one = target.request("GET", f"{maps}/m17")
    figures["gets"] = await rate(target, (one for _ in range(GETS)))
    figures["list"] = await _list_time(target, pods)
    return figures


async def _list_time(target: Target, path: str, repeats: int = 7) -> float:
    """Median milliseconds of a whole LIST."""
    connection = await connect(target)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        await connection.ask(target.request("GET", path))
        times.append(time.perf_counter() - started)
    connection.close()
    return sorted(times)[repeats // 2] * 1000


async def watches(plane: ControlPlane, watchers: int = 100, events: int = 1_000) -> Figures:
    """Events a second over all watchers of one namespace."""
    target, seen, done = plane.target, 0, asyncio.Event()
    await make_namespace(target, "watched")

    def count(found: int) -> None:
        nonlocal seen
        seen += found
        if seen >= watchers * events:
            done.set()

    path = "/api/v1/namespaces/watched/configmaps"
    streams = [
        await watch(target, f"{path}?watch=true&resourceVersion=0", b'"ADDED"', count) for _ in range(watchers)
    ]
    await asyncio.sleep(0.5)
    seen = 0
    started = time.perf_counter()
    await rate(target, creates(target, path, (config_map(f"w{n}") for n in range(events))), 16)
    async with asyncio.timeout(60):
        await done.wait()
    elapsed = time.perf_counter() - started
    for stream in streams:
        stream.close()
    return {"watch": watchers * events / elapsed}


async def thousand_replicas(plane: ControlPlane, replicas: int = 1_000) -> Figures:
    """From the Deployment's creation to the last of its pods."""
    target = plane.target
    await make_namespace(target, "deploy")
    seen, done = 0, asyncio.Event()

    def count(found: int) -> None:
        nonlocal seen
        seen += found
        if seen >= replicas:
            done.set()

    path = "/api/v1/namespaces/deploy/pods?watch=true&resourceVersion=0"
    stream = await watch(target, path, b'"type":"ADDED"', count)
    template = pod("unused")
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "big"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "bench"}},
            "template": {"metadata": {"labels": {"app": "bench"}}, "spec": template["spec"]},
        },
    }
    connection = await connect(target)
    await asyncio.sleep(0.5)
    started = time.perf_counter()
    body = orjson.dumps(deployment)
    await connection.ask(target.request("POST", "/apis/apps/v1/namespaces/deploy/deployments", body))
    async with asyncio.timeout(120):
        await done.wait()
    elapsed = time.perf_counter() - started
    stream.close()
    connection.close()
    return {"deployment": elapsed}


def node(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
    }


async def _ready_nodes(target: Target, count: int) -> None:
    names = [f"bench-node-{n}" for n in range(count)]
    await rate(target, creates(target, "/api/v1/nodes", (node(name) for name in names)))
    room = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    ready = {"type": "Ready", "status": "True", "reason": "Bench", "message": "", "lastHeartbeatTime": None}
    body = orjson.dumps({"status": {"capacity": room, "allocatable": room, "conditions": [ready]}})
    requests = (
        target.request("PATCH", f"/api/v1/nodes/{name}/status", body).replace(
            b"application/json\r\nContent-Length", b"application/merge-patch+json\r\nContent-Length"
        )
        for name in names
    )
    await rate(target, requests)


async def binds(plane: ControlPlane) -> Figures:
    """Pods created and bound a second, scheduler and API server each in its process."""
    target = plane.target
    await make_namespace(target, "sched")
    await _ready_nodes(target, NODES)
    seen, done = 0, asyncio.Event()

    def count(found: int) -> None:
        nonlocal seen
        seen += found
        if seen >= BOUND:
            done.set()

    path = "/api/v1/namespaces/sched/pods"
    stream = await watch(target, f"{path}?watch=true&fieldSelector=spec.nodeName!=", b'"type":"ADDED"', count)
    started = time.perf_counter()
    await rate(target, creates(target, path, (pod(f"s{n}", "default-scheduler") for n in range(BOUND))))
    async with asyncio.timeout(300):
        await done.wait()
    elapsed = time.perf_counter() - started
    stream.close()
    return {"binds": BOUND / elapsed}
