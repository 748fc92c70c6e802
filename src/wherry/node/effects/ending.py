"""Events, the object's deletion, and forgetting the pod."""

import asyncio
import shutil

from wherry.api import meta
from wherry.api.kinds import POD
from wherry.client.interface import Conflict, NotFound
from wherry.node.job import Job
from wherry.node.plan.actions import DeletePod, Emit, Forget


async def emit(job: Job, action: Emit) -> None:
    job.event(action.type, action.reason, action.message, action.container)


async def delete(job: Job, action: DeletePod) -> None:
    """The last status, then the object; it is gone when its finalizers are."""
    if job.memory.deleted:
        return
    # An agent that was killed while it made the sandbox has left a network without one.
    await job.parts.network.teardown(job.uid)
    await job.publisher.flush()
    namespace, name, uid = job.identity
    try:
        await job.parts.client.delete(POD, name, namespace, grace_period=0, uid=uid)
    except (NotFound, Conflict):
        pass
    job.memory.deleted = True


async def forget(job: Job, action: Forget) -> None:
    """With its logs."""
    await job.parts.network.teardown(job.uid)
    job.parts.objects.release(job.uid)
    job.parts.tokens.forget(job.uid)
    directory = job.parts.config.log_dir(meta.namespace(job.pod), meta.name(job.pod), job.uid)
    await asyncio.to_thread(shutil.rmtree, directory, True)
