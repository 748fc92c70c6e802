"""All volumes of a pod together."""

import asyncio
import shutil
from pathlib import Path

from wherry.api import Obj
from wherry.node.config import NodeConfig
from wherry.node.volumes import TYPES
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed, VolumeType


def type_of(volume: Obj) -> VolumeType:
    """Raises VolumeFailed for a type that this node does not know. A volume without a source is an emptyDir."""
    for each in TYPES:
        if each.key in volume:
            return each
    sources = [key for key in volume if key != "name"]
    raise VolumeFailed(f"volume type {sources[0] if sources else 'none'} is not supported")


async def mount_all(context: Context) -> dict[str, Mounted]:
    """Make every volume of the pod. Raises VolumeFailed for the first that cannot be made, in upstream's words."""
    out: dict[str, Mounted] = {}
    for volume in context.pod["spec"].get("volumes") or []:
        try:
            out[volume["name"]] = await type_of(volume).mount(volume, context)
        except VolumeFailed as error:
            message = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
            raise VolumeFailed(message) from error
    return out


async def refresh(context: Context) -> None:
    """Bring those up to date that follow the API. Raises VolumeFailed."""
    for volume in context.pod["spec"].get("volumes") or []:
        kind = type_of(volume)
        if kind.refreshed:
            await kind.mount(volume, context)


async def unmount_all(config: NodeConfig, uid: str) -> None:
    """Take away whatever a pod's volumes left on this node; it needs not be known what they were."""
    for kind in TYPES:
        base = config.pod_dir(uid) / "volumes" / kind.key
        for path in list(base.iterdir()) if base.is_dir() else []:
            await kind.unmount(path)
    await asyncio.to_thread(_remove, config.pod_dir(uid), config.memory_dir / uid)


def _remove(*directories: Path) -> None:
    for each in directories:
        shutil.rmtree(each, ignore_errors=True)
