"""Hooks, stopping and removing."""

import logging
from pathlib import Path

from wherry.engine.interface import ContainerNotFound, EngineError
from wherry.engine.logs.reader import files as log_files
from wherry.node import handlers
from wherry.node.effects.containers import Skip
from wherry.node.handlers import HandlerFailed
from wherry.node.job import Job
from wherry.node.plan import podspec
from wherry.node.plan.actions import RemoveContainer, RunHook, StopContainer
from wherry.node.plan.view import Stop
from wherry.node.spec.container import ATTEMPT

log = logging.getLogger(__name__)

_NO_LIMIT = 24 * 3600.0


async def run_hook(job: Job, action: RunHook) -> None:
    """Begin a postStart or preStop hook."""
    if action.hook == "postStart":
        id = job.memory.created[action.container]
        job.memory.hooks[id] = "running"
        job.background(_post_start(job, action.container, id), "postStart hook")
    else:
        job.memory.stops[action.container_id] = Stop(job.now, "running")
        job.background(_pre_stop(job, action), "preStop hook")


async def _post_start(job: Job, name: str, id: str) -> None:
    problem = await _hook(job, name, id, "postStart", _NO_LIMIT)
    job.memory.hooks[id] = "failed" if problem else "done"
    if problem:
        job.failed(name, "PostStartHookError", problem)
        job.event("Warning", "FailedPostStartHook", "PostStartHook failed", name)


async def _pre_stop(job: Job, action: RunHook) -> None:
    since = job.memory.stops[action.container_id].since
    problem = await _hook(job, action.container, action.container_id, "preStop", action.timeout)
    current = job.memory.stops.get(action.container_id)
    if current is not None and not current.kill_at:
        job.memory.stops[action.container_id] = Stop(since, "done")
    if problem:
        job.event("Warning", "FailedPreStopHook", "PreStopHook failed", action.container)


async def _hook(job: Job, name: str, id: str, hook: str, timeout: float) -> str:
    """What went wrong; empty if nothing did."""
    container = podspec.container(job.pod, name) or {"name": name}
    try:
        await handlers.run(podspec.hook(container, hook) or {}, job.target(container, id), job.parts.engine, timeout)
    except (HandlerFailed, TimeoutError) as error:
        log.info("%s hook of %s in pod %s failed: %s", hook, name, "/".join(job.identity[:2]), error)
        return str(error) or "the hook took too long"
    return ""


async def stop(job: Job, action: StopContainer) -> None:
    """Begin to stop a container; a stop with more patience that is under way gives way."""
    known = job.memory.stops.get(action.container_id)
    since, hook = (known.since, known.hook) if known else (job.now, "")
    job.memory.stops[action.container_id] = Stop(since, hook, job.now + action.grace)
    earlier = job.memory.stopping.pop(action.container_id, None)
    if earlier is not None:
        earlier.cancel()
    task = job.background(_stop(job, action), "stop of a container")
    job.memory.stopping[action.container_id] = task


async def _stop(job: Job, action: StopContainer) -> None:
    try:
        await job.parts.engine.stop(action.container_id, action.grace)
    except EngineError as error:
        log.warning("cannot stop container %s: %s", action.container_id, error)
        job.memory.stops.pop(action.container_id, None)
        await job.parts.clock.sleep(1.0)


async def remove(job: Job, action: RemoveContainer) -> None:
    """With its log and its termination message."""
    engine = job.parts.engine
    try:
        spec = engine.status(action.container_id).spec
        await engine.remove(action.container_id)
    except ContainerNotFound:
        return
    except EngineError as error:
        log.warning("cannot remove container %s: %s", action.container_id, error)
        raise Skip from error
    job.memory.messages.pop(action.container_id, None)
    attempt = int(spec.labels.get(ATTEMPT, "0"))
    leftovers = [*log_files(Path(spec.log_path)), job.parts.config.termination_path(job.uid, spec.name, attempt)]
    for path in leftovers:
        path.unlink(missing_ok=True)
