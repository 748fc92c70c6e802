"""A container's volumeMounts as mounts of the engine."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from wherry.api import Obj
from wherry.engine.specs import Mount
from wherry.linux.mounts import open_in_root
from wherry.node.environment import expand
from wherry.node.spec.container import propagation
from wherry.node.volumes.interface import Mounted, VolumeFailed


def bind(
    container: Obj, volumes: Mapping[str, Mounted], env: Mapping[str, str], descriptors: ExitStack
) -> list[Mount]:
    """`volumes` by name; `env`: the container's variables, for subPathExpr. The source of a sub-path is an open file:
    what the container may change between now and its start does not matter. `descriptors` closes them, after the
    start. Raises VolumeFailed."""
    return [_bind(each, volumes, env, descriptors) for each in container.get("volumeMounts") or []]


def _bind(mount: Obj, volumes: Mapping[str, Mounted], env: Mapping[str, str], descriptors: ExitStack) -> Mount:
    volume = volumes.get(mount["name"])
    if volume is None:
        raise VolumeFailed(f'cannot find volume "{mount["name"]}" to mount')
    target, below = mount["mountPath"], sub_path(mount, env)
    source = str(volume.path)
    if below:
        descriptor = open_below(volume.path, below)
        descriptors.callback(os.close, descriptor)
        source = f"/proc/self/fd/{descriptor}"
    return Mount(
        source=source,
        target=target if target.startswith("/") else f"/{target}",
        read_only=bool(mount.get("readOnly")) or volume.read_only,
        propagation=propagation(mount),
    )


def sub_path(mount: Obj, env: Mapping[str, str]) -> str:
    """The path below a volume that a mount wants; empty: all of it. Raises VolumeFailed."""
    below: str = mount.get("subPath") or ""
    if mount.get("subPathExpr"):
        below = expand(mount["subPathExpr"], env)
        if "$(" in below:
            raise VolumeFailed(f"missing value for {mount['subPathExpr']}")
    if below.startswith("/"):
        raise VolumeFailed(f"error SubPath `{below}` must not be an absolute path")
    if ".." in Path(below).parts:
        raise VolumeFailed(f"unable to provision SubPath `{below}`: must not contain '..'")
    return below


def open_below(root: Path, below: str) -> int:
    """Open `root`/`below`, made as a directory if it is not there. No symlink that a container put into the volume
    leads out of it. Raises VolumeFailed."""
    try:
        descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise VolumeFailed(f"failed to prepare subPath: {error.strerror}") from error
    try:
        return _open(descriptor, root.stat().st_mode & 0o7777, below)
    except OSError as error:
        raise VolumeFailed(f"failed to prepare subPath: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _open(root: int, mode: int, below: str) -> int:
    reached = ""
    for part in Path(below).parts:
        parent, reached = reached, os.path.join(reached, part)
        try:
            os.close(open_in_root(root, reached, os.O_PATH))
        except FileNotFoundError:
            _make(root, parent, part, mode)
    return open_in_root(root, reached, os.O_PATH)


def _make(root: int, parent: str, name: str, mode: int) -> None:
    holder = open_in_root(root, parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.mkdir(name, dir_fd=holder)
        os.chmod(name, mode, dir_fd=holder)
    finally:
        os.close(holder)
