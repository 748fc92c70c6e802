"""Doing what the plan asks, an effect an action: `EFFECTS` is the one list of them.

    sandboxes    the pod's network, its sandbox and the files that its containers share
    containers   make and start
    resizing     new limits for a container that runs
stopping     hooks, stop, remove
    images       pull
    storage      mount, refresh and unmount volumes
    ending       the object's deletion, and forgetting the pod

An effect that fails notes why in the job's memory, where the next plan finds it; `Skip` says that later actions of
the same plan on the same container make no sense now.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from wherry.node.effects import containers, ending, images, resizing, sandboxes, stopping, storage
from wherry.node.job import Job
from wherry.node.plan import actions

EFFECTS: dict[type, Callable[[Job, Any], Awaitable[None]]] = {
    actions.MountVolumes: storage.mount,
    actions.CreateSandbox: sandboxes.create,
    actions.PullImage: images.pull,
    actions.CreateContainer: containers.create,
    actions.StartContainer: containers.start,
    actions.ResizeContainer: resizing.resize,
    actions.RunHook: stopping.run_hook,
    actions.StopContainer: stopping.stop,
    actions.RemoveContainer: stopping.remove,
    actions.RemoveSandbox: sandboxes.remove,
    actions.UnmountVolumes: storage.unmount,
    actions.Emit: ending.emit,
    actions.DeletePod: ending.delete,
    actions.Forget: ending.forget,
}


async def perform(job: Job, wanted: tuple[actions.Action, ...]) -> None:
    """All actions in their order."""
    skipped: set[str] = set()
    for action in wanted:
        container = getattr(action, "container", "")
        if container and container in skipped:
            continue
        try:
            await EFFECTS[type(action)](job, action)
        except containers.Skip:
            skipped.add(container)
