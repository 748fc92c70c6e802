"""emptyDir: room of the pod's own, on the node's disk or in memory."""

import asyncio
import os
from pathlib import Path

from wherry.api import Obj
from wherry.lib import quantity
from wherry.linux import mounts
from wherry.node.spec import resources
from wherry.node.volumes import ownership
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed

_MODE = 0o777


class EmptyDirVolume:
    key = "emptyDir"
    refreshed = False

    async def mount(self, volume: Obj, context: Context) -> Mounted:
        path = context.config.volume_dir(context.uid, self.key, volume["name"])
        try:
            await asyncio.to_thread(_make, path, volume[self.key] or {}, context)
        except OSError as error:
            raise VolumeFailed(f"cannot make {path}: {error}") from error
        return Mounted(path)

    async def unmount(self, path: Path) -> None:
        if os.path.ismount(path):
            await asyncio.to_thread(mounts.unmount, path)


def _make(path: Path, source: Obj, context: Context) -> None:
    medium = source.get("medium") or ""
    if medium not in ("", "Memory"):
        raise VolumeFailed(f"emptyDir medium {medium} is not supported")
    new = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    if medium == "Memory" and not os.path.ismount(path):
        size = _size(source, context)
        mounts.mount("tmpfs", path, "tmpfs", data=f"size={size}" if size else "")
        new = True
    if new:
        path.chmod(_MODE)
        ownership.hand_over(path, context.pod)


def _size(source: Obj, context: Context) -> int:
    """Bytes: the volume's own limit, within what the pod and the machine have."""
    bounds = [quantity.value(source.get("sizeLimit") or 0), resources.of_pod(context.pod).memory_limit]
    return min((each for each in [*bounds, context.config.memory] if each > 0), default=0)
