"""projected: several sources in one directory."""

from pathlib import Path

from wherry.api import Obj
from wherry.node.volumes import configmap, content, downwardapi, files, secret, token
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed

SOURCES: dict[str, content.Source] = {
    "configMap": configmap.source,
    "secret": secret.source,
    "downwardAPI": downwardapi.source,
    "serviceAccountToken": token.source,
}


async def source(config: Obj, context: Context, default_mode: int) -> files.Payload:
    payload: files.Payload = {}
    for each in config.get("sources") or []:
        for key, value in each.items():
            if key not in SOURCES:
                raise VolumeFailed(f"projected source {key} is not supported")
            payload |= await SOURCES[key](value, context, default_mode)
    return payload


class ProjectedVolume:
    key = "projected"
    refreshed = True

    async def mount(self, volume: Obj, context: Context) -> Mounted:
        return await content.mount(self.key, volume, context, source, files.default_mode(volume[self.key]))

    async def unmount(self, path: Path) -> None:
        """Files only."""
