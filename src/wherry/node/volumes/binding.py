"""A container's volumeMounts as mounts of the engine."""

import os
from collections.abc import Mapping
from pathlib import Path

from wherry.api import Obj
from wherry.engine.specs import Mount
from wherry.linux.mounts import open_in_root
from wherry.node.environment import expand
from wherry.node.spec.container import propagation
from wherry.node.volumes.interface import Mounted, VolumeFailed


def bind(container: Obj, volumes: Mapping[str, Mounted], env: Mapping[str, str]) -> list[Mount]:
    """`volumes` by name; `env`: the container's variables, for subPathExpr. Raises VolumeFailed."""
    return [_bind(each, volumes, env) for each in container.get("volumeMounts") or []]


def _bind(mount: Obj, volumes: Mapping[str, Mounted], env: Mapping[str, str]) -> Mount:
    volume = volumes.get(mount["name"])
    if volume is None:
        raise VolumeFailed(f'cannot find volume "{mount["name"]}" to mount')
    target = mount["mountPath"]
    return Mount(
        source=str(_source(mount, volume.path, env)),
        target=target if target.startswith("/") else f"/{target}",
        read_only=bool(mount.get("readOnly")) or volume.read_only,
        propagation=propagation(mount),
    )


def _source(mount: Obj, path: Path, env: Mapping[str, str]) -> Path:
    below = mount.get("subPath") or ""
    if mount.get("subPathExpr"):
        below = expand(mount["subPathExpr"], env)
        if "$(" in below:
            raise VolumeFailed(f"missing value for {mount['subPathExpr']}")
    if not below:
        return path
    if below.startswith("/"):
        raise VolumeFailed(f"error SubPath `{below}` must not be an absolute path")
    if ".." in Path(below).parts:
        raise VolumeFailed(f"unable to provision SubPath `{below}`: must not contain '..'")
    return resolve_below(path, below)


def resolve_below(root: Path, below: str) -> Path:
    """The real path of `root`/`below`, made as a directory if it is not there. No symlink that a container put into
    the volume leads out of it."""
    try:
        descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise VolumeFailed(f"failed to prepare subPath: {error.strerror}") from error
    try:
        return _resolve(descriptor, root, below)
    except OSError as error:
        raise VolumeFailed(f"failed to prepare subPath: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _resolve(root: int, path: Path, below: str) -> Path:
    mode = path.stat().st_mode & 0o7777
    reached = ""
    for part in Path(below).parts:
        parent, reached = reached, os.path.join(reached, part)
        try:
            _close(open_in_root(root, reached, os.O_PATH))
        except FileNotFoundError:
            _make(root, parent, part, mode)
    return Path(_close(open_in_root(root, reached, os.O_PATH)))


def _make(root: int, parent: str, name: str, mode: int) -> None:
    holder = open_in_root(root, parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.mkdir(name, dir_fd=holder)
        os.chmod(name, mode, dir_fd=holder)
    finally:
        os.close(holder)


def _close(descriptor: int) -> str:
    """Where an open file is."""
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
