"""One start, on a launcher's thread: root filesystem, mounts, config.json, the runtime's `create` and `start`.

Everything mounted here lies in the sandbox's own mount namespace and is unmounted before the call returns: the
container has its copy by then.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from wherry.engine.interface import ContainerSpec, Image, SandboxSpec, StartFailed
from wherry.engine.runtime import conmon, users
from wherry.engine.runtime.layout import ContainerPaths
from wherry.engine.runtime.plan import Machine, Staged, config
from wherry.engine.runtime.tools import Tools
from wherry.linux import mounts

_USER_FILE_LIMIT = 4 << 20  # bytes of /etc/passwd and /etc/group that are read


@dataclass(frozen=True, slots=True)
class Job:
    """`layers`: folder of the image store and names in it, the top one first. `trees`: for each mount of the
    specification the detached mount of its source (None: it has none). `netns`: a path that the runtime can open, ""
    for the engine's own."""

    spec: ContainerSpec
    image: Image
    sandbox: SandboxSpec
    paths: ContainerPaths
    shm: Path
    holder: int
    netns: str
    layer_folder: Path
    layers: Sequence[str]
    trees: Sequence[int | None]
    seccomp: dict[str, Any] | None
    program: bytes | None


def launch(job: Job, machine: Machine, tools: Tools, runtime_root: Path) -> tuple[int, float]:
    """The pid of the running container's first process and when it was started (seconds since the epoch). Blocks.
    Raises StartFailed."""
    with ExitStack() as cleanup:
        try:
            cleanup.enter_context(_root(job))
            staged = cleanup.enter_context(_stage(job))
            document = _document(job, machine, staged)
        except OSError as error:
            raise StartFailed(f"cannot prepare the root filesystem: {error}") from error
        except users.UnknownUser as error:
            raise StartFailed(str(error)) from error
        job.paths.config.write_bytes(orjson.dumps(document))
        pid = conmon.create(conmon.command(tools, job.spec, job.paths, runtime_root), job.paths)
    started_at = time.time()  # before the fact: a short process may have ended by the time that `start` returns
    _start(tools, runtime_root, job.spec.id)
    return pid, started_at


def _start(tools: Tools, runtime_root: Path, container_id: str) -> None:
    arguments = [tools.runtime, f"--root={runtime_root}", "start", container_id]
    result = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", check=False)
    if result.returncode:
        raise StartFailed(
            conmon.said(result.stderr.decode(errors="replace")) or "the container runtime's start failed"
        )


@contextmanager
def _root(job: Job) -> Iterator[None]:
    """The image's layers below, the container's own above. Layer names are relative to this thread's working
    directory: the kernel takes one page of options, and an image may have a hundred layers."""
    os.chdir(job.layer_folder)
    upper, work = _escape(job.paths.upper), _escape(job.paths.work)
    options = f"lowerdir={':'.join(job.layers)},upperdir={upper},workdir={work}"
    try:
        # Without "volatile" the kernel would sync the whole disk at each unmount, for data that nobody needs again
        # after a crash of the machine.
        shutil.rmtree(job.paths.work / "work" / "incompat", ignore_errors=True)
        mounts.mount("overlay", job.paths.rootfs, "overlay", 0, f"{options},volatile")
    except OSError:
        mounts.mount("overlay", job.paths.rootfs, "overlay", 0, options)
    finally:
        os.chdir("/")
    try:
        yield
    finally:
        mounts.unmount(job.paths.rootfs)


def _escape(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace(",", "\\,").replace(":", "\\:")


@contextmanager
def _stage(job: Job) -> Iterator[dict[int, str]]:
    """Attach the sources of the specification's mounts where the runtime finds them."""
    staged: dict[int, str] = {}
    try:
        for place, tree in enumerate(job.trees):
            if tree is None:
                continue
            target = job.paths.mounts / str(place)
            if os.path.isdir(f"/proc/self/fd/{tree}"):
                target.mkdir(exist_ok=True)
            else:
                target.touch()
            mounts.move_mount(tree, target)
            staged[place] = str(target)
        yield staged
    finally:
        for path in staged.values():
            mounts.unmount(path)


def _document(job: Job, machine: Machine, staged: dict[int, str]) -> dict[str, Any]:
    user_text = job.spec.security.user or job.image.user
    root = os.open(job.paths.rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        passwd, group = _read(root, "etc/passwd"), _read(root, "etc/group")
    finally:
        os.close(root)
    ready = Staged(
        rootfs=str(job.paths.rootfs),
        shm=str(job.shm),
        holder=job.holder,
        netns=job.netns,
        user=users.resolve(user_text, passwd, group),
        mounts=staged,
        seccomp=job.seccomp,
        program=job.program,
    )
    document = config(job.spec, job.image, job.sandbox, machine, ready)
    if not document["process"]["args"]:
        raise StartFailed("no command specified")
    return document


def _read(root: int, path: str) -> str:
    """A file of the image; "" if it has none. No symlink leads out of the root."""
    try:
        fd = mounts.open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(fd, "rb") as file:
        return file.read(_USER_FILE_LIMIT).decode(errors="replace")
