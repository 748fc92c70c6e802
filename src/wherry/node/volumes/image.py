"""image: the files of a container image, read-only."""

import asyncio
from pathlib import Path

from wherry.api import Obj
from wherry.engine.interface import EngineError, Image
from wherry.linux import mounts
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed


class ImageVolume:
    key = "image"
    refreshed = False

    async def mount(self, volume: Obj, context: Context) -> Mounted:
        source = volume[self.key]
        # Images are held by the name of the folder, so it is unlike any other pod's.
        path = context.config.volume_dir(context.uid, self.key, f"{context.uid}.{volume['name']}")
        try:
            image = await context.image(source["reference"], source.get("pullPolicy") or "IfNotPresent")
            await asyncio.to_thread(_mount, path, image, context)
        except (EngineError, OSError) as error:
            raise VolumeFailed(f"image {source['reference']}: {error}") from error
        return Mounted(path, read_only=True)

    async def unmount(self, path: Path) -> None:
        await asyncio.to_thread(mounts.unmount, path)


def _mount(path: Path, image: Image, context: Context) -> None:
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        return  # what an earlier agent mounted
    store = context.images
    store.hold(image.id, path)
    layers = [str(store.layer_folder / name) for name in store.layers(image.id)]
    if len(layers) == 1:
        mounts.bind(layers[0], path)
    else:
        mounts.mount("overlay", path, "overlay", mounts.MS_RDONLY, f"lowerdir={':'.join(layers)}")
