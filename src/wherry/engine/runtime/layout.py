"""Every path of an engine's state directory.

<root>/runtime/                     the OCI runtime's own state, a folder a container
<root>/seccomp/                     compiled programs
<root>/holder                       the program that keeps namespaces
<root>/trash/                       what was removed and is being deleted
<root>/sandboxes/<id>/              sandbox.json, shm/ (where shared memory is mounted)
<root>/containers/<id>/             container.json, config.json (with the above: the bundle), rootfs/ (mount point),
                                    upper/ and work/ (the private layer), mounts/<n> (sources, while starting),
                                    exit/<id> (written by conmon), ctl, winsz, attach (conmon's)
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ContainerPaths:
    folder: Path
    id: str

    @property
    def record(self) -> Path:
        return self.folder / "container.json"

    @property
    def config(self) -> Path:
        return self.folder / "config.json"

    @property
    def rootfs(self) -> Path:
        return self.folder / "rootfs"

    @property
    def upper(self) -> Path:
        return self.folder / "upper"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def mounts(self) -> Path:
        return self.folder / "mounts"

    @property
    def exits(self) -> Path:
        return self.folder / "exit"

    @property
    def exit_file(self) -> Path:
        return self.exits / self.id

    @property
    def oom_file(self) -> Path:
        return self.folder / "oom"

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def monitor_pid_file(self) -> Path:
        return self.folder / "monitor"

    @property
    def complaints(self) -> Path:
        """What the monitor itself has to say."""
        return self.folder / "complaints"

    @property
    def control(self) -> Path:
        return self.folder / "ctl"

    @property
    def attach(self) -> Path:
        return self.folder / "attach"

    def make(self, like: Path) -> None:
        """`like`: the top layer's root folder. The private layer's covers it, so it gets its owner and rights."""
        for folder in (self.folder, self.rootfs, self.upper, self.work, self.mounts, self.exits):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # environments have secrets in them
        status = like.stat()
        os.chown(self.upper, status.st_uid, status.st_gid)
        self.upper.chmod(stat.S_IMODE(status.st_mode))


@dataclass(frozen=True, slots=True)
class SandboxPaths:
    folder: Path

    @property
    def record(self) -> Path:
        return self.folder / "sandbox.json"

    @property
    def shm(self) -> Path:
        return self.folder / "shm"


@dataclass(frozen=True, slots=True)
class Layout:
    root: Path

    @property
    def runtime(self) -> Path:
        return self.root / "runtime"

    @property
    def seccomp(self) -> Path:
        return self.root / "seccomp"

    @property
    def trash(self) -> Path:
        return self.root / "trash"

    @property
    def sandboxes(self) -> Path:
        return self.root / "sandboxes"

    @property
    def containers(self) -> Path:
        return self.root / "containers"

    @property
    def holder(self) -> Path:
        return self.root / "holder"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def sandbox(self, sandbox_id: str) -> SandboxPaths:
        return SandboxPaths(self.sandboxes / sandbox_id)

    def container(self, container_id: str) -> ContainerPaths:
        return ContainerPaths(self.containers / container_id, container_id)

    def make(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in (self.runtime, self.trash, self.sandboxes, self.containers):
            folder.mkdir(mode=0o700, exist_ok=True)
