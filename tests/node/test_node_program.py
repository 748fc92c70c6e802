"""The programs as processes: an API server and a node, killed and started again; the node's own API over TLS."""

import asyncio
import os
import secrets
import signal
import sys
from pathlib import Path

import pytest
from nodehost import ADDRESS, IMAGE, SLEEPER, is_ready, sh, soon, status_of

from wherry import engine as engines
from wherry.aio import process, websocket
from wherry.aio.http.client import Pool
from wherry.api.kinds import NAMESPACE, NODE, POD, SERVICE_ACCOUNT
from wherry.client import kubeconfig
from wherry.client.interface import ApiError
from wherry.client.rest import from_kubeconfig
from wherry.linux import cgroupfs, mounts, netns, procs
from wherry.local.teardown import unmount_below
from wherry.pki.authority import Authority
from wherry.wire import channels

pytestmark = pytest.mark.root


class Cluster:
    """Both programs, in a network namespace of their own, where the test's thread is too."""

    def __init__(self, root: Path) -> None:
        self.root, self.name = root, f"wt-{secrets.token_hex(4)}"
        self.data, self.state = root / "apiserver", root / "node"
        self.programs: dict[str, asyncio.subprocess.Process] = {}
        self._home = -1

    async def __aenter__(self) -> "Cluster":
        netns.create(self.name)
        for command in (
            "link set lo up",
            "link add eth0 type veth peer name eth1",
            f"addr add {ADDRESS}/32 dev eth0",
            "link set eth0 up",
            "link set eth1 up",
        ):
            await process.run("ip", "-n", self.name, *command.split())
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        netns.enter(self.name)
        try:
            await self.start("apiserver", "--data-dir", self.data, "--port", "8443")
            await soon((self.data / "admin.kubeconfig").exists)
            self.client = from_kubeconfig(self.data / "admin.kubeconfig")
            await self._prepare()
            await self.start_node()
        except BaseException:
            await self._leave()
            raise
        return self

    async def _prepare(self) -> None:
        for kind, obj in (
            (NAMESPACE, {"metadata": {"name": "default"}}),
            (SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}}),
        ):
            try:
                await self.client.create(kind, obj)
            except ApiError as error:
                assert error.code == 409
        self.state.mkdir()
        authority = Authority.load_or_create(self.data / "pki", "wherry")
        issued = authority.issue("node", hosts=[ADDRESS], usages=("server",))
        issued.write(self.state / "server.crt", self.state / "server.key")

    async def start(self, program: str, *flags: object) -> None:
        with (self.root / f"{program}.log").open("ab") as log:
            self.programs[program] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"wherry.programs.{program}", *map(str, flags), stdout=log, stderr=log
            )

    async def start_node(self) -> None:
        flags = {
            "--name": "n1",
            "--kubeconfig": self.data / "admin.kubeconfig",
            "--state-dir": self.state,
            "--images": self.root / "images",
            "--address": ADDRESS,
            "--pod-cidr": "10.244.9.0/24",
            "--profile": self.name,
        }
        await self.start("node", *(each for pair in flags.items() for each in pair))

    async def end(self, program: str, number: signal.Signals) -> int:
        self.programs[program].send_signal(number)
        return await asyncio.wait_for(self.programs[program].wait(), 15)

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self._leave()

    async def _leave(self) -> None:
        for program in self.programs.values():
            if program.returncode is None:
                program.kill()
                await program.wait()
        hierarchies = cgroupfs.discover()
        cgroupfs.kill(hierarchies, f"wherry/{self.name}")
        await soon(lambda: not cgroupfs.processes(hierarchies, f"wherry/{self.name}"))
        cgroupfs.remove(hierarchies, f"wherry/{self.name}")
        unmount_below(self.root)
        procs.setns(self._home)
        os.close(self._home)
        for name in [*netns.names(self.name), *netns.names(f"wherry-{self.name}-")]:
            netns.delete(name)

    async def pod(self, name: str) -> dict:
        return await self.client.get(POD, name, "default")

    async def run(self, name: str, container: dict, **spec: object) -> dict:
        whole = {"image": IMAGE, "imagePullPolicy": "IfNotPresent"} | container
        body = {"nodeName": "n1", "containers": [whole], "terminationGracePeriodSeconds": 1} | spec
        body.setdefault("automountServiceAccountToken", False)
        await self.client.create(POD, {"metadata": {"name": name, "namespace": "default"}, "spec": body})
        return await self.until_ready(name)

    async def until_ready(self, name: str) -> dict:
        async def ready() -> dict | None:
            pod = await self.pod(name)
            return pod if is_ready(pod) else None

        try:
            return await soon(ready)
        except TimeoutError:
            known = (await self.pool().request("GET", "/pods", timeout=5)).body
            raise AssertionError(f"{await self.pod(name)}\nthe node knows {known!r}") from None

    def pool(self) -> Pool:
        """The node's own API, as the administrator."""
        access = kubeconfig.load(self.data / "admin.kubeconfig")
        return Pool(f"https://{ADDRESS}:10250", kubeconfig.ssl_context(access))


@pytest.fixture
async def cluster(tmp_path, busybox_archive):
    store = await engines.open(tmp_path / "loader", tmp_path / "images", subreaper=False)
    await store.images.load(busybox_archive)
    await store.close()
    async with Cluster(tmp_path) as running:
        yield running


async def test_containers_outlive_the_node_however_it_ends(cluster):
    pod = await cluster.run("web", SLEEPER)
    for number, code in ((signal.SIGTERM, 0), (signal.SIGKILL, -9)):
        assert await cluster.end("node", number) == code
        await cluster.start_node()
        node = await cluster.client.get(NODE, "n1")
        assert node["status"]["capacity"]["pods"] == "110"
        after = await cluster.run(f"after-{number.value}", SLEEPER)
        assert status_of(after)["restartCount"] == 0
        again = await cluster.pod("web")
        assert status_of(again)["containerID"] == status_of(pod)["containerID"]
        assert status_of(again)["restartCount"] == 0
        assert again["metadata"]["resourceVersion"] == pod["metadata"]["resourceVersion"]


async def test_the_api_server_may_be_away(cluster):
    pod = await cluster.run("web", SLEEPER)
    await cluster.end("apiserver", signal.SIGKILL)
    await asyncio.sleep(0.3)
    await cluster.start("apiserver", "--data-dir", cluster.data, "--port", "8443")

    async def runs() -> dict | None:
        try:
            return await cluster.run("later", SLEEPER)
        except ApiError as error:
            assert error.retryable
            return None

    await soon(runs)
    assert status_of(await cluster.pod("web")) == status_of(pod)


async def test_the_nodes_own_api(cluster):
    await cluster.run("web", sh("echo one; echo two; echo oops >&2; trap 'exit 0' TERM; sleep 3600 & wait"))
    pool = cluster.pool()
    try:
        assert (await pool.request("GET", "/healthz")).body == b"ok"
        assert b'"web"' in (await pool.request("GET", "/pods")).body
        logs = await pool.request("GET", "/containerLogs/default/web/main?tailLines=2")
        assert sorted(logs.body.split()) in ([b"oops", b"two"], [b"one", b"two"])
        logs = await pool.request("GET", "/containerLogs/default/web/main?stream=Stderr")
        assert logs.body == b"oops\n"
        assert (await pool.request("GET", "/containerLogs/default/web/other")).status == 400
        assert (await pool.request("GET", "/containerLogs/default/none/main")).status == 404
        summary = (await pool.request("GET", "/stats/summary")).body
        assert b'"workingSetBytes"' in summary
        metrics = (await pool.request("GET", "/metrics/resource")).body.decode()
        assert 'container_memory_working_set_bytes{container="main",namespace="default",pod="web"}' in metrics
        assert "\nnode_memory_working_set_bytes " in metrics
        assert await execute(pool, "sh", "-c", "echo out; echo err >&2; exit 3") == (b"out\n", b"err\n", 3)
        assert await execute(pool, "cat", stdin=b"typed") == (b"typed", b"", 0)
    finally:
        await pool.close()


async def test_the_nodes_own_api_is_not_for_everybody(cluster):
    await soon(lambda: cluster.programs["node"].returncode is None)
    access = kubeconfig.load(cluster.data / "admin.kubeconfig")
    context = kubeconfig.ssl_context(kubeconfig.Access(access.server, ca=access.ca))
    pool = Pool(f"https://{ADDRESS}:10250", context)

    async def answers() -> int | None:
        try:
            return (await pool.request("GET", "/healthz")).status
        except OSError:
            return None

    try:
        assert await soon(answers) == 200
        assert (await pool.request("GET", "/pods")).status == 401
        assert (await pool.request("GET", "/pods", [("Authorization", "Bearer nonsense")])).status == 401
    finally:
        await pool.close()


async def execute(pool: Pool, *command: str, stdin: bytes = b"") -> tuple[bytes, bytes, int | None]:
    """Run by the newest protocol: output, errors, exit code."""
    query = "&".join(
        f"command={each}".replace(" ", "%20").replace(";", "%3B").replace(">&", "%3E%26") for each in command
    )
    wanted = "&stdout=true&stderr=true" + ("&stdin=true" if stdin else "")
    target = f"/exec/default/web/main?{query}{wanted}"
    socket = await websocket.connect(pool, target, subprotocols=(channels.V5,))
    if stdin:
        await socket.send(bytes([channels.STDIN]) + stdin)
        await socket.send(channels.close(channels.STDIN))
    received = {channels.STDOUT: b"", channels.STDERR: b"", channels.ERROR: b""}
    async for message in socket:
        frame = channels.decode(message, channels.V5)
        received[frame.channel] += frame.data
    await socket.close()
    import json

    code = channels.exit_code(json.loads(received[channels.ERROR]))
    return received[channels.STDOUT], received[channels.STDERR], code


async def test_nothing_is_lost_or_left_when_the_node_is_killed_while_it_works(cluster):
    names = [f"p{number}" for number in range(6)]
    creations = [asyncio.create_task(cluster.run(name, SLEEPER)) for name in names]
    for pause in (0.15, 0.4):
        await asyncio.sleep(pause)
        await cluster.end("node", signal.SIGKILL)
        await cluster.start_node()
    pods = await asyncio.gather(*creations)
    assert [status_of(pod)["restartCount"] for pod in pods] == [0] * len(pods)
    for name in names:
        await cluster.client.delete(POD, name, "default")
    await asyncio.sleep(0.05)
    await cluster.end("node", signal.SIGKILL)
    await cluster.start_node()

    async def gone() -> bool:
        return not (await cluster.client.list(POD, "default")).items

    await soon(gone)
    assert [path for name in ("pods", "sandboxes", "network") for path in (cluster.state / name).glob("*")] == []
    assert netns.names(f"wherry-{cluster.name}-n1.") == []
    assert not any(str(cluster.state) in mount.target for mount in mounts.all_mounts())
