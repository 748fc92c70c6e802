"""downwardAPI: the pod's own labels, annotations and resources as files."""

from pathlib import Path

from wherry.api import Obj
from wherry.node import downward
from wherry.node.plan.podspec import container
from wherry.node.volumes import content, files
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed


async def source(config: Obj, context: Context, default_mode: int) -> files.Payload:
    payload: files.Payload = {}
    for item in config.get("items") or []:
        try:
            text = _value(item, context)
        except downward.UnsupportedField as error:
            raise VolumeFailed(str(error)) from error
        payload[item["path"].strip("/")] = files.File(text.encode(), files.mode_of(item, default_mode))
    return payload


def _value(item: Obj, context: Context) -> str:
    if "fieldRef" in item:
        path = item["fieldRef"]["fieldPath"]
        return downward.field(context.pod, path, context.config.address, context.addresses)
    reference = item["resourceFieldRef"]
    holder = container(context.pod, reference.get("containerName", ""))
    if holder is None:
        raise VolumeFailed(f"container {reference.get('containerName')} not found")
    return downward.resource(holder, reference, context.config.capacity)


class DownwardApiVolume:
    key = "downwardAPI"
    refreshed = True

    async def mount(self, volume: Obj, context: Context) -> Mounted:
        return await content.mount(self.key, volume, context, source, files.default_mode(volume[self.key]))

    async def unmount(self, path: Path) -> None:
        """Files only."""
