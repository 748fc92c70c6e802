"""fsGroup: the pod's group owns the files of its volumes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from wherry.api import Obj

_READ_WRITE, _READ = 0o660, 0o440
_DIRECTORY = 0o110 | stat.S_ISGID


def group_of(pod: Obj) -> int | None:
    group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    return None if group is None else int(group)


def hand_over(root: Path, pod: Obj, read_only: bool = False) -> None:
    """Give `root` and all below it to the pod's fsGroup, if it has one. With the policy OnRootMismatch only when the
    root is not the group's already."""
    group = group_of(pod)
    if group is None:
        return
    policy = (pod["spec"].get("securityContext") or {}).get("fsGroupChangePolicy")
    mask = _READ if read_only else _READ_WRITE
    if policy == "OnRootMismatch" and _matches(root, group, mask):
        return
    for path, is_directory in _below(root):
        _give(path, group, mask | _DIRECTORY if is_directory else mask)


def _matches(root: Path, group: int, mask: int) -> bool:
    found = root.stat()
    wanted = mask | _DIRECTORY
    return found.st_gid == group and found.st_mode & wanted == wanted


def _below(root: Path) -> Iterator[tuple[Path, bool]]:
    """Children first, so that the root's state tells that all is done."""
    for base, directories, names in os.walk(root, topdown=False):
        yield from ((Path(base) / name, False) for name in names)
        yield from ((Path(base) / name, False) for name in directories if (Path(base) / name).is_symlink())
        yield Path(base), True


def _give(path: Path, group: int, bits: int) -> None:
    os.lchown(path, -1, group)
    found = path.lstat().st_mode
    if not stat.S_ISLNK(found):
        path.chmod(stat.S_IMODE(found) | bits)


def shared_user(pod: Obj) -> int | None:
    """The user that all containers run as, when their specs say so."""
    spec = pod["spec"]
    default = (spec.get("securityContext") or {}).get("runAsUser")
    every = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    users = {(each.get("securityContext") or {}).get("runAsUser", default) for each in every}
    return users.pop() if len(users) == 1 else None
