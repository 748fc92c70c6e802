"""What a volume type is.

A type makes a volume of a pod at a path on the host (`mount`), again whenever its contents may have changed
(`refresh`), and takes it away (`unmount`). Making is idempotent: a restarted agent calls it again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wherry.api import Obj
from wherry.api.kinds import Kind
from wherry.engine.interface import Image, ImageStore
from wherry.node.config import NodeConfig


class VolumeFailed(Exception):
    """A volume cannot be made now; the message is for the pod's events."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a type may ask. `get`: an object by kind and name, of the pod's namespace where the kind is namespaced,
    None if there is none.
    `token`: a service-account token for an audience ("" the API server's) and seconds of life. `image`: an
    image by reference and pull policy, fetched if need be (EngineError), and `images` where its layers are.
    `addresses`: the pod's, empty while it has none."""

    pod: Obj
    config: NodeConfig
    get: Callable[[Kind, str], Awaitable[Obj | None]]
    token: Callable[[str, int], Awaitable[str]]
    image: Callable[[str, str], Awaitable[Image]]
    images: ImageStore
    addresses: tuple[str, ...] = ()

    @property
    def uid(self) -> str:
        return str(self.pod["metadata"]["uid"])


@dataclass(frozen=True, slots=True)
class Mounted:
    """A volume that is there. `read_only`: containers may not write to it, whatever their mounts say."""

    path: Path
    read_only: bool = False


class VolumeType(Protocol):
    """`key`: its field in `spec.volumes[]`. `refreshed`: its contents follow the API."""

    key: str
    refreshed: bool

    async def mount(self, volume: Obj, context: Context) -> Mounted:
        """Raises VolumeFailed."""

    async def unmount(self, path: Path) -> None:
        """`path`: where `mount` put it; called for what lies under the pod's directory only. The caller deletes the
        files afterwards."""
