"""The program as a process: what it writes, how it refuses to start, and what survives its death."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from wherry.aio.http.client import Pool
from wherry.api import kinds
from wherry.client.interface import Unreachable
from wherry.client.rest import RestClient, from_kubeconfig
from wherry.programs import apiserver

START_SECONDS = 20


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def start(data: Path, port: int, *more: str) -> asyncio.subprocess.Process:
    arguments = ["-m", "wherry.programs.apiserver", "--data-dir", str(data), "--port", str(port), *more]
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )


async def ready(data: Path, process: asyncio.subprocess.Process) -> RestClient:
    """A client as soon as the server answers."""
    path = data / "admin.kubeconfig"
    async with asyncio.timeout(START_SECONDS):
        while process.returncode is None:
            if path.exists():
                client = from_kubeconfig(path)
                try:
                    await client.get(kinds.NAMESPACE, "default")
                    return client
                except Unreachable:
                    await client.close()
            await asyncio.sleep(0.05)
    raise AssertionError((await process.stderr.read()).decode() if process.stderr else "")


@asynccontextmanager
async def running(data: Path, port: int, *more: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, RestClient]]:
    process = await start(data, port, *more)
    try:
        client = await ready(data, process)
        try:
            yield process, client
        finally:
            await client.close()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    port = free_port()
    async with running(tmp_path, port) as (process, client):
        for number in range(20):
            await client.create(kinds.CONFIG_MAP, {"metadata": {"name": f"c{number}"}}, "default")
        uid = (await client.get(kinds.NAMESPACE, "default"))["metadata"]["uid"]
        process.send_signal(signal.SIGKILL)
        await process.wait()
    async with running(tmp_path, port) as (process, client):
        assert len((await client.list(kinds.CONFIG_MAP, "default")).items) == 20
        assert (await client.get(kinds.NAMESPACE, "default"))["metadata"]["uid"] == uid
        process.terminate()
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_kubeconfigs_are_private_and_name_their_users(tmp_path: Path) -> None:
    async with running(tmp_path, free_port()):
        for name in (
            "admin.kubeconfig",
            *(f"kubeconfig/{component}" for component in apiserver.identities.COMPONENTS),
        ):
            assert os.stat(tmp_path / name).st_mode & 0o077 == 0
        scheduler = from_kubeconfig(tmp_path / "kubeconfig" / "scheduler")
        try:
            answer = await scheduler.create(kinds.SELF_SUBJECT_REVIEW, {"metadata": {}})
        finally:
            await scheduler.close()
        assert answer["status"]["userInfo"]["username"] == "system:kube-scheduler"


async def test_strangers_see_health_and_nothing_else(tmp_path: Path) -> None:
    port = free_port()
    async with running(tmp_path, port):
        pool = Pool(f"https://127.0.0.1:{port}", apiserver.ssl._create_unverified_context())
        try:
            statuses = [(await pool.request("GET", path)).status for path in ("/readyz", "/api/v1/namespaces")]
        finally:
            await pool.close()
        assert statuses == [200, 403]


async def test_a_port_in_use_is_named_with_a_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await start(tmp_path, port)
        async with asyncio.timeout(START_SECONDS):
            _, errors = await process.communicate()
    assert process.returncode == apiserver.EXIT_PORT_IN_USE
    last = errors.decode().strip().splitlines()[-1]
    assert last.startswith(f"wherry apiserver: 127.0.0.1 port {port} is already in use: ")
    assert "Traceback" not in errors.decode()


async def test_a_bad_token_file_is_named_with_its_line(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text('good,jane,1,"devs"\nbad,line\n')
    process = await start(tmp_path / "data", free_port(), "--token-auth-file", str(tokens))
    async with asyncio.timeout(START_SECONDS):
        _, errors = await process.communicate()
    assert process.returncode == apiserver.EXIT_USAGE
    assert f"{tokens}:2" in errors.decode() or "line 2" in errors.decode()
    assert "Traceback" not in errors.decode()


@pytest.mark.parametrize(
    ("arguments", "advertised"),
    [
        ([], "127.0.0.1"),
        (["--bind-address", "0.0.0.0", "--bind-address", "192.0.2.1"], "192.0.2.1"),
        (["--bind-address", "192.0.2.1", "--advertise-address", "192.0.2.2"], "192.0.2.2"),
    ],
)
def test_the_advertised_address(arguments: list[str], advertised: str) -> None:
    assert apiserver.parse(["--data-dir", "d", *arguments]).advertised == advertised


async def test_a_watch_goes_on_over_a_restart(tmp_path: Path) -> None:
    port = free_port()
    async with running(tmp_path, port) as (_, client):
        version = (await client.list(kinds.CONFIG_MAP, "default")).resource_version
        await client.create(kinds.CONFIG_MAP, {"metadata": {"name": "missed"}}, "default")
    async with running(tmp_path, port) as (_, client), asyncio.timeout(10):
        async for event in client.watch(kinds.CONFIG_MAP, "default", resource_version=version):
            if event.type == "ADDED":
                assert event.object["metadata"]["name"] == "missed"
                break
