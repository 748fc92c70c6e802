"""secret: a file for each key, never on a disk."""

from pathlib import Path

from wherry.api import Obj
from wherry.api.kinds import SECRET
from wherry.node.volumes import content, files
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed


async def source(config: Obj, context: Context, default_mode: int) -> files.Payload:
    """Files of a secret volume (`secretName`), or of a projected one's source (`name`)."""
    name = config.get("secretName") or config.get("name", "")
    found = await context.get(SECRET, name)
    if found is None:
        if config.get("optional"):
            return {}
        raise VolumeFailed(f'secret "{name}" not found')
    return files.select(files.data_of({"kind": "Secret"} | found), config, default_mode)


class SecretVolume:
    key = "secret"
    refreshed = True

    async def mount(self, volume: Obj, context: Context) -> Mounted:
        return await content.mount(self.key, volume, context, source, files.default_mode(volume[self.key]))

    async def unmount(self, path: Path) -> None:
        """Files only."""
