"""Processes, pidfds, capabilities."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from wherry.linux import procs


def test_a_process_is_known_by_pid_and_start_time():
    process = subprocess.Popen(["sleep", "1000"])
    started = procs.start_time(process.pid)
    assert started > 0
    fd = procs.open_pidfd(process.pid, started)
    assert fd is not None
    assert procs.open_pidfd(process.pid, started + 1) is None
    assert procs.reap(fd) is None
    assert procs.send_signal(fd, signal.SIGKILL)
    process.wait()
    assert procs.start_time(process.pid) == 0
    assert procs.state(process.pid) == ""
    assert procs.open_pidfd(process.pid, started) is None
    assert not procs.send_signal(fd, signal.SIGTERM)
    os.close(fd)


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("true", 0)])
def test_a_child_is_reaped_with_its_exit_code(command, code):
    process = subprocess.Popen(["sh", "-c", command])
    fd = os.pidfd_open(process.pid)
    os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOWAIT)
    assert procs.state(process.pid) == "Z"
    assert procs.reap(fd) == code
    assert procs.reap(fd) is None
    process.returncode = code
    os.close(fd)


def test_who_is_nobody():
    assert procs.open_pidfd(2**22 - 1) is None
    assert procs.open_pidfd(-1) is None


@pytest.mark.parametrize(
    ("name", "number"), [("SIGTERM", 15), ("term", 15), ("9", 9), ("SIGRTMIN+3", signal.SIGRTMIN + 3), ("HUP", 1)]
)
def test_signal_names(name, number):
    assert procs.signal_number(name) == number


@pytest.mark.parametrize("name", ["", "SIGNOTHING", "TERM+x", "-9"])
def test_what_is_no_signal(name):
    with pytest.raises(ValueError, match="unknown signal"):
        procs.signal_number(name)


def test_capabilities_are_numbered_as_the_kernel_does():
    assert procs.CAPABILITIES.index("SYS_ADMIN") == 21
    assert procs.CAPABILITIES.index("CHECKPOINT_RESTORE") == 40
    mask = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd")
    ).split()[1]
    expected = {name for number, name in enumerate(procs.CAPABILITIES) if int(mask, 16) >> number & 1}
    assert procs.bounding_set() == expected


def test_descendants():
    process = subprocess.Popen(["sh", "-c", "sleep 1000 & echo; wait"], stdout=subprocess.PIPE)
    process.stdout.readline()
    family = procs.descendants(process.pid)
    assert len(family) == 1
    assert b"sleep" in Path(f"/proc/{family[0]}/cmdline").read_bytes()
    for pid in (*family, process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert procs.descendants(process.pid) == []


@pytest.mark.root
def test_only_strays_of_other_pid_namespaces_are_buried():
    own = subprocess.Popen(["true"])
    other = subprocess.Popen(["unshare", "--pid", "--fork", "sh", "-c", "sleep 1000 & wait"])
    procs.become_subreaper()
    try:
        while len(procs.descendants(other.pid)) < 2:
            pass
        first, _ = procs.descendants(other.pid)
        os.kill(other.pid, signal.SIGKILL)  # its child, the namespace's first process, becomes ours
        other.wait()
        os.kill(first, signal.SIGKILL)
        while procs.state(first) != "Z":
            pass
        assert procs.reap_strays(spare={first}) == 0
        assert procs.reap_strays() == 1
        assert procs.state(first) == ""
        assert own.wait() == 0
    finally:
        procs.libc.prctl(36, 0, 0, 0, 0)
