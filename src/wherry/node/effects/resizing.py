"""New limits for a container that runs."""

import asyncio
import logging
from dataclasses import replace
from functools import cache

from wherry.engine.cgroups.groups import Groups
from wherry.engine.interface import EngineError, Resources
from wherry.node.job import Job
from wherry.node.plan import podspec
from wherry.node.plan.actions import ResizeContainer
from wherry.node.spec import resources

log = logging.getLogger(__name__)

_PAUSE = 1.0


async def resize(job: Job, action: ResizeContainer) -> None:
    """The pod's own group is opened first and closed to its new limits last, so that it never stands in the way."""
    container = podspec.container(job.pod, action.container)
    if container is None:
        return
    wanted = resources.of_container(job.pod, container, job.parts.config.memory)
    whole = resources.of_pod(job.pod)
    try:
        await _limit_pod(job, replace(whole, memory_limit=0, cpu_quota=0))
        await job.parts.engine.update_resources(action.container_id, wanted)
        await _limit_pod(job, whole)
    except EngineError as error:
        log.warning("pod %s: container %s keeps its limits: %s", "/".join(job.identity[:2]), action.container, error)
        job.event("Warning", "ResizeError", f"Error resizing container {action.container}: {error}", action.container)
        await job.parts.clock.sleep(_PAUSE)


async def _limit_pod(job: Job, limits: Resources) -> None:
    group = resources.cgroup_parent(job.parts.config.cgroup_root, job.pod)
    await asyncio.to_thread(_groups().limit, group, limits)


@cache
def _groups() -> Groups:
    return Groups()
