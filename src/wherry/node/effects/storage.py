"""Mount, refresh and unmount a pod's volumes."""

import asyncio
import logging

from wherry.client.interface import ApiError
from wherry.node.job import Job
from wherry.node.plan import view
from wherry.node.plan.actions import MountVolumes, UnmountVolumes
from wherry.node.volumes import VolumeFailed, manager

log = logging.getLogger(__name__)


async def mount(job: Job, action: MountVolumes) -> None:
    """Begin to mount; without volumes there is nothing to wait for."""
    if not job.pod["spec"].get("volumes"):
        job.memory.volumes = view.Volumes(ready=True)
        return
    failure = job.memory.volumes.failure
    job.memory.volumes = view.Volumes(busy=True, failure=failure)
    job.memory.mounting = job.background(_mount(job), "mount of volumes")


async def _mount(job: Job) -> None:
    before = job.memory.volumes.failure
    try:
        job.memory.mounted = await manager.mount_all(job.context())
    except (VolumeFailed, ApiError, TimeoutError, OSError) as error:
        count = before.count + 1 if before else 1
        message = str(error) or "the API server does not answer"
        job.memory.volumes = view.Volumes(failure=view.Failure("FailedMount", message, job.now, count))
        job.event("Warning", "FailedMount", message)
    else:
        job.memory.volumes = view.Volumes(ready=True)
        job.memory.refresh_at = job.parts.tokens.replace_at(job.pod)


def contents_changed(job: Job) -> None:
    """Something that the pod's volumes show has changed, or is due."""
    if job.memory.volumes.ready:
        job.memory.refresh_at = None
        job.memory.mounting = job.background(_refresh(job), "refresh of volumes")
    elif job.memory.volumes.failure is not None:
        job.memory.volumes = view.Volumes()
    for name in [name for name, each in job.memory.failures.items() if each.reason == "CreateContainerConfigError"]:
        del job.memory.failures[name]
    job.wake()


async def _refresh(job: Job) -> None:
    try:
        await manager.refresh(job.context())
    except (VolumeFailed, ApiError, TimeoutError, OSError) as error:
        log.info("volumes of pod %s not refreshed: %s", "/".join(job.identity[:2]), error)
    job.memory.refresh_at = job.parts.tokens.replace_at(job.pod)


async def unmount(job: Job, action: UnmountVolumes) -> None:
    """Whoever still mounts gives up first."""
    mounting = job.memory.mounting
    if mounting is not None and not mounting.done():
        mounting.cancel()
        await asyncio.wait([mounting])
    await manager.unmount_all(job.parts.config, job.uid)
    job.parts.objects.release(job.uid)
    job.parts.tokens.forget(job.uid)
    job.memory.volumes, job.memory.mounted, job.memory.refresh_at = view.Volumes(), {}, None
