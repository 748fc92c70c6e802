"""Network namespaces: make, name, enter, list and remove them.

A namespace lives as long as something holds it. `create` holds it by a bind mount: under /run/netns a name that
`ip netns` understands, or at any path. /run/netns is made a shared mount first, as `ip netns` does, so that mount
namespaces made earlier (a container runtime's) see the ones made later.

Entering changes the calling thread only; every socket keeps the namespace that it was made in.
"""

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from wherry.linux import mounts
from wherry.linux.procs import CLONE_NEWNET, check, libc, setns, unshare

DIRECTORY = Path("/run/netns")

_NSFS_MAGIC = 0x6E736673
_OWN = "/proc/thread-self/ns/net"


def path_of(name: str) -> Path:
    """Where a namespace of that name is found; a path is taken as it is."""
    return Path(name) if "/" in name else DIRECTORY / name


def create(name: str) -> Path:
    """Make a namespace and bind it to `name`. Raises FileExistsError when there is one."""
    path = path_of(name)
    if path.parent == DIRECTORY:
        _share_directory()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not exists(name):
        path.unlink(missing_ok=True)  # a file without its mount: what a reboot or a crash leaves
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o444))
    try:
        with _returning():
            unshare(CLONE_NEWNET)
            mounts.bind(_OWN, path)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path


def ensure(name: str) -> tuple[Path, bool]:
    """Its path, and whether it had to be made."""
    if exists(name):
        return path_of(name), False
    return create(name), True


def exists(name: str) -> bool:
    """Whether a namespace is bound there; a plain file of that name is none."""
    try:
        return _is_namespace(path_of(name))
    except OSError:
        return False


def delete(name: str) -> bool:
    """Unbind; the namespace ends when no process is in it any more. False: there was nothing."""
    path = path_of(name)
    mounts.unmount(path)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def release_directory() -> None:
    """Take the shared mount on /run/netns away if no name is left in it. Mount namespaces made before do not see
    names that are bound after this, so only whoever ends the last user of namespaces calls it."""
    if not names():
        with contextlib.suppress(OSError):  # not mounted, or somebody else is in it: let it be
            check(libc.umount2(os.fsencode(DIRECTORY), 0), "unmount")


def names(prefix: str = "") -> list[str]:
    """Names under /run/netns that begin with `prefix`, sorted; also files that have lost their mount."""
    try:
        return sorted(entry.name for entry in DIRECTORY.iterdir() if entry.name.startswith(prefix))
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def entered(name: str | Path | None) -> Iterator[None]:
    """The calling thread is in that namespace inside the block (None: stays). Nothing may `await` in it."""
    if name is None:
        yield
        return
    with _returning():
        enter(name)
        yield


def enter(name: str | Path) -> None:
    """Move the calling thread there for good; threads it starts later are there too. Raises OSError."""
    descriptor = os.open(path_of(str(name)), os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(descriptor, CLONE_NEWNET)
    finally:
        os.close(descriptor)


def executor(name: str | Path | None, threads: int = 1) -> ThreadPoolExecutor:
    """Threads that live in that namespace (None: the caller's)."""
    if name is None:
        return ThreadPoolExecutor(threads, thread_name_prefix="netns")
    return ThreadPoolExecutor(threads, thread_name_prefix="netns", initializer=enter, initargs=(name,))


@contextlib.contextmanager
def _returning() -> Iterator[None]:
    home = os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        try:
            setns(home, CLONE_NEWNET)
        finally:
            os.close(home)


def _share_directory() -> None:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    try:
        mounts.mount("none", DIRECTORY, flags=mounts.MS_SHARED)
    except OSError as error:
        if error.errno != errno.EINVAL:  # EINVAL: not a mount point yet
            raise
        mounts.bind(DIRECTORY, DIRECTORY, recursive=True)
        mounts.mount("none", DIRECTORY, flags=mounts.MS_SHARED | mounts.MS_REC)


class _StatFs(ctypes.Structure):
    _fields_ = (("f_type", ctypes.c_long), ("rest", ctypes.c_char * 248))


def _is_namespace(path: Path) -> bool:
    facts = _StatFs()
    check(libc.statfs(os.fsencode(path), ctypes.byref(facts)), f"look at {path}")
    return facts.f_type == _NSFS_MAGIC
