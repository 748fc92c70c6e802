"""Mounts: mount, unmount, list; detached mounts that travel between mount namespaces as file descriptors.

A mount made here lands in the calling thread's mount namespace.
"""

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

from wherry.linux.procs import check, libc

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_SLAVE = 0x80000
MS_SHARED = 0x100000

_MNT_DETACH = 2
_UMOUNT_NOFOLLOW = 8

# System calls since number 424 have one number on every architecture.
_OPEN_TREE = 428
_MOVE_MOUNT = 429
_OPENAT2 = 437
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 1
_OPEN_TREE_CLOEXEC = os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_RESOLVE_IN_ROOT = 0x10
_RESOLVE_NO_MAGICLINKS = 0x2

_libc_mount = libc.mount
_libc_mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One line of mountinfo. `root` is the path inside the filesystem that is mounted."""

    id: int
    parent: int
    root: str
    target: str
    fstype: str
    source: str
    options: str  # of the mount
    data: str  # of the filesystem
    shared: bool


def mount(source: str, target: str | Path, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Raises OSError."""
    arguments = (source.encode(), os.fsencode(target), fstype.encode() or None, flags, data.encode() or None)
    check(_libc_mount(*arguments), f"mount {fstype or source} on {target}")


def bind(source: str | Path, target: str | Path, recursive: bool = False) -> None:
    mount(str(source), target, flags=MS_BIND | (MS_REC if recursive else 0))


def make_private(target: str | Path, recursive: bool = True) -> None:
    """No mount or unmount travels to or from the mounts below `target`."""
    mount("none", target, flags=MS_PRIVATE | (MS_REC if recursive else 0))


def unmount(target: str | Path) -> bool:
    """Detach a mount and what is mounted on it. False: nothing was mounted there."""
    try:
        check(libc.umount2(os.fsencode(target), _MNT_DETACH | _UMOUNT_NOFOLLOW), f"unmount {target}")
    except (FileNotFoundError, OSError) as error:
        if error.errno in (2, 22):  # ENOENT, EINVAL: no mount point
            return False
        raise
    return True


def open_tree(path: str | Path) -> int:
    """A detached copy of the mounts at `path` and below, as a file descriptor (Linux 5.2). Peers of a shared mount
    stay peers."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    return check(libc.syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags), f"open_tree {path}")


def move_mount(tree: int, target: str | Path) -> None:
    """Attach what `open_tree` gave in the calling thread's mount namespace."""
    arguments = (tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    check(libc.syscall(_MOVE_MOUNT, *arguments), f"move_mount to {target}")


def open_in_root(root: int, path: str, flags: int, mode: int = 0) -> int:
    """Open `path` as if `root` (a directory descriptor) were `/`: no symlink and no `..` leads out of it. Raises
    OSError. (openat2, Linux 5.6)"""
    how = _OpenHow(flags | os.O_CLOEXEC, mode, _RESOLVE_IN_ROOT | _RESOLVE_NO_MAGICLINKS)
    raw = os.fsencode(path.lstrip("/") or ".")
    return check(libc.syscall(_OPENAT2, root, raw, ctypes.byref(how), ctypes.sizeof(how)), path)


def parse_mountinfo(text: str) -> list[MountPoint]:
    """The lines of /proc/<pid>/mountinfo, in the kernel's order (parents first)."""
    found = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        number, parent, _, root, target, options, *tags = left.split(" ")
        fstype, source, data = right.split(" ", 2)
        shared = any(tag.startswith("shared:") for tag in tags)
        found.append(
            MountPoint(
                int(number), int(parent), _plain(root), _plain(target), fstype, _plain(source), options, data, shared
            )
        )
    return found


def all_mounts() -> list[MountPoint]:
    """Of the calling thread's mount namespace."""
    return parse_mountinfo(Path("/proc/thread-self/mountinfo").read_text(errors="surrogateescape"))


def _plain(field: str) -> str:
    """Undo the kernel's octal escapes (space, tab, newline, backslash)."""
    if "\\" not in field:
        return field
    for code, char in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        field = field.replace(code, char)
    return field
