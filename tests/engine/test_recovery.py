"""Containers outlive the engine, killed at any moment, and are found again."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from enginelab import PATIENCE, Lab, bury, command_lines

from wherry.engine.interface import SandboxSpec
from wherry.engine.runtime import holder
from wherry.engine.runtime.records import SandboxRecord, save
from wherry.linux import procs

pytestmark = pytest.mark.root

PROGRAM = Path(__file__).with_name("engineprocess.py")


@contextlib.asynccontextmanager
async def engine_process(lab: Lab, story: str):
    """While ours is closed. Killed at the end, and it is waited for."""
    await lab.engine.close()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        str(lab.root),
        str(lab.images),
        lab.prefix,
        story,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        assert line == b"ready\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await lab.open()


async def next_exits(lab: Lab, count: int) -> list[str]:
    found = []
    async with asyncio.timeout(PATIENCE):
        async for event in lab.engine.exits():
            found.append(event.id)
            if len(found) == count:
                return found
    return found


async def test_running_containers_are_adopted_and_their_ends_noticed(lab):
    async with engine_process(lab, "running"):
        pass
    status = lab.engine.status("long")
    assert status.state == "running"
    assert os.path.exists(f"/proc/{status.pid}")
    assert [sandbox.id for sandbox in lab.engine.sandboxes()] == ["box"]
    assert await lab.sh("long", "hostname") == "box\n"
    await lab.sh("long", "touch /dev/shm/end")
    assert await next_exits(lab, 1) == ["long"]
    assert (await lab.end_of("long")).exit_code == 5
    assert await lab.log("long") == "last words\n"


async def test_an_end_while_no_engine_ran_is_told_once(lab):
    async with engine_process(lab, "running") as process:
        process.kill()
        await process.wait()
        pid = int((lab.root / "containers/short/pid").read_text())
        Path(f"/proc/{pid}/root/dev/shm/short").touch()
        await lab.until(lambda: (lab.root / "containers/short/exit/short").exists(), "it has ended")
    assert await next_exits(lab, 1) == ["short"]
    status = lab.engine.status("short")
    assert (status.state, status.exit_code) == ("exited", 6)
    assert status.finished_at >= status.started_at
    await lab.reopen()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(lab.engine.exits()), 0.1)
    assert lab.engine.status("short").exit_code == 6


async def test_new_containers_join_an_adopted_sandbox(lab):
    async with engine_process(lab, "running"):
        pass
    await lab.sh("long", "echo note > /dev/shm/note")
    assert await lab.run("cat", "/dev/shm/note", sandbox="box") == "note\n"


async def test_a_kill_while_containers_start_leaves_only_whole_ones(lab):
    for delay in (0.01, 0.04, 0.09, 0.15):
        async with engine_process(lab, "starting"):
            await asyncio.sleep(delay)
        for status in lab.engine.containers("box"):
            assert status.state in ("created", "running"), status
            if status.state == "running":
                assert "1000" in Path(f"/proc/{status.pid}/cmdline").read_text()
            else:
                await lab.engine.start(status.id)
                assert lab.engine.status(status.id).state == "running"
        running = {status.id for status in lab.engine.containers("box")}
        about = [line for line in command_lines() if f"{lab.root}/containers/" in line and "conmon" in line]
        assert len(about) == len(running)
        await lab.engine.remove_sandbox("box")
        lab.groups.remove(lab.prefix)
        assert lab.left_behind() == []


async def test_a_kill_while_sandboxes_are_made_and_removed_leaves_nothing(lab):
    """The record comes before the effect, so whatever was begun is known to the next engine."""
    for step in ("record", "group"):
        folder = lab.root / "sandboxes" / "cut"
        (folder / "shm").mkdir(parents=True)
        if step == "group":
            lab.groups.make(f"{lab.prefix}/cut/sandbox")
        save(folder / "sandbox.json", SandboxRecord(SandboxSpec("cut", "cut", None, f"{lab.prefix}/cut"), 1.0))
        await lab.reopen()
        assert lab.engine.sandboxes() == []
        assert not folder.exists()
        assert not any(path.exists() for path in lab.groups.hierarchies.folders(f"{lab.prefix}/cut"))


async def test_torn_records_are_cleared_away(lab):
    for kind, name in (("containers", "container.json"), ("sandboxes", "sandbox.json")):
        folder = lab.root / kind / "torn"
        folder.mkdir()
        (folder / name).write_text('{"spec":')
    await lab.reopen()
    assert lab.left_behind() == []


async def test_after_a_reboot_containers_have_ended(lab):
    """Monitor and first process are gone, and nothing was written down."""
    name = await lab.start("sleep", "1000")
    folder = lab.root / "containers" / name
    monitor = int((folder / "monitor").read_text())
    pid = lab.engine.status(name).pid
    await lab.engine.close()
    os.kill(monitor, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    await lab.until(lambda: not any(line.startswith(f"{pid} ") for line in command_lines()), "it is gone")
    for child in (monitor, pid):
        bury(child)
    await lab.open()
    status = lab.engine.status(name)
    assert (status.state, status.exit_code) == ("exited", 255)
    assert status.message


@pytest.mark.parametrize("program", ["holder", "none, so /bin/sh does it"])
async def test_the_holder_ends_if_its_maker_dies_before_the_sandbox_is_known(lab, program):
    shm = lab.root / "sandboxes" / "lost"
    shm.mkdir()
    spec = SandboxSpec("lost", "lost", None, "x")
    held = await lab.engine._host.launcher.run(holder.hold, spec, lab.root / program, shm, None)
    assert procs.state(held.pid) not in ("", "Z")
    assert os.readlink(f"/proc/{held.pid}/ns/uts") != os.readlink("/proc/self/ns/uts")
    held.abandon()
    await lab.until(lambda: procs.state(held.pid) == "Z", "it ends")
    bury(held.pid)
    shm.rmdir()
