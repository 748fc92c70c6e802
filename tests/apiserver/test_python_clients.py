"""Python clients of others, unchanged, against the server as a process: `kubernetes` and `lightkube`."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import lightkube
import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Pod, ServiceAccount
from lightkube.types import PatchType

APPLY = "application/apply-patch+yaml"


class Process:
    """The server; always on one port, over a store on disk."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.kubeconfig = directory / "admin.kubeconfig"
        self._command = [sys.executable, "-m", "wherry.programs.apiserver", "--data-dir", str(directory)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [*self._command, "--port", str(self.port)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self._process and self._process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return self.kubeconfig.is_file()

    def stop(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process(tmp_path_factory.mktemp("api"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def core(server: Process) -> client.CoreV1Api:
    return client.CoreV1Api(config.new_client_from_config(str(server.kubeconfig)))


@pytest.fixture
def namespace(core: client.CoreV1Api, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own, with the account that pods need."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name)[:60].rstrip("-")
    core.create_namespace({"metadata": {"name": name}})
    core.create_namespaced_service_account(name, {"metadata": {"name": "default"}})
    return name


@pytest.fixture
def light(server: Process, namespace: str) -> lightkube.Client:
    loaded = lightkube.KubeConfig.from_file(str(server.kubeconfig))
    return lightkube.Client(loaded, namespace=namespace, field_manager="light")


def config_map(name: str, **data: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_models_are_written_and_read(core: client.CoreV1Api, namespace: str) -> None:
    spec = client.V1PodSpec(containers=[client.V1Container(name="c", image="busybox")])
    core.create_namespaced_pod(namespace, client.V1Pod(metadata=client.V1ObjectMeta(name="p"), spec=spec))
    assert core.read_namespaced_pod("p", namespace).spec.dns_policy == "ClusterFirst"


def test_a_list_comes_in_pages(core: client.CoreV1Api, namespace: str) -> None:
    for n in range(5):
        core.create_namespaced_config_map(namespace, config_map(f"c{n}"))
    names, token = [], None
    while token != "":
        page = core.list_namespaced_config_map(namespace, limit=2, _continue=token)
        names += [each.metadata.name for each in page.items]
        token = page.metadata._continue or ""
    assert names == ["c0", "c1", "c2", "c3", "c4"]


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("application/merge-patch+json", {"data": {"a": None, "b": "2"}}),
        ("application/strategic-merge-patch+json", {"data": {"a": None, "b": "2"}}),
        ("application/json-patch+json", [{"op": "move", "from": "/data/a", "path": "/data/b"}]),
    ],
)
def test_patches(core: client.CoreV1Api, namespace: str, kind: str, patch: object) -> None:
    core.create_namespaced_config_map(namespace, config_map("c", a="2"))
    patched = core.patch_namespaced_config_map("c", namespace, patch, _content_type=kind)
    assert patched.data == {"b": "2"}


def test_apply_meets_conflicts(core: client.CoreV1Api, namespace: str) -> None:
    def apply(manager: str, value: str, **options: bool) -> client.V1ConfigMap:
        body = config_map("c", a=value)
        return core.patch_namespaced_config_map(
            "c", namespace, body, field_manager=manager, _content_type=APPLY, **options
        )

    apply("one", "1")
    with pytest.raises(ApiException) as refused:
        apply("two", "2")
    assert refused.value.status == 409
    assert apply("two", "2", force=True).data == {"a": "2"}


def test_the_dynamic_client_discovers_and_works(core: client.CoreV1Api, namespace: str) -> None:
    maps = dynamic.DynamicClient(core.api_client).resources.get(api_version="v1", kind="ConfigMap")
    maps.create(body=config_map("c", a="1"), namespace=namespace)
    maps.server_side_apply(body=config_map("d", a="2"), name="d", namespace=namespace, field_manager="x")
    assert [each.data.a for each in maps.get(namespace=namespace).items] == ["1", "2"]


def test_a_watch_sees_what_happens(core: client.CoreV1Api, namespace: str) -> None:
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, config_map("c"))
    core.patch_namespaced_config_map("c", namespace, {"data": {"a": "1"}})
    core.delete_namespaced_config_map("c", namespace)
    stream = watch.Watch().stream(
        core.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=10
    )
    assert [next(stream)["type"] for _ in range(3)] == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_from_a_forgotten_version_is_gone(core: client.CoreV1Api, namespace: str) -> None:
    stream = watch.Watch().stream(core.list_namespaced_config_map, namespace, resource_version="1", timeout_seconds=3)
    with pytest.raises(ApiException) as gone:
        next(stream)
    assert gone.value.status == 410


def test_watches_go_on_after_a_restart(server: Process, core: client.CoreV1Api, namespace: str) -> None:
    """Nothing is lost between the version that was seen last and the moment the server is back."""
    version, names = core.list_namespaced_config_map(namespace).metadata.resource_version, []
    started = threading.Event()

    def follow() -> None:
        nonlocal version
        while "after" not in names:
            try:
                stream = watch.Watch().stream(
                    core.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=20
                )
                started.set()
                for event in stream:
                    names.append(event["object"].metadata.name)
                    version = event["object"].metadata.resource_version
                    if names[-1] == "after":
                        return
            except Exception:
                time.sleep(0.1)

    thread = threading.Thread(target=follow)
    thread.start()
    started.wait(10)
    core.create_namespaced_config_map(namespace, config_map("before"))
    wait_for(lambda: "before" in names)
    server.stop()
    server.start()
    core.create_namespaced_config_map(namespace, config_map("after"))
    thread.join(20)
    assert names == ["before", "after"]


def test_lightkube_writes_patches_and_applies(light: lightkube.Client) -> None:
    light.create(Pod(metadata=ObjectMeta(name="p"), spec=PodSpec(containers=[Container(name="c", image="busybox")])))
    pod = light.patch(Pod.Status, "p", {"status": {"phase": "Running"}}, patch_type=PatchType.MERGE)
    assert pod.status.phase == "Running"
    light.apply(ConfigMap(metadata=ObjectMeta(name="c"), data={"a": "1"}), field_manager="one")
    with pytest.raises(ApiError) as refused:
        light.apply(ConfigMap(metadata=ObjectMeta(name="c"), data={"a": "2"}), field_manager="two")
    assert refused.value.status.reason == "Conflict"
    assert light.apply(ConfigMap(metadata=ObjectMeta(name="c"), data={"a": "2"}), force=True).data == {"a": "2"}


def test_lightkube_lists_watches_and_deletes(light: lightkube.Client) -> None:
    found = light.list(ServiceAccount, chunk_size=1)
    assert [each.metadata.name for each in found] == ["default"]
    for name in ("c", "d"):
        light.create(ConfigMap(metadata=ObjectMeta(name=name)))
    light.delete(ConfigMap, "c")
    events = light.watch(ConfigMap, resource_version=found.resourceVersion, server_timeout=10)
    seen = [(kind, each.metadata.name) for kind, each in (next(events) for _ in range(3))]
    assert seen == [("ADDED", "c"), ("ADDED", "d"), ("DELETED", "c")]
    light.deletecollection(ConfigMap)
    assert list(light.list(ConfigMap)) == []
