"""Threads in a mount namespace of their own.

Root filesystems are mounted by these threads, and the OCI runtime is their child: it takes a copy of what they see
into the container and nothing ever shows in the host's mount table, not even after kill -9. Nothing spreads either
way: host paths come in as detached mounts (file descriptors of `open_tree`), made by an ordinary thread.

The namespace is a pruned copy of the host's: the filesystems that the state directories and programs are on, and the
kernel's own. So it keeps no device busy that the host unmounts. On a hybrid cgroup machine the unified hierarchy is
left out too, because crun refuses to work where it sees both.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from wherry.linux import mounts, procs

Result = TypeVar("Result")

_KERNEL = ("/proc", "/sys", "/dev")
_PROGRAMS = ("/usr", "/usr/local", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/nix/store", "/tmp")


class Launcher:
    """A small pool of such threads. `keep`: paths that must stay reachable."""

    def __init__(self, keep: Sequence[Path], threads: int = 4) -> None:
        self._keep = [str(path) for path in keep]
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="launcher")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._base: int | None = None  # the namespace, open

    async def run(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Call `work` on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._call, work, arguments)

    def _call(self, work: Callable[..., Result], arguments: tuple[object, ...]) -> Result:
        if not getattr(self._local, "ready", False):
            self._enter()
            self._local.ready = True
        return work(*arguments)

    def _enter(self) -> None:
        with self._lock:
            procs.unshare(procs.CLONE_FS)
            if self._base is not None:
                procs.setns(self._base, procs.CLONE_NEWNS)
                return
            procs.unshare(procs.CLONE_NEWNS)
            prune(self._keep)
            self._base = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)

    @contextmanager
    def inside(self, pidfd: int) -> Iterator[None]:
        """On a launcher's thread: the mount namespace of another process."""
        assert self._base is not None
        procs.setns(pidfd, procs.CLONE_NEWNS)
        try:
            yield
        finally:
            procs.setns(self._base, procs.CLONE_NEWNS)

    def close(self) -> None:
        self._pool.shutdown(wait=True)
        if self._base is not None:
            os.close(self._base)
            self._base = None


def prune(keep: Sequence[str]) -> None:
    """Cut the calling thread's mount namespace off the host's and drop what is not needed in it."""
    mounts.make_private("/")
    points = mounts.all_mounts()
    hybrid = any(point.fstype == "cgroup" for point in points)
    for point in reversed(points):
        if not _needed(point.target, keep) or (hybrid and point.fstype == "cgroup2"):
            mounts.unmount(point.target)


def _needed(target: str, keep: Sequence[str]) -> bool:
    if target == "/" or target in _PROGRAMS:
        return True
    if any(target == place or target.startswith(f"{place}/") for place in _KERNEL):
        return True
    return any(path == target or path.startswith(f"{target}/") for path in keep)
