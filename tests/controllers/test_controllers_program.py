"""`python -m wherry.programs.controllers` against a real API server process."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from wherry.api.kinds import SERVICE_ACCOUNT
from wherry.client.interface import ApiError
from wherry.client.kubeconfig import load
from wherry.client.rest import from_kubeconfig

PROGRAM = [sys.executable, "-m", "wherry.programs.controllers", "--kubeconfig"]


def start(*command):
    return subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def api_server(tmp_path):
    """Starts the API server of this test, again if asked for; always on the same port."""
    processes, port = [], "0"

    def run():
        nonlocal port
        data = tmp_path / "api"
        processes.append(start("wherry.programs.apiserver", "--data-dir", str(data), "--port", port))
        config = data / "kubeconfig" / "controller-manager"
        wait_for(config.is_file)
        port = port_of(config)
        return config, processes[-1]

    yield run
    for process in processes:
        if process.poll() is None:
            stop(process)
        process.stderr.close()


def port_of(config: Path) -> str:
    return load(config).server.rpartition(":")[2]


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


async def account_in(config, namespace="default"):
    client = from_kubeconfig(config)
    try:
        return await client.get(SERVICE_ACCOUNT, "default", namespace)
    except ApiError:
        return None
    finally:
        await client.close()


async def wait_for_account(config):
    async with asyncio.timeout(20):
        while True:
            if await account_in(config):
                return
            await asyncio.sleep(0.05)


async def test_it_works_stops_when_told_and_survives_a_restart_of_the_api_server(api_server):
    config, server = api_server()
    program = start("wherry.programs.controllers", "--kubeconfig", str(config))
    try:
        await wait_for_account(config)
        server.send_signal(signal.SIGKILL)
        server.wait()
        config, _ = api_server()
        client = from_kubeconfig(config)
        await delete_when_answering(client)
        await client.close()
        await wait_for_account(config)
        assert program.poll() is None
    finally:
        stop(program)
    assert program.returncode == 0


async def delete_when_answering(client):
    async with asyncio.timeout(20):
        while True:
            try:
                await client.delete(SERVICE_ACCOUNT, "default", "default")
                return
            except ApiError:
                await asyncio.sleep(0.05)


UNUSABLE = [
    ("missing", None, "there is no kubeconfig at"),
    ("empty", "", "no context is current"),
    ("no yaml", "{", "kubeconfig"),
    ("no server", '{"current-context": "c", "contexts": [{"name": "c", "context": {}}]}', "kubeconfig"),
]


@pytest.mark.parametrize(("content", "message"), [case[1:] for case in UNUSABLE], ids=[case[0] for case in UNUSABLE])
def test_an_unusable_kubeconfig_is_one_clear_line(tmp_path, content, message):
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    done = subprocess.run([*PROGRAM, str(path)], capture_output=True, text=True, timeout=20, env=os.environ)
    assert done.returncode != 0 and message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith("wherry controllers: ")


def test_credentials_that_the_server_does_not_know_are_one_clear_line(api_server, tmp_path):
    config, _ = api_server()
    known = yaml.safe_load(config.read_text())
    for user in known["users"]:
        user["user"] = {"token": "nobody"}
    path = tmp_path / "stranger"
    path.write_text(yaml.safe_dump(known))
    done = subprocess.run([*PROGRAM, str(path)], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert "does not accept the kubeconfig's credentials" in done.stderr.strip().splitlines()[-1]
