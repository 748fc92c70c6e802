"""The shell of `plan`: groups on this machine's hierarchies."""

import errno
import time
from pathlib import Path

from wherry.engine.cgroups.plan import Setting, settings
from wherry.engine.interface import EngineError, Resources, Usage
from wherry.linux import cgroupfs
from wherry.linux.cgroupfs import Hierarchies


class Groups:
    """Makes, limits, measures, kills and removes groups."""

    def __init__(self, hierarchies: Hierarchies | None = None) -> None:
        self.hierarchies = hierarchies or cgroupfs.discover()
        self.version = self.hierarchies.version

    def make(self, group: str, resources: Resources | None = None) -> None:
        cgroupfs.make(self.hierarchies, group)
        if resources:
            self.limit(group, resources)

    def limit(self, group: str, resources: Resources) -> None:
        """Raises EngineError in the kernel's words. Memory and memory+swap bound each other, so which of the two must
        go first depends on the old values: what is refused is tried again after the rest."""
        refused = [s for s in settings(resources, self.version) if self._apply(group, s)]
        failures = [(s, error) for s in refused if (error := self._apply(group, s))]
        if failures:
            setting, error = failures[0]
            raise EngineError(f"cannot set {setting.file} to {setting.value}: {error.strerror}") from error

    def enter(self, group: str, pid: int) -> None:
        for folder in self.hierarchies.folders(group):
            cgroupfs.write(folder / "cgroup.procs", str(pid))

    def _apply(self, group: str, setting: Setting) -> OSError | None:
        folder = self.hierarchies.folder(setting.controller, group)
        if folder is None or not (folder / setting.file).exists():
            return None  # the kernel has no such limit (swap accounting is often off)
        try:
            cgroupfs.write(folder / setting.file, setting.value)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EOPNOTSUPP):
                return None
            return error
        return None

    @property
    def swap_accounting(self) -> bool:
        memory = self.hierarchies.roots.get("memory")
        if memory is None:
            return False
        if self.version == 1:
            return (memory / "memory.memsw.limit_in_bytes").exists()
        # The root of v2 has no limits of its own; any group below tells.
        return any((child / "memory.swap.max").exists() for child in memory.iterdir() if child.is_dir())

    def oom_kills(self, group: str) -> int:
        """How many processes of the group the kernel has killed for want of memory."""
        folder = self.hierarchies.folder("memory", group)
        if folder is None:
            return 0
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return _keyed(folder / name).get("oom_kill", 0)

    def usage(self, group: str) -> Usage | None:
        """None: there is no such group."""
        memory = self.hierarchies.folder("memory", group)
        if memory is None or not memory.is_dir():
            return None
        if self.version == 1:
            used, stat, cold = _number(memory / "memory.usage_in_bytes"), "memory.stat", "total_inactive_file"
        else:
            used, stat, cold = _number(memory / "memory.current"), "memory.stat", "inactive_file"
        inactive = _keyed(memory / stat).get(cold, 0)
        return Usage(time.time(), self._cpu_ns(group), used, max(0, used - inactive), self._pids(group))

    def _cpu_ns(self, group: str) -> int:
        if self.version == 1:
            folder = self.hierarchies.folder("cpuacct", group)
            return _number(folder / "cpuacct.usage") if folder else 0
        folder = self.hierarchies.folder("cpu", group)
        return _keyed(folder / "cpu.stat").get("usage_usec", 0) * 1000 if folder else 0

    def _pids(self, group: str) -> int:
        folder = self.hierarchies.folder("pids", group)
        return _number(folder / "pids.current") if folder else 0

    def kill(self, group: str) -> bool:
        return cgroupfs.kill(self.hierarchies, group)

    def remove(self, group: str) -> bool:
        """With what runs in it and the groups below. Blocks. False: something still holds on."""
        return cgroupfs.remove(self.hierarchies, group)


def _number(path: Path) -> int:
    text = cgroupfs.read(path).strip()
    return int(text) if text.isdigit() else 0


def _keyed(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in cgroupfs.read(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
