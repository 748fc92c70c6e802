"""A real supervisor over real processes: sleepers in place of the cluster's parts."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wherry.local import config
from wherry.local.config import ClusterConfig
from wherry.local.layout import Layout
from wherry.local.supervisor import guardian, records
from wherry.local.supervisor.parts import Part
from wherry.local.supervisor.spawn import spawn
from wherry.local.supervisor.supervise import LOG_LIMIT, Supervisor

PROCESSES = multiprocessing.get_context("spawn")


def sleepers(cluster: ClusterConfig, layout: Layout) -> tuple[Part, ...]:
    return tuple(Part(f"sleeper-{node.number}", ("/bin/sleep", "300")) for node in cluster.nodes)


def supervise(layout: Layout) -> None:
    Supervisor(layout, sleepers).run()


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    found = Layout(tmp_path, "p")
    found.run.mkdir(parents=True)
    found.logs.mkdir()
    guardian.enabled(found).touch()
    config.save(found.config, ClusterConfig("p", node_count=2))
    yield found
    guardian.enabled(found).unlink(missing_ok=True)
    for name in [guardian.NAME, *records.names(found.run)]:
        if pid := records.pid_of(found.run, name):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def supervisor(layout: Layout) -> Iterator[Callable[[], multiprocessing.process.BaseProcess]]:
    """Starts a supervisor, which is ended with the test."""
    made = []

    def start() -> multiprocessing.process.BaseProcess:
        process = PROCESSES.Process(target=supervise, args=(layout,))
        process.start()
        made.append(process)
        until(lambda: pid(layout, "sleeper-1") and pid(layout, "sleeper-2") and process.pid == pid(layout))
        return process

    yield start
    for process in made:
        process.kill()
        process.join()


def pid(layout: Layout, name: str = guardian.NAME) -> int | None:
    return records.pid_of(layout.run, name)


def test_a_part_that_is_killed_starts_again(layout, supervisor):
    supervisor()
    first, other = pid(layout, "sleeper-1"), pid(layout, "sleeper-2")
    os.kill(first, signal.SIGKILL)
    until(lambda: pid(layout, "sleeper-1") not in (None, first))
    assert pid(layout, "sleeper-2") == other


def test_parts_outlive_the_supervisor_and_the_next_one_adopts_them(layout, supervisor):
    process = supervisor()
    before = [pid(layout, "sleeper-1"), pid(layout, "sleeper-2")]
    process.kill()
    process.join()
    assert [pid(layout, "sleeper-1"), pid(layout, "sleeper-2")] == before
    supervisor()
    assert [pid(layout, "sleeper-1"), pid(layout, "sleeper-2")] == before
    os.kill(before[0], signal.SIGKILL)
    until(lambda: pid(layout, "sleeper-1") not in (None, before[0]))


def test_a_part_that_died_while_nobody_looked_starts_again(layout, supervisor):
    process = supervisor()
    process.kill()
    process.join()
    gone = pid(layout, "sleeper-2")
    os.kill(gone, signal.SIGKILL)
    until(lambda: pid(layout, "sleeper-2") is None)
    supervisor()
    assert pid(layout, "sleeper-2") != gone


def test_a_node_that_is_added_is_started_when_the_supervisor_is_told(layout, supervisor):
    process = supervisor()
    config.save(layout.config, ClusterConfig("p", node_count=3))
    os.kill(process.pid, signal.SIGHUP)
    until(lambda: pid(layout, "sleeper-3"))


def test_told_to_leave_it_leaves_the_parts(layout, supervisor):
    process = supervisor()
    os.kill(process.pid, signal.SIGTERM)
    process.join(20)
    assert process.exitcode == 0
    assert pid(layout, "sleeper-1") and pid(layout, "sleeper-2")


def test_nothing_is_started_once_the_profile_is_stopped(layout, supervisor):
    process = supervisor()
    guardian.enabled(layout).unlink()
    os.kill(pid(layout, "sleeper-1"), signal.SIGKILL)
    process.join(20)
    assert process.exitcode == 0
    assert pid(layout, "sleeper-1") is None
    guardian.ensure_supervisor(layout)
    assert pid(layout) is None


def test_a_log_that_grew_too_long_is_moved_while_it_is_written(layout, supervisor):
    log = layout.logs / "sleeper-1.log"
    log.write_bytes(b"x" * (LOG_LIMIT + 1))
    supervisor()
    os.kill(pid(layout, "sleeper-1"), signal.SIGKILL)
    until(lambda: log.stat().st_size == 0)
    assert log.with_name("sleeper-1.log.1").stat().st_size == LOG_LIMIT + 1


def test_a_record_of_an_earlier_process_with_the_same_pid_is_not_alive(tmp_path):
    records.write(tmp_path, "self", os.getpid())
    path = records.path_of(tmp_path, "self")
    assert records.pid_of(tmp_path, "self") == os.getpid()
    path.write_text(path.read_text().replace('"started": ', '"started": 1'))
    assert records.pid_of(tmp_path, "self") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "started": 1, "boot": "y"}'])
def test_a_damaged_record_is_no_process(tmp_path, text):
    records.path_of(tmp_path, "part").write_text(text)
    assert records.pid_of(tmp_path, "part") is None


def test_a_process_that_ended_but_was_not_reaped_is_not_alive(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    records.write(tmp_path, "part", process.pid)
    until(lambda: records.pid_of(tmp_path, "part") is None)
    assert process.wait() == 0


def test_what_is_spawned_holds_nothing_of_its_parent_s(tmp_path):
    """A shell's pipe that stays open would make its reader wait for as long as the cluster runs."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    pid = spawn(["/bin/sleep", "300"], tmp_path / "log", {})
    try:
        os.close(writer)
        assert os.read(reader, 1) == b""
        assert os.getsid(pid) == pid
        assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull
        assert os.readlink(f"/proc/{pid}/fd/2") == str(tmp_path / "log")
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
