"""A new engine over an old one's directory: adopt what runs, conclude what ended, undo what was cut off."""

import asyncio
import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wherry.engine.runtime import conmon
from wherry.engine.runtime.container import LiveContainer
from wherry.engine.runtime.host import Host
from wherry.engine.runtime.layout import ContainerPaths
from wherry.engine.runtime.records import ContainerRecord, SandboxRecord, load, save
from wherry.engine.runtime.sandbox import LiveSandbox
from wherry.linux import procs

log = logging.getLogger(__name__)

_KILL_ROUNDS, _START_ROUNDS, _PAUSE = 200, 200, 0.005  # seconds

Found = tuple[dict[str, LiveSandbox], dict[str, LiveContainer]]


async def recover(host: Host) -> Found:
    """Everything that is on disk, as it really is by now."""
    sandboxes = {}
    for folder in _folders(host.layout.sandboxes):
        sandbox = await _sandbox(host, folder)
        if sandbox is not None:
            sandboxes[folder.name] = sandbox
    containers = {}
    for folder in _folders(host.layout.containers):
        container = await _container(host, folder, sandboxes)
        if container is not None:
            containers[folder.name] = container
    await asyncio.to_thread(_sweep, host, set(containers))
    return sandboxes, containers


async def _sandbox(host: Host, folder: Path) -> LiveSandbox | None:
    record = load(host.layout.sandbox(folder.name).record, SandboxRecord)
    if record is None:
        await host.discard(folder)
        return None
    sandbox = LiveSandbox(host, record)
    if not record.holder:  # nobody was told of it yet
        await sandbox.remove()
        return None
    sandbox.adopt()
    return sandbox


async def _container(host: Host, folder: Path, sandboxes: dict[str, LiveSandbox]) -> LiveContainer | None:
    record = load(host.layout.container(folder.name).record, ContainerRecord)
    sandbox = sandboxes.get(record.spec.sandbox) if record else None
    if record is None or sandbox is None:
        await asyncio.to_thread(_kill_processes_about, folder)
        await host.discard(folder)
        return None
    if record.launching:
        record = await asyncio.to_thread(_launching, host, record, sandbox)
    container = LiveContainer(host, record, sandbox.record.spec)
    if record.state == "running":
        container.adopt()
    elif record.state == "exited":
        await asyncio.to_thread(container.wipe)
    return container


def _launching(host: Host, record: ContainerRecord, sandbox: LiveSandbox) -> ContainerRecord:
    """Its engine died while it was being started. If it got as far as running it runs; otherwise it is as if it had
    never been tried."""
    container = LiveContainer(host, record, sandbox.record.spec)
    started = _started(host, record)
    if started is None:
        _kill_processes_about(container.paths.folder)
        container.wipe()
        for folder in (container.paths.work, container.paths.exits):  # the runtime has left nothing else
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        started = replace(record, launching=False)
    save(container.paths.record, started)
    return started


def _started(host: Host, record: ContainerRecord) -> ContainerRecord | None:
    paths = host.layout.container(record.spec.id)
    waiting = (host.layout.runtime / record.spec.id / "exec.fifo").exists()
    try:
        pid, monitor = int(paths.pid_file.read_text()), int(paths.monitor_pid_file.read_text())
    except (OSError, ValueError):
        return None
    if (
        waiting
        or not (procs.start_time(monitor) or conmon.exit_code(paths))
        or not _became_the_program(host, pid, paths)
    ):
        return None
    return replace(
        record,
        state="running",
        launching=False,
        pid=pid,
        pid_started=procs.start_time(pid),
        monitor=monitor,
        monitor_started=procs.start_time(monitor) if str(paths.folder) in _command_line(monitor) else 0,
        started_at=paths.pid_file.stat().st_mtime,
    )


def _became_the_program(host: Host, pid: int, paths: ContainerPaths) -> bool:
    """Whether a container's first process has gone from being the runtime to being what it was made for. The
    runtime's `start`, which outlives its engine, may still be about to bring that about."""
    for _ in range(_START_ROUNDS):
        command_line = _command_line(pid)
        if str(paths.folder) not in command_line and not command_line.startswith(f"{host.tools.runtime}\0init"):
            return True
        time.sleep(_PAUSE)
    return False


def _sweep(host: Host, known: set[str]) -> None:
    """Runtime state of containers that are no more, and what was being deleted."""
    for folder in _folders(host.layout.runtime):
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)
    for folder in _folders(host.layout.trash):
        shutil.rmtree(folder, ignore_errors=True)


def _kill_processes_about(folder: Path) -> None:
    """Monitors and runtimes whose command line names a container's folder: cut off from their engine they would go on
    making it. Again and again, since they make others; none can still be unborn, for until it is another program a
    child of the killed engine keeps that one's lock."""
    for _ in range(_KILL_ROUNDS):
        pids = [pid for pid in _all_processes() if str(folder) in _command_line(pid)]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(_PAUSE)
    log.warning("processes about %s do not end", folder)


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="surrogateescape")
    except OSError:
        return ""


def _folders(parent: Path) -> Iterator[Path]:
    return (Path(entry.path) for entry in sorted(os.scandir(parent), key=lambda entry: entry.name) if entry.is_dir())
