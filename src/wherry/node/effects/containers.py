"""Make and start containers."""

import logging
import os
import secrets

from wherry.api import Obj
from wherry.api.kinds import CONFIG_MAP, SECRET
from wherry.engine.interface import EngineError, Image, ImageNotFound
from wherry.node import environment
from wherry.node.effects.sandboxes import shared_files
from wherry.node.environment import EnvironmentFailed, Sources
from wherry.node.job import Job
from wherry.node.plan import podspec, view
from wherry.node.plan.actions import CreateContainer, StartContainer
from wherry.node.records import sandbox_of
from wherry.node.spec import container as container_spec
from wherry.node.spec.security import NotAllowed
from wherry.node.volumes import VolumeFailed, binding

log = logging.getLogger(__name__)

_CONFIG, _CREATE, _RUN = "CreateContainerConfigError", "CreateContainerError", "RunContainerError"


class Skip(Exception):
    """It failed; what the plan wanted to do with this container next makes no sense."""


async def create(job: Job, action: CreateContainer) -> None:
    container = podspec.container(job.pod, action.container)
    box = sandbox_of(job.parts.engine, job.uid)
    if container is None or box is None:
        raise Skip
    attempt = container_spec.Attempt(secrets.token_hex(32), box.id, action.attempt, action.delay)
    job.close_descriptors(action.container)
    try:
        prepared = await _prepare(job, container, action.attempt)
        spec = container_spec.build(job.pod, container, attempt, prepared, job.parts.config)
        os.makedirs(os.path.dirname(spec.log_path), exist_ok=True)
        await job.parts.engine.create(spec)
    except (EnvironmentFailed, NotAllowed, VolumeFailed) as error:
        raise _failed(job, action.container, _CONFIG, str(error)) from error
    except (EngineError, OSError) as error:
        if isinstance(error, ImageNotFound):
            job.memory.images.pop(action.container, None)
        raise _failed(job, action.container, _CREATE, str(error)) from error
    job.memory.created[action.container] = attempt.id
    job.memory.images.pop(action.container, None)
    job.event("Normal", "Created", "Container created", action.container)


def _failed(job: Job, container: str, reason: str, message: str) -> Skip:
    job.close_descriptors(container)
    job.failed(container, reason, message)
    job.event("Warning", "Failed", f"Error: {message}", container)
    return Skip()


async def _prepare(job: Job, container: Obj, attempt: int) -> container_spec.Prepared:
    image = job.parts.engine.images.find(container.get("image", ""))
    if image is None:
        raise ImageNotFound(f"image {container.get('image')} is not here")
    _announce_image(job, container)
    env = environment.build(job.pod, container, await _sources(job, container))
    known = _image_variables(image) | env
    files = shared_files(job, container)
    files[container_spec.termination_path(container)] = _termination_file(job, container, attempt)
    mounts = binding.bind(container, job.memory.mounted, known, job.descriptors(container["name"]))
    return container_spec.Prepared(image, env, mounts, files)


def _image_variables(image: Image) -> dict[str, str]:
    return dict(each.partition("=")[::2] for each in image.env)


def _announce_image(job: Job, container: Obj) -> None:
    known = job.memory.images.get(container["name"], view.Image())
    if not known.pulled:
        message = f'Container image "{container["image"]}" already present on machine and can be accessed by the pod'
        job.event("Normal", "Pulled", message, container["name"])


def _termination_file(job: Job, container: Obj, attempt: int) -> str:
    path = job.parts.config.termination_path(job.uid, container["name"], attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    # The container may run as any user.
    os.chmod(path, 0o666)
    return str(path)


async def _sources(job: Job, container: Obj) -> Sources:
    config_maps, secret_names = environment.references(container)
    get = job.context().get
    try:
        maps = {name: found for name in config_maps if (found := await get(CONFIG_MAP, name)) is not None}
        hidden = {name: found for name in secret_names if (found := await get(SECRET, name)) is not None}
    except TimeoutError as error:
        raise EnvironmentFailed("the API server does not answer") from error
    return Sources(
        host_ip=job.parts.config.address,
        pod_ips=job.addresses(),
        config_maps=maps,
        secrets={name: {"kind": "Secret"} | found for name, found in hidden.items()},
        services=job.parts.services(),
        allocatable=job.parts.config.capacity,
    )


async def start(job: Job, action: StartContainer) -> None:
    id = job.memory.created[action.container]
    try:
        await job.parts.engine.start(id)
    except EngineError as error:
        raise _failed(job, action.container, _RUN, str(error)) from error
    job.close_descriptors(action.container)
    job.memory.failures.pop(action.container, None)
    job.event("Normal", "Started", "Container started", action.container)
