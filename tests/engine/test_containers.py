"""A container's life, with real containers."""

import asyncio
import os
import signal

import pytest
from enginelab import PATIENCE, Lab, Terminal

from wherry.engine.interface import (
    ContainerNotFound,
    EngineError,
    ImageNotFound,
    Mount,
    Security,
    StartFailed,
)
from wherry.linux import procs

pytestmark = pytest.mark.root


async def test_runs_and_keeps_output_exit_code_and_times(lab):
    name = await lab.create("sh", "-c", "echo out; echo err >&2; exit 7")
    assert lab.engine.status(name).state == "created"
    await lab.engine.start(name)
    status = await lab.end_of(name)
    assert (status.state, status.exit_code, status.pid, status.oom_killed) == ("exited", 7, 0, False)
    assert status.created_at <= status.started_at <= status.finished_at
    assert sorted((await lab.log(name)).split()) == ["err", "out"]
    assert await lab.log(name, stream="stderr") == "err\n"


async def test_a_signal_s_exit_code_is_a_shell_s(lab):
    name = await lab.start("sleep", "1000")
    await lab.engine.signal(name, "9")
    assert (await lab.end_of(name)).exit_code == 128 + signal.SIGKILL


async def test_image_defaults_and_kubernetes_override_of_them(lab):
    assert lab.image.command
    assert (await lab.run(args=("echo", "args"))) == "args\n"
    assert (await lab.run("echo", args=("both",))) == "both\n"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"command": ("/no/such/program",)}, "/no/such/program"),
        ({"command": ("/etc/passwd",)}, "ermission denied"),
        ({"security": Security(user="nobody-at-all")}, "unable to find user nobody-at-all"),
        ({"mounts": (Mount("/no/such/source", "/x"),)}, "/no/such/source"),
        ({"security": Security(seccomp="/no/such/profile.json")}, "/no/such/profile.json"),
        ({"log_path": "/no/such/folder/log"}, "log file"),
    ],
)
async def test_a_start_that_fails_says_why_and_is_remembered(lab, fields, words):
    fields = dict(fields)
    name = await lab.create(*fields.pop("command", ("true",)), **fields)
    with pytest.raises(StartFailed, match=words):
        await lab.engine.start(name)
    status = lab.engine.status(name)
    assert (status.state, status.exit_code) == ("exited", 128)
    assert words in status.message
    with pytest.raises(StartFailed):
        await lab.engine.start(name)


async def test_what_failed_leaves_no_zombies(lab):
    box = await lab.sandbox()
    for command in ("no-such-program", "/etc/passwd"):
        name = await lab.create(command, sandbox=box)
        with pytest.raises(StartFailed):
            await lab.engine.start(name)
    await lab.run("true", sandbox=box)
    assert (await lab.engine.exec_output(await lab.start("sleep", "1000", sandbox=box), ["no-such-program"], 5))[
        0
    ] == 127
    await lab.until(lambda: "Z" not in {procs.state(pid) for pid in procs.descendants(os.getpid())}, "all are buried")


async def test_unknown_things_are_named(lab):
    box = await lab.sandbox()
    with pytest.raises(ImageNotFound):
        await lab.create("true", sandbox=box, image="sha256:" + "0" * 64)
    with pytest.raises(ContainerNotFound):
        lab.engine.status("nobody")
    with pytest.raises(ContainerNotFound):
        await lab.engine.start("nobody")
    with pytest.raises(EngineError, match="no sandbox"):
        await lab.create("true", sandbox="nowhere")
    await lab.engine.remove("nobody")
    await lab.engine.remove_sandbox("nobody")


async def test_stop_lets_a_container_end_by_itself(lab):
    name = await lab.start("sh", "-c", "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done")
    await lab.until(lambda: _log_has(lab, name, "ready"), "ready")
    await lab.engine.stop(name, 10)
    assert lab.engine.status(name).exit_code == 3
    assert "bye" in await lab.log(name)


async def test_stop_kills_who_does_not_listen(lab):
    name = await lab.start("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    await lab.until(lambda: _log_has(lab, name, "ready"), "ready")
    await lab.engine.stop(name, 0.1)
    assert lab.engine.status(name).exit_code == 137


async def test_stop_sends_the_container_s_own_signal(lab):
    script = "trap 'exit 9' USR1; trap '' TERM; echo ready; while :; do sleep 0.05; done"
    name = await lab.start("sh", "-c", script, stop_signal="SIGUSR1")
    await lab.until(lambda: _log_has(lab, name, "ready"), "ready")
    await lab.engine.stop(name, 10)
    assert lab.engine.status(name).exit_code == 9


async def test_signal_reaches_the_first_process(lab):
    name = await lab.start("sh", "-c", "trap 'echo got; exit 4' HUP; echo ready; while :; do sleep 0.05; done")
    await lab.until(lambda: _log_has(lab, name, "ready"), "ready")
    await lab.engine.signal(name, "SIGHUP")
    assert (await lab.end_of(name)).exit_code == 4
    with pytest.raises(ValueError, match="unknown signal"):
        await lab.engine.signal(name, "SIGNONSENSE")


async def test_exits_are_told_once_to_every_listener(lab):
    seen = []

    async def listen():
        async for event in lab.engine.exits():
            seen.append(event.id)

    listeners = [asyncio.ensure_future(listen()) for _ in range(2)]
    await asyncio.sleep(0)
    name = await lab.start("true")
    await lab.end_of(name)
    await lab.until(lambda: len(seen) == 2, "both heard")
    for listener in listeners:
        listener.cancel()
    assert seen == [name, name]


async def test_remove_ends_a_running_container_and_is_repeatable(lab):
    name = await lab.start("sleep", "1000")
    pid = lab.engine.status(name).pid
    await lab.engine.remove(name)
    await lab.engine.remove(name)
    assert not os.path.exists(f"/proc/{pid}")
    assert lab.engine.containers() == []
    assert not (lab.root / "containers" / name).exists()


async def test_nothing_shows_in_the_host_s_mount_table(lab):
    name = await lab.start("sleep", "1000", mounts=(Mount("/etc", "/host"),))
    assert lab.mounted() == []
    assert "overlay" in await lab.sh(name, "cat /proc/mounts")


async def test_the_root_filesystem_is_the_container_s_own(lab):
    first, second = await lab.start("sleep", "1000"), await lab.start("sleep", "1000")
    await lab.sh(first, "echo mine > /bin/mine; rm /bin/ls")
    assert "mine" not in await lab.sh(second, "ls /bin")
    name = await lab.start("sleep", "1000", security=Security(read_only_root=True))
    code, output = await lab.engine.exec_output(name, ["sh", "-c", "echo x > /x"], PATIENCE)
    assert code != 0
    assert b"Read-only file system" in output


async def test_a_container_without_a_log_can_still_be_attached_to(lab):
    name = await lab.start("sh", "-c", "read go; echo heard $go", log_path="", stdin=True)
    visit = Terminal()
    session = asyncio.ensure_future(lab.engine.attach(name, visit.streams))
    visit.type("you\n")
    await asyncio.wait_for(session, PATIENCE)
    assert visit.out == b"heard you\n"


async def test_paths_longer_than_a_socket_s_address(tmp_path, image_folder, busybox):
    root = tmp_path / ("long" * 20) / ("longer" * 20) / "engine"
    root.parent.mkdir(parents=True)
    async with Lab(root, image_folder, busybox) as lab:
        name = await lab.start("cat", stdin=True, tty=True)
        visit, shell = Terminal(tty=True), Terminal(tty=True)
        session = asyncio.ensure_future(lab.engine.attach(name, visit.streams))
        visit.type("hello\n")
        await visit.sees("hello")
        shell.type("exit 3\n")
        assert await asyncio.wait_for(lab.engine.exec(name, ["sh"], shell.streams), PATIENCE) == 3
        session.cancel()


async def test_many_at_once(lab):
    names = await asyncio.gather(*(lab.start("sh", "-c", f"echo {n}; exit {n}") for n in range(12)))
    statuses = await asyncio.gather(*(lab.end_of(name) for name in names))
    assert [status.exit_code for status in statuses] == list(range(12))
    assert [await lab.log(name) for name in names] == [f"{n}\n" for n in range(12)]


async def test_a_start_that_nobody_waits_for_is_finished(lab):
    name = await lab.create("sleep", "1000")
    starting = asyncio.ensure_future(lab.engine.start(name))
    await asyncio.sleep(0.005)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await lab.until(lambda: lab.engine.status(name).state == "running", "it runs")


async def test_the_monitor_s_death_is_the_container_s(lab):
    name = await lab.start("sleep", "1000")
    pid = lab.engine.status(name).pid
    os.kill(int((lab.root / "containers" / name / "monitor").read_text()), signal.SIGKILL)
    status = await lab.end_of(name)
    assert status.exit_code == 137
    assert "monitor" in status.message
    await lab.until(lambda: not os.path.exists(f"/proc/{pid}"), "its process is gone")


async def test_another_engine_on_the_same_directory_is_refused(lab):
    from wherry import engine as engines

    with pytest.raises(EngineError, match="another engine"):
        await engines.open(lab.root, lab.images)


def _log_has(lab, name, word):
    return word in (lab.logs / f"{name}.log").read_text()
