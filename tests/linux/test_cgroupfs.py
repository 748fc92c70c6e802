"""Control groups: recognised from a mount table, and made and removed for real."""

import secrets
import subprocess
import threading

import pytest

from wherry.linux import cgroupfs
from wherry.linux.mounts import MountPoint


def point(target, fstype, data=""):
    return MountPoint(1, 0, "/", target, fstype, fstype, "rw", data, False)


def test_version_one_and_hybrid():
    points = [
        point("/cg/cpu", "cgroup", "rw,cpu,cpuacct"),
        point("/cg/memory", "cgroup", "rw,memory"),
        point("/cg/systemd", "cgroup", "rw,xattr,name=systemd"),
        point("/cg/unified", "cgroup2", "rw"),
        point("/elsewhere", "cgroup", "rw,memory"),
    ]
    found = cgroupfs.discover(points)
    assert found.version == 1
    assert str(found.roots["memory"]) == "/cg/memory"
    assert found.folder("cpuacct", "a/b") == found.folder("cpu", "a/b")
    assert [str(folder) for folder in found.folders("g")] == ["/cg/cpu/g", "/cg/memory/g", "/cg/systemd/g"]
    assert found.folder("hugetlb", "a") is None


def test_version_two(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    found = cgroupfs.discover([point(str(tmp_path), "cgroup2")])
    assert found.version == 2
    assert set(found.roots) == {"cpu", "memory", "pids"}
    assert found.folders("g") == [tmp_path / "g"]


def test_version_two_enables_controllers_on_the_way_down(tmp_path):
    for folder in (tmp_path, tmp_path / "a"):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.controllers").write_text("memory")
        (folder / "cgroup.subtree_control").write_text("")
    cgroupfs.make(cgroupfs.Hierarchies(2, {"memory": tmp_path}), "a/b")
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory"
    assert (tmp_path / "a/cgroup.subtree_control").read_text() == "+memory"
    assert (tmp_path / "a/b").is_dir()


@pytest.fixture
def group():
    name = f"wherrytest-{secrets.token_hex(4)}"
    yield name
    cgroupfs.remove(cgroupfs.discover(), name)


@pytest.mark.root
def test_a_group_is_made_filled_killed_and_removed(group):
    here = cgroupfs.discover()
    cgroupfs.make(here, f"{group}/inner")
    cgroupfs.make(here, f"{group}/inner")
    process = subprocess.Popen(["sleep", "1000"])
    for folder in here.folders(f"{group}/inner"):
        cgroupfs.write(folder / "cgroup.procs", str(process.pid))
    assert cgroupfs.processes(here, group) == {process.pid}
    assert cgroupfs.kill(here, group)
    assert process.wait() == -9
    assert not cgroupfs.kill(here, group)
    assert cgroupfs.remove(here, group)
    assert not any(folder.exists() for folder in here.folders(group))
    assert cgroupfs.remove(here, group)


@pytest.mark.root
def test_removal_kills_what_runs(group):
    here = cgroupfs.discover()
    cgroupfs.make(here, group)
    process = subprocess.Popen(["sleep", "1000"])
    for folder in here.folders(group):
        cgroupfs.write(folder / "cgroup.procs", str(process.pid))
    waiter = threading.Thread(target=process.wait)
    waiter.start()
    assert cgroupfs.remove(here, group)
    waiter.join()
    assert process.returncode == -9


@pytest.mark.root
def test_a_process_can_enter_a_fresh_cpuset(group):
    here = cgroupfs.discover()
    cgroupfs.make(here, f"{group}/a/b")
    cpuset = here.folder("cpuset", f"{group}/a/b")
    if cpuset is None:
        pytest.skip("there is no cpuset controller here")
    assert cgroupfs.read(cpuset / ("cpuset.cpus" if here.version == 1 else "cpuset.cpus.effective")).strip()


def test_reading_what_is_gone_is_empty(tmp_path):
    assert cgroupfs.read(tmp_path / "none") == ""
    with pytest.raises(FileNotFoundError):
        cgroupfs.write(tmp_path / "none", "1")
