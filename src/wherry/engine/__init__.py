"""The container engine: images and containers, for pods and (later) for Docker's API.

It knows OCI images, bundles, the OCI runtime, cgroups and files; it knows nothing of pods' meaning, of Kubernetes or
of addresses (whoever makes a network namespace hands its path in).

    interface    the vocabulary: Sandbox, ContainerSpec, ContainerStatus, ImageStore, Engine and the errors
    specs        the part of it that rules use
    images/      content-addressed store, import and export of archives, pull from registries, unpacked layers
    runtime/     bundles (`plan`: a spec -> config.json), crun or runc through conmon, exits, exec, attach
    cgroups/     names and limits on v1 and v2 (`plan`), statistics, OOM kills
    seccomp/     profiles, and their compilation
    logs/        container logs in the CRI format: read, follow, rotate
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.engine.runtime.engine import LocalEngine


async def open(root: Path, images: Path, *, runtime: str | None = None, subreaper: bool = True) -> "LocalEngine":
    """An engine over the state directory `root` and the image store `images`, with everything found again that an
    earlier engine left there, running or ended.

    `runtime`: a name or path instead of crun, else runc. `subreaper`: make this process the parent of orphaned
    monitors, so that none stays a zombie where init does not care. Raises RuntimeMissing; EngineError if another
    engine uses `root`. Needs a running event loop, which the engine belongs to from then on.
    """
    from wherry.engine.runtime import engine  # the vocabulary alone is light

    return await engine.open(root, images, runtime, subreaper)
