"""Files that survive kill -9."""

import os
from pathlib import Path

from wherry.linux.procs import check, libc


def write_atomically(path: Path, data: bytes) -> None:
    """Readers see the old bytes or the new, also after kill -9."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)


def sync_filesystem(path: Path) -> None:
    """Everything written to the filesystem of `path` is on the disk. Blocks."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        check(libc.syncfs(fd), f"syncfs {path}")
    finally:
        os.close(fd)
