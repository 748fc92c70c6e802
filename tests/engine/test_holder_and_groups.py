"""The holder's program, and groups of cgroup v2 on a tree of plain files."""

import struct

import pytest

from wherry.engine.cgroups.groups import Groups
from wherry.engine.interface import EngineError, Resources
from wherry.engine.runtime.holder import program
from wherry.linux.cgroupfs import Hierarchies


@pytest.mark.parametrize(("processor", "machine"), [("x86_64", 62), ("aarch64", 183)])
def test_the_holder_is_a_whole_static_program(processor, machine):
    image = program(processor)
    kind, found, _, entry, headers = struct.unpack_from("<HHIQQ", image, 16)
    assert image[:5] == b"\x7fELF\x02"
    assert (kind, found) == (2, machine)
    loadable, flags, offset, base, _, size, memory, _ = struct.unpack_from("<IIQQQQQQ", image, headers)
    assert (loadable, flags, offset) == (1, 5, 0)
    assert size == memory == len(image) < 300
    assert base < entry < base + size
    assert image[-32:] == struct.pack("<4Q", 1, 0, 0, 0)  # SIGCHLD is ignored
    assert (len(image) - 32) % 8 == 0


def test_other_processors_have_none():
    assert program("vax") is None


FILES = {
    "memory.max": "max", "memory.swap.max": "max", "cpu.max": "max 100000", "cpu.weight": "100", "pids.max": "max",
    "memory.current": "1000\n", "memory.stat": "anon 5\ninactive_file 300\n", "pids.current": "4\n",
    "cpu.stat": "usage_usec 2500\nuser_usec 1\n", "memory.events": "low 0\noom 3\noom_kill 2\n",
}  # fmt: skip


@pytest.fixture
def groups(tmp_path):
    """Version 2, as far as plain files can play it."""
    folder = tmp_path / "pod"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_text(content)
    return Groups(Hierarchies(2, dict.fromkeys(("memory", "cpu", "pids"), tmp_path)))


def test_version_two_is_written(groups, tmp_path):
    groups.limit("pod", Resources(memory_limit=4096, cpu_shares=1024, cpu_quota=5000, pids_limit=9))
    written = {name: (tmp_path / "pod" / name).read_text() for name in FILES}
    # A plain file keeps what a shorter value does not cover.
    assert written["memory.max"].startswith("4096")
    assert written["cpu.max"].startswith("5000 100000")
    assert written["cpu.weight"].startswith("39")
    assert written["pids.max"].startswith("9")
    assert written["memory.swap.max"].startswith("0")


def test_version_two_is_read(groups):
    usage = groups.usage("pod")
    assert (usage.cpu_ns, usage.memory, usage.working_set, usage.pids) == (2_500_000, 1000, 700, 4)
    assert groups.oom_kills("pod") == 2
    assert groups.swap_accounting
    assert groups.usage("nobody") is None
    assert groups.oom_kills("nobody") == 0


def test_what_the_kernel_refuses_is_said(groups, tmp_path):
    (tmp_path / "pod" / "pids.max").unlink()
    (tmp_path / "pod" / "pids.max").mkdir()
    with pytest.raises(EngineError, match=r"cannot set pids.max to 9: Is a directory"):
        groups.limit("pod", Resources(pids_limit=9))
