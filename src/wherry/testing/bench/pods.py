"""A real cluster of one node: how long pods take, and what the node costs."""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from wherry.api.kinds import NAMESPACE, POD, SERVICE_ACCOUNT
from wherry.api.meta import is_true, name
from wherry.client.interface import AlreadyExists, Client
from wherry.client.rest import from_kubeconfig
from wherry.local.layout import layout
from wherry.local.supervisor import records
from wherry.testing.bench.processes import memory

PROFILE = "bench"

Figures = dict[str, float]


def wherry(*arguments: str) -> None:
    """Run the command; its output is shown only if it fails."""
    done = subprocess.run([sys.executable, "-m", "wherry", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"wherry {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


@contextmanager
def cluster(figures: Figures) -> Iterator[Client]:
    """Start a cluster with one image in it, timing it; delete it at the end."""
    started = time.perf_counter()
    try:
        wherry("start", "--profile", PROFILE, "--nodes", "1")
        figures["start"] = time.perf_counter() - started
        wherry("image", "make", "busybox", "--profile", PROFILE)
        yield from_kubeconfig(layout(PROFILE).admin_kubeconfig)
    finally:
        wherry("delete", "--profile", PROFILE)


def busybox(pod_name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "busybox",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "3600"],
    }
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod_name, "labels": labels or {}}, "spec": spec}


async def start_times(client: Client) -> Figures:
    """One pod at a time, then a hundred at once."""
    await client.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bench"}})
    await _account(client)
    single = [await _until_ready(client, [f"one-{n}"]) for n in range(20)]
    await client.delete_collection(POD, "bench")  # a node takes 110 in all
    while (await client.list(POD, "bench")).items:  # noqa: ASYNC110 - nothing is timed here
        await asyncio.sleep(0.1)
    node_before = memory(_node_pid())
    rest = _container_memory()
    together = await _until_ready(client, [f"many-{n}" for n in range(100)])
    return {
        "pod_ready": statistics.median(single) * 1000,
        "pods_100": together,
        "node_memory": node_before,
        "pod_memory": (memory(_node_pid()) - node_before + _container_memory() - rest) / 100,
    }


async def _account(client: Client) -> None:
    """Pods need the namespace's default service account; the controller may be quicker."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    with suppress(AlreadyExists):
        await client.create(SERVICE_ACCOUNT, account, "bench")


async def _until_ready(client: Client, names: list[str]) -> float:
    """Seconds from the first create to the last Ready; the pods stay."""
    waiting, version = set(names), (await client.list(POD, "bench", limit=1)).resource_version
    started = time.perf_counter()
    creating = asyncio.gather(*(client.create(POD, busybox(each), "bench") for each in names))
    async with asyncio.timeout(120):
        async for event in client.watch(POD, "bench", resource_version=version):
            if event.type == "MODIFIED" and is_true(event.object, "Ready"):
                waiting.discard(name(event.object))
            if not waiting:
                break
    elapsed = time.perf_counter() - started
    await creating
    return elapsed


def _node_pid() -> int:
    run = layout(PROFILE).run
    return next(pid for each in records.names(run) if each.startswith("node") and (pid := records.pid_of(run, each)))


def _container_memory() -> float:
    """MB of what keeps containers: every conmon on the machine that belongs to this profile."""
    mark, total = str(layout(PROFILE).directory).encode(), 0.0
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdigit()
                and mark in (command := (entry / "cmdline").read_bytes())
                and b"conmon" in command
            ):
                total += memory(int(entry.name))
        except OSError:
            pass
    return total
