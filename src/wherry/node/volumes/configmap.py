"""configMap: a file for each key."""

from pathlib import Path

from wherry.api import Obj
from wherry.api.kinds import CONFIG_MAP
from wherry.node.volumes import content, files
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed


async def source(config: Obj, context: Context, default_mode: int) -> files.Payload:
    """Files of a configMap volume, or of a projected one's source."""
    name = config.get("name", "")
    found = await context.get(CONFIG_MAP, name)
    if found is None:
        if config.get("optional"):
            return {}
        raise VolumeFailed(f'configmap "{name}" not found')
    return files.select(files.data_of(found), config, default_mode)


class ConfigMapVolume:
    key = "configMap"
    refreshed = True

    async def mount(self, volume: Obj, context: Context) -> Mounted:
        return await content.mount(self.key, volume, context, source, files.default_mode(volume[self.key]))

    async def unmount(self, path: Path) -> None:
        """Files only."""
