"""Write a set of files so that a reader sees the old or the new set, never a mixture.

The files are in a directory of their own, `..data` is a symlink to it that one rename replaces, and what users see
are symlinks through `..data`.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from wherry.node.volumes.files import Payload

_DATA, _NEXT = "..data", "..data_tmp"


def write(directory: Path, payload: Payload, prepare: Callable[[Path], None] = lambda _: None) -> bool:
    """Make `directory` hold exactly `payload`. `prepare` is called with the new files before they show. False:
    nothing had changed. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    if _unchanged(directory, payload):
        return False
    fresh = directory / f"..{time.strftime('%Y_%m_%d_%H_%M_%S', time.gmtime())}.{secrets.randbelow(10**9):09}"
    fresh.mkdir(mode=0o755)
    for path, file in payload.items():
        _write_file(fresh, path, file.data, file.mode, file.owner)
    prepare(fresh)
    old = _current(directory)
    upcoming = directory / _NEXT
    upcoming.unlink(missing_ok=True)
    upcoming.symlink_to(fresh.name)
    upcoming.rename(directory / _DATA)
    _show(directory, payload)
    for leftover in _sets(directory):
        if leftover.name != fresh.name:
            shutil.rmtree(leftover, ignore_errors=leftover != old)
    return True


def _write_file(base: Path, path: str, data: bytes, mode: int, owner: int | None) -> None:
    target = base / path
    if ".." in target.parts[len(base.parts) :]:
        raise ValueError(f"a volume's file may not be outside of it: {path}")
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        if owner is not None:
            os.fchown(descriptor, owner, -1)
        os.fchmod(descriptor, mode)


def _current(directory: Path) -> Path | None:
    try:
        return directory / os.readlink(directory / _DATA)
    except OSError:
        return None


def _sets(directory: Path) -> Iterator[Path]:
    """Directories with a set of files: the current one, and what a crash left."""
    for entry in list(directory.iterdir()):
        if entry.name.startswith("..2") and entry.is_dir() and not entry.is_symlink():
            yield entry


def _unchanged(directory: Path, payload: Payload) -> bool:
    current = _current(directory)
    if current is None or not current.is_dir():
        return False
    paths = {str(each.relative_to(current)) for each in current.rglob("*") if each.is_file()}
    return paths == set(payload) and all((current / path).read_bytes() == payload[path].data for path in paths)


def _show(directory: Path, payload: Payload) -> None:
    """One symlink for each first part of a path; those of files that are gone are removed."""
    names = {Path(path).parts[0] for path in payload}
    for entry in list(directory.iterdir()):
        if entry.is_symlink() and entry.name not in names and not entry.name.startswith(".."):
            entry.unlink()
    for name in names:
        link = directory / name
        if not link.is_symlink():
            link.symlink_to(f"{_DATA}/{name}")
