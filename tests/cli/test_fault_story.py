"""Every process of a cluster is killed in turn while requests flow.

All comes back, no container notices, and no write that was acknowledged is lost.
"""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from urllib.request import urlopen

import pytest
from clusterlab import Cluster

from wherry.api import Obj, kinds, meta
from wherry.client.interface import ApiError
from wherry.client.rest import RestClient, from_kubeconfig
from wherry.local.readiness import until

pytestmark = pytest.mark.root

WHOLE_WITHIN = 10.0  # seconds


class Visitors:
    """Ask the web Service without pause; every request that fails is kept."""

    def __init__(self, url: str) -> None:
        self.answers, self.failures = 0, []
        self._url, self._done = url, threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        while not self._done.wait(0.02):
            try:
                with urlopen(self._url, timeout=5) as response:
                    response.read()
                self.answers += 1
            except OSError as error:
                self.failures.append(f"{time.strftime('%X')} {error}")

    def leave(self) -> None:
        self._done.set()
        self._thread.join()


class Writer:
    """Creates ConfigMaps one after another and keeps the names of those that were acknowledged."""

    def __init__(self, client: RestClient) -> None:
        self._client, self.acknowledged, self._number = client, [], 0

    async def write(self, count: int) -> None:
        for _ in range(count):
            self._number += 1
            name = f"note-{self._number}"
            try:
                await self._client.create(kinds.CONFIG_MAP, {"metadata": {"name": name}}, "default")
                self.acknowledged.append(name)
            except ApiError as error:
                assert error.retryable, error

    async def lost(self) -> set[str]:
        there = {meta.name(obj) for obj in (await self._client.list(kinds.CONFIG_MAP, "default")).items}
        return set(self.acknowledged) - there


@pytest.fixture
def web(cluster: Cluster) -> Iterator[Cluster]:
    """Two nodes with the first example on them."""
    cluster.ok("start", "--nodes", "2")
    cluster.ok("image", "make", "busybox")
    cluster.ok("apply", "-f", str(EXAMPLE))
    yield cluster


EXAMPLE = os.path.join(os.path.dirname(__file__), "../../examples/01-web")


async def test_whatever_process_is_killed_the_cluster_is_whole_again(web):
    client = from_kubeconfig(web.layout.admin_kubeconfig)
    try:
        await until(client, kinds.DEPLOYMENT, _available, "default")
        service = await client.get(kinds.SERVICE, "web", "default")
        visitors, writer = Visitors(f"http://{service['spec']['clusterIP']}"), Writer(client)
        before = await _containers(client)
        names = [name for name in web.pids() if name != "apiserver"] + ["apiserver"]
        assert len(names) == 5
        took = {}
        for name in names:
            await writer.write(20)
            took[name] = await _kill_and_recover(web, client, writer, name)
        visitors.leave()
        print("whole again after", {name: f"{seconds:.2f} s" for name, seconds in took.items()})
        assert visitors.answers > 0 and visitors.failures == []
        assert await _containers(client) == before
        assert await writer.lost() == set()
        assert max(took.values()) < WHOLE_WITHIN
    finally:
        await client.close()


async def _kill_and_recover(web: Cluster, client: RestClient, writer: Writer, name: str) -> float:
    """Seconds until the killed process runs again and every part does its work."""
    began, pid = time.monotonic(), web.pids()[name]
    os.kill(pid, signal.SIGKILL)
    await writer.write(20)
    while web.pids().get(name) in (None, pid):
        assert time.monotonic() < began + 60, f"{name} did not come back: {web.logs()}"
        await asyncio.sleep(0.01)
    await _works(client, f"check-{name}")
    return time.monotonic() - began


async def _works(client: RestClient, name: str) -> None:
    """A pod on each node is scheduled, runs and ends, and its log can be read: every process had its part in it."""
    for number, node in enumerate((await _retry(lambda: client.list(kinds.NODE))).items):
        pod = _pod(f"{name}-{number}", meta.name(node))
        await _retry(lambda pod=pod: client.create(kinds.POD, pod))
        await until(client, kinds.POD, lambda obj, pod=pod: _ended(obj, pod), "default")
        path = kinds.POD.path("default", meta.name(pod), "log")
        assert (await client.request("GET", path)).body == b"ahoy\n"
        await client.delete(kinds.POD, meta.name(pod), "default", grace_period=0)


async def _retry(act: Callable) -> object:
    while True:
        try:
            return await act()
        except ApiError as error:
            if not error.retryable:
                raise
            await asyncio.sleep(0.05)


def _pod(name: str, node: str) -> Obj:
    container = {"name": "c", "image": "busybox", "imagePullPolicy": "IfNotPresent", "command": ["echo", "ahoy"]}
    spec = {"restartPolicy": "Never", "containers": [container], "nodeSelector": {"kubernetes.io/hostname": node}}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


def _ended(obj: Obj, pod: Obj) -> bool:
    return meta.name(obj) == meta.name(pod) and obj["status"].get("phase") == "Succeeded"


def _available(deployment: Obj) -> bool:
    return deployment.get("status", {}).get("availableReplicas") == 3


async def _containers(client: RestClient) -> dict[str, str]:
    """Container ids and restart counts of the web pods."""
    pods = (await client.list(kinds.POD, "default", label_selector="app=web")).items
    statuses = [(meta.name(pod), pod["status"]["containerStatuses"][0]) for pod in pods]
    return {name: json.dumps([status["containerID"], status["restartCount"]]) for name, status in statuses}
