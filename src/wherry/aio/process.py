"""Run a command with a time limit; wait for a process that is not a child."""

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import NamedTuple


class CommandFailed(Exception):
    """A command ended with another code than 0. The message has what it said last."""

    def __init__(self, command: tuple[str, ...], code: int, stderr: bytes) -> None:
        said = stderr.decode(errors="replace").strip()
        super().__init__(f"{command[0]} ended with {code}" + (f": {said}" if said else ""))
        self.command, self.code, self.stderr = command, code, stderr


class Output(NamedTuple):
    """`code` is negative for a signal."""

    code: int
    stdout: bytes
    stderr: bytes


async def run(
    *command: str,
    input: bytes | None = None,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> Output:
    """Run until it and whoever has inherited its output have ended, in a process group of its own that is killed
    when the time is over or the caller is cancelled.

    Raises CommandFailed (only with `check`), TimeoutError, and OSError when it cannot be started.
    """
    starting = asyncio.ensure_future(_start(command, input is not None, env))
    try:
        async with asyncio.timeout(timeout):
            process = await asyncio.shield(starting)
            stdout, stderr = await process.communicate(input)
    except (asyncio.CancelledError, TimeoutError) as error:
        process = await starting  # a process that is just being started must not be lost
        kill_group(process.pid)
        await process.wait()
        if isinstance(error, TimeoutError):
            raise TimeoutError(f"{command[0]} did not end within {timeout:g} s") from None
        raise
    output = Output(process.returncode or 0, stdout, stderr)
    if check and output.code:
        raise CommandFailed(command, output.code, stderr)
    return output


async def _start(
    command: tuple[str, ...], with_input: bool, env: Mapping[str, str] | None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if with_input else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        start_new_session=True,
    )


def kill_group(pid: int) -> None:
    """SIGKILL to a process group; nothing happens when it is gone."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


async def exited(pid: int) -> None:
    """Until a process, child or not, has exited; at once when there is none. A child is not reaped."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        await readable(descriptor)
    finally:
        os.close(descriptor)


async def readable(descriptor: int) -> None:
    """Until a file descriptor can be read (a pidfd: until its process has exited)."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
