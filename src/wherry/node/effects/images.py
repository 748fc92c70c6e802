"""Fetch images."""

import time
from dataclasses import replace

from wherry.engine.interface import EngineError, ImageInvalid
from wherry.node.job import Job
from wherry.node.plan import view
from wherry.node.plan.actions import PullImage
from wherry.node.pulling import pull_secrets


async def pull(job: Job, action: PullImage) -> None:
    """Begin to fetch the image of a container."""
    before = job.memory.images.get(action.container, view.Image())
    job.memory.images[action.container] = replace(before, pulling=True, error="")
    job.event("Normal", "Pulling", f'Pulling image "{action.image}"', action.container)
    job.background(_pull(job, action), "pull of an image")


async def _pull(job: Job, action: PullImage) -> None:
    before, started = job.memory.images[action.container], time.monotonic()
    try:
        image = await job.parts.puller.pull(action.image, await pull_secrets(job.pod, job.context().get))
    except ImageInvalid as error:
        job.memory.images[action.container] = view.Image(invalid=str(error))
        _complain(job, action, "InvalidImageName", str(error))
    except (EngineError, OSError) as error:
        job.memory.images[action.container] = view.Image(
            error=f'failed to pull image "{action.image}": {error}', failed_at=job.now, failures=before.failures + 1
        )
        _complain(job, action, "ErrImagePull", str(error))
    else:
        job.memory.images[action.container] = view.Image(present=True, pulled=True)
        took = f"{time.monotonic() - started:.3g}s"
        message = f'Successfully pulled image "{action.image}" in {took}. Image size: {image.size} bytes.'
        job.event("Normal", "Pulled", message, action.container)


def _complain(job: Job, action: PullImage, reason: str, error: str) -> None:
    job.event("Warning", "Failed", f'Failed to pull image "{action.image}": {error}', action.container)
    job.event("Warning", "Failed", f"Error: {reason}", action.container)
