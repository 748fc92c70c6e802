"""Control groups: which hierarchies there are; make, write, read, kill and remove a group.

A **group** is a path relative to the root of every hierarchy (`wherry/default/node/kubepods`). With cgroup v1 each
controller has a hierarchy of its own and a group is a folder in each; with v2 there is one. On a hybrid machine the
controllers are v1's.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wherry.linux.mounts import MountPoint, all_mounts

# fmt: off
_V1_CONTROLLERS = frozenset((
    "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "net_cls", "net_prio",
    "perf_event", "rdma", "misc",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """`roots`: controller -> folder of its hierarchy. With v2 every controller has the same folder."""

    version: int
    roots: dict[str, Path] = field(default_factory=dict)

    def folders(self, group: str) -> list[Path]:
        """Every folder of `group`, whether it is there or not."""
        return [root / group for root in dict.fromkeys(self.roots.values())]

    def folder(self, controller: str, group: str) -> Path | None:
        root = self.roots.get(controller)
        return root / group if root else None


def discover(points: list[MountPoint] | None = None) -> Hierarchies:
    """The hierarchies that are mounted here (`points`: the mounts, by default this thread's)."""
    points = all_mounts() if points is None else points
    v1: dict[str, Path] = {}
    for point in points:
        if point.fstype == "cgroup":
            names = _V1_CONTROLLERS & set(point.data.split(","))
            names |= {option for option in point.data.split(",") if option.startswith("name=")}
            v1.update({name: Path(point.target) for name in names if name not in v1})
    if v1.keys() & {"memory", "cpu", "pids"}:
        return Hierarchies(1, v1)
    unified = next((Path(point.target) for point in points if point.fstype == "cgroup2"), None)
    if unified is None:
        return Hierarchies(1, v1)
    controllers = (unified / "cgroup.controllers").read_text().split()
    return Hierarchies(2, dict.fromkeys(controllers, unified) or {"": unified})


def make(hierarchies: Hierarchies, group: str) -> None:
    """Make `group` and its parents in every hierarchy; with v2 every controller is enabled on the way down."""
    for root in dict.fromkeys(hierarchies.roots.values()):
        folder = root
        for part in Path(group).parts:
            if hierarchies.version == 2:
                _enable_controllers(folder)
            folder = folder / part
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
            if hierarchies.version == 1 and root == hierarchies.roots.get("cpuset"):
                _inherit_cpuset(folder)  # also of a group that another thread has just made and not yet filled


def write(path: Path, value: str) -> None:
    """Raises OSError: the kernel refuses the value, or has no such file."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def read(path: Path) -> str:
    """ "" if the file cannot be read: a group may end at any moment."""
    try:
        return path.read_text()
    except OSError:
        return ""


def processes(hierarchies: Hierarchies, group: str) -> set[int]:
    """Of the group and the groups below it."""
    found: set[int] = set()
    for folder in hierarchies.folders(group):
        for directory in _tree(folder):
            found.update(int(pid) for pid in read(directory / "cgroup.procs").split())
    return found


def kill(hierarchies: Hierarchies, group: str) -> bool:
    """SIGKILL every process of the group and the groups below it. False: there was none."""
    folder = hierarchies.folders(group)[:1]
    if hierarchies.version == 2 and folder and (folder[0] / "cgroup.kill").exists():
        there = bool(processes(hierarchies, group))
        if there:
            write(folder[0] / "cgroup.kill", "1")
        return there
    pids = processes(hierarchies, group)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return bool(pids)


def remove(hierarchies: Hierarchies, group: str, patience: float = 2.0) -> bool:
    """Kill what runs in the group, remove it and the groups below it everywhere. Blocks up to `patience` seconds for
    processes to end. False: something still holds on. No error if it is gone."""
    deadline = time.monotonic() + patience
    pause = 0.0005
    while True:
        left = [folder for folder in hierarchies.folders(group) if not _remove_tree(folder)]
        if not left:
            return True
        if time.monotonic() > deadline:
            return False
        kill(hierarchies, group)
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def _remove_tree(folder: Path) -> bool:
    for directory in sorted(_tree(folder), key=lambda path: len(path.parts), reverse=True):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            pass
        except OSError:
            return False
    return True


def _tree(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        for directory, _, _ in os.walk(folder):
            yield Path(directory)


def _enable_controllers(folder: Path) -> None:
    wanted = set(read(folder / "cgroup.controllers").split()) - set(read(folder / "cgroup.subtree_control").split())
    for name in wanted:
        try:
            write(folder / "cgroup.subtree_control", f"+{name}")
        except OSError:  # not delegated to us, or busy with threads: the group goes without that controller
            continue


def _inherit_cpuset(folder: Path) -> None:
    """A new v1 cpuset is empty, and nothing can run in it until it has processors and memory nodes."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (folder / name).exists() and not read(folder / name).strip():
            write(folder / name, read(folder.parent / name).strip())
