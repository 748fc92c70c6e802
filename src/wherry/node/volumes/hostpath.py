"""hostPath: a file or directory of the node."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from wherry.api import Obj
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed

_CHECKS: dict[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "directory"),
    "File": (stat.S_ISREG, "file"),
    "FileOrCreate": (stat.S_ISREG, "file"),
    "Socket": (stat.S_ISSOCK, "socket file"),
    "CharDevice": (stat.S_ISCHR, "character device"),
    "BlockDevice": (stat.S_ISBLK, "block device"),
}


class HostPathVolume:
    key = "hostPath"
    refreshed = False

    async def mount(self, volume: Obj, context: Context) -> Mounted:
        source = volume[self.key]
        return Mounted(check(Path(source["path"]), source.get("type") or ""))

    async def unmount(self, path: Path) -> None:
        """It was there before."""


def check(path: Path, type: str) -> Path:
    """The path, once it is what its type says; made where the type allows. Raises VolumeFailed."""
    try:
        if type in ("", "DirectoryOrCreate") and not path.exists():
            path.mkdir(mode=0o755, parents=True)
        elif type == "FileOrCreate" and not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
        if not type:
            return path
        is_it, what = _CHECKS[type]
        if is_it(path.stat().st_mode):
            return path
    except KeyError:
        raise VolumeFailed(f"unknown hostPath type {type}") from None
    except OSError as error:
        raise VolumeFailed(f"hostPath type check failed: {path}: {error.strerror}") from error
    raise VolumeFailed(f"hostPath type check failed: {path} is not a {what}")
