import asyncio
import sys
from pathlib import Path

import pytest

from wherry.aio.process import CommandFailed, exited, run


async def test_output_input_and_environment() -> None:
    output = await run("sh", "-c", 'cat; printf %s "$NAME" >&2', input=b"given", env={"NAME": "x", "PATH": "/bin"})
    assert output == (0, b"given", b"x")


async def test_failure_tells_what_the_command_said() -> None:
    with pytest.raises(CommandFailed, match="sh ended with 3: no luck"):
        await run("sh", "-c", "echo no luck >&2; exit 3")
    assert (await run("sh", "-c", "exit 3", check=False)).code == 3


async def test_a_missing_command_is_an_os_error() -> None:
    with pytest.raises(FileNotFoundError):
        await run("/nonexistent/command")


async def written(path: Path) -> None:
    while not path.exists() or not path.read_text():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("how", ["timeout", "cancel"])
async def test_a_command_that_hangs_is_killed_with_its_children(how: str, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    hang = run("sh", "-c", f"sleep 60 & echo $! $$ > {pids}; wait", timeout=0.3 if how == "timeout" else None)
    task = asyncio.ensure_future(hang)
    if how == "cancel":
        await asyncio.wait_for(written(pids), 10)
        task.cancel()
    with pytest.raises((TimeoutError, asyncio.CancelledError)):
        await task
    for pid in pids.read_text().split():
        await asyncio.wait_for(exited(int(pid)), 5)


async def test_exited_waits_for_a_process_of_someone_else() -> None:
    """The grandchild's parent is the shell, which has gone."""
    script = f"{sys.executable} -c 'import time; time.sleep(0.2)' >/dev/null 2>&1 & echo $!"
    pid = int((await run("sh", "-c", script)).stdout)
    await asyncio.wait_for(exited(pid), 10)
    with pytest.raises((ProcessLookupError, FileNotFoundError)):
        state = Path(f"/proc/{pid}/stat").read_text().split()[2]
        raise ProcessLookupError if state == "Z" else AssertionError(state)
    await exited(pid)


async def test_exited_returns_at_once_for_no_process() -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    await asyncio.wait_for(exited(process.pid), 5)
