"""persistentVolumeClaim and ephemeral: a bound PersistentVolume that is a path of this node."""

import asyncio
from pathlib import Path

from wherry.api import Obj, meta
from wherry.api.kinds import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM
from wherry.node.volumes import hostpath, ownership
from wherry.node.volumes.interface import Context, Mounted, VolumeFailed


async def bound_volume(claim_name: str, context: Context) -> Obj:
    """The volume that a claim of the pod's namespace is bound to. Raises VolumeFailed."""
    claim = await context.get(PERSISTENT_VOLUME_CLAIM, claim_name)
    if claim is None:
        raise VolumeFailed(f'persistentvolumeclaim "{claim_name}" not found')
    name = claim["spec"].get("volumeName")
    if not name or (claim.get("status") or {}).get("phase") != "Bound":
        raise VolumeFailed(f'persistentvolumeclaim "{claim_name}" is not bound')
    volume = await context.get(PERSISTENT_VOLUME, name)
    if volume is None:
        raise VolumeFailed(f'persistentvolume "{name}" not found')
    reference = volume["spec"].get("claimRef") or {}
    if reference.get("uid") != meta.uid(claim):
        raise VolumeFailed(f'persistentvolume "{name}" is not bound to claim "{claim_name}"')
    return volume


async def mount(claim_name: str, context: Context, read_only: bool) -> Mounted:
    """Raises VolumeFailed."""
    spec = (await bound_volume(claim_name, context))["spec"]
    if spec.get("volumeMode") == "Block":
        raise VolumeFailed("block volumes are not supported on this node")
    if "hostPath" in spec:
        path = hostpath.check(Path(spec["hostPath"]["path"]), spec["hostPath"].get("type") or "")
    elif "local" in spec:
        path = hostpath.check(Path(spec["local"]["path"]), "Directory")
        await asyncio.to_thread(ownership.hand_over, path, context.pod)
    else:
        raise VolumeFailed("this type of persistent volume is not supported on this node")
    return Mounted(path, read_only or spec.get("accessModes") == ["ReadOnlyMany"])


class PersistentVolumeClaimVolume:
    key = "persistentVolumeClaim"
    refreshed = False

    async def mount(self, volume: Obj, context: Context) -> Mounted:
        source = volume[self.key]
        return await mount(source["claimName"], context, bool(source.get("readOnly")))

    async def unmount(self, path: Path) -> None:
        """It was there before."""


class EphemeralVolume:
    """A claim that the control plane made for this pod, called `<pod>-<volume>`."""

    key = "ephemeral"
    refreshed = False

    async def mount(self, volume: Obj, context: Context) -> Mounted:
        name = f"{meta.name(context.pod)}-{volume['name']}"
        claim = await context.get(PERSISTENT_VOLUME_CLAIM, name)
        if claim is not None and context.uid not in [owner.get("uid") for owner in meta.owners(claim)]:
            raise VolumeFailed(f'persistentvolumeclaim "{name}" was not made for this pod')
        return await mount(name, context, False)

    async def unmount(self, path: Path) -> None:
        """It was there before."""
