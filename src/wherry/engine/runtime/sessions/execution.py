"""Another process in a running container, by the OCI runtime's `exec`.

The runtime's process runs in the launcher's mount namespace.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from wherry.engine.interface import ContainerNotFound, Streams
from wherry.engine.runtime.container import LiveContainer
from wherry.engine.runtime.host import Host
from wherry.engine.runtime.sessions.channels import Channels, Pipes, Terminal
from wherry.engine.runtime.sessions.pumps import Sink
from wherry.engine.runtime.watch import Watch, bury_strays
from wherry.linux import procs

_OUTPUT_LIMIT = 10 * 1024  # bytes that a probe may say
_COMPLAINT = 1024  # bytes in which a runtime says why it cannot run a command


async def execute(host: Host, container: LiveContainer, command: Sequence[str], streams: Streams) -> int:
    """Run a command, its streams joined to the user's; its exit code. Cancelled (the user left), it is killed."""
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="exec-", dir=container.paths.folder)))
        (folder / "process.json").write_bytes(orjson.dumps(_process(container, command, streams.tty)))
        channels: Channels = Terminal(folder) if streams.tty else Pipes(streams.stdin is not None)
        cleanup.callback(channels.close)
        detached = host.machine.runtime == "runc"
        arguments = [host.tools.runtime, f"--root={host.layout.runtime}", "exec", *channels.arguments()]
        arguments += ["--process", str(folder / "process.json"), "--pid-file", str(folder / "pid")]
        arguments += ["--detach", container.spec.id] if detached else [container.spec.id]
        spawning = asyncio.ensure_future(host.launcher.run(_spawn, arguments, channels.theirs))
        given_up = False
        while not spawning.done():  # what is being born can only be killed afterwards
            try:
                await asyncio.shield(spawning)
            except asyncio.CancelledError:
                given_up = True
        running = _Exec(channels, spawning.result(), folder / "pid", detached)
        channels.close_theirs()
        if given_up:
            await running.kill()
            raise asyncio.CancelledError
        return await running.run(streams)


async def output(host: Host, container: LiveContainer, command: Sequence[str], timeout: float) -> tuple[int, bytes]:
    """Exit code and combined output, at most 10 KB. Raises TimeoutError, having killed it."""
    collected = bytearray()

    async def collect(data: bytes) -> None:
        collected.extend(data[: _OUTPUT_LIMIT - len(collected)])

    streams = Streams(stdin=None, stdout=collect, stderr=collect)
    code = await asyncio.wait_for(execute(host, container, command, streams), timeout)
    return code, bytes(collected)


class _Exec:
    """One command while it runs. crun stays its parent and ends with its exit code. runc would copy a command's
    output itself and wait until the last process lets go of it, and make no terminal; so it is told to detach, and
    the command becomes a child of ours (of a subreaper)."""

    def __init__(self, channels: Channels, spawned: tuple[int, int], pid_file: Path, detached: bool) -> None:
        self._parent, pidfd = spawned
        self._parent_is_the_command = False
        self._channels = channels
        self._pid_file = pid_file  # the runtime writes it once the command is there
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._watch = Watch(pidfd, self._follow if detached else self._end)

    def _follow(self, code: int | None) -> None:
        """The runtime has detached; from now on the command itself is watched."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return self._end(code)
        pidfd = procs.open_pidfd(pid)
        if pidfd is None:
            return self._end(None)
        self._parent, self._parent_is_the_command = pid, True
        self._watch = Watch(pidfd, self._end, pid)
        return None

    def _end(self, code: int | None) -> None:
        if not self._pid_file.exists():
            # A command that could not be run leaves its half-made process, which may take a moment longer to end.
            for delay in (0.0, 0.05, 0.5):
                asyncio.get_running_loop().call_later(delay, bury_strays)
        self._ended.set_result(255 if code is None else code)

    async def run(self, streams: Streams) -> int:
        said = bytearray()

        def overhear(sink: Sink) -> Sink:
            async def listen(data: bytes) -> None:
                said.extend(data[: _COMPLAINT - len(said)])
                await sink(data)

            return listen

        heard = replace(streams, stdout=overhear(streams.stdout), stderr=overhear(streams.stderr))
        talking = asyncio.ensure_future(self._channels.talk(heard, self._ended))
        try:
            code = await asyncio.shield(self._ended)
            await talking
        except BaseException:
            talking.cancel()
            await self.kill()
            await asyncio.gather(talking, return_exceptions=True)
            raise
        return code if self._pid_file.exists() else _shell_code(bytes(said))

    async def kill(self) -> None:
        """The command and what it started. Returns when it has ended."""
        family = procs.descendants(self._parent)
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not family or self._parent_is_the_command:
            self._watch.signal(signal.SIGKILL)
        await asyncio.gather(self._ended, return_exceptions=True)


def _shell_code(complaint: bytes) -> int:
    """Of a command that was never run, as shells say it."""
    missing = (b"not found", b"no such file")
    return 127 if any(words in complaint.lower() for words in missing) else 126


def _process(container: LiveContainer, command: Sequence[str], tty: bool) -> dict[str, Any]:
    """The container's own process with other arguments: same user, environment, capabilities, limits."""
    try:
        document = orjson.loads(container.paths.config.read_bytes())["process"]
    except OSError as error:
        raise ContainerNotFound(f"container {container.spec.id} is being removed") from error
    environment = document["env"]
    if tty and not any(entry.startswith("TERM=") for entry in environment):
        environment.append("TERM=xterm")
    return document | {"args": list(command), "terminal": tty, "env": environment}


def _spawn(arguments: Sequence[str], descriptors: tuple[int, int, int]) -> tuple[int, int]:
    """On a launcher's thread: pid and pidfd of the runtime's process."""
    stdin, stdout, stderr = descriptors
    process = subprocess.Popen(arguments, stdin=stdin, stdout=stdout, stderr=stderr, cwd="/", start_new_session=True)
    pidfd = os.pidfd_open(process.pid)
    process.returncode = 0  # it is awaited by its pidfd; keep Popen from waiting or warning
    return process.pid, pidfd
