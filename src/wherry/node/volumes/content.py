"""Volumes that are files from the API and follow it: what configMap, secret, downwardAPI and projected share."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from wherry.api import Obj
from wherry.node.volumes import atomic, ownership
from wherry.node.volumes.files import MissingKey, Payload
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed

Source = Callable[[Obj, Context, int], Awaitable[Payload]]
"""From a volume source (or a projected one), with a default mode, to files. Raises VolumeFailed, MissingKey."""


async def mount(key: str, volume: Obj, context: Context, source: Source, default_mode: int) -> Mounted:
    """Write the files of a volume; in memory, for they may be secret."""
    path = context.config.memory_volume_dir(context.uid, key, volume["name"])
    try:
        payload = await source(volume[key], context, default_mode)
    except MissingKey as error:
        raise VolumeFailed(str(error)) from error
    try:
        await asyncio.to_thread(_write, path, payload, context.pod)
    except (OSError, ValueError) as error:
        raise VolumeFailed(f"cannot write {volume['name']}: {error}") from error
    return Mounted(path, read_only=True)


def _write(path: Path, payload: Payload, pod: Obj) -> None:
    new = not path.exists()
    atomic.write(path, payload, lambda fresh: ownership.hand_over(fresh, pod, read_only=True))
    if new:
        path.chmod(0o777)
        ownership.hand_over(path, pod, read_only=True)
