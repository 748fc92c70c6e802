"""Which images and names there are: one JSON file, replaced whole under a lock, read without one."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from wherry.engine.files import write_atomically
from wherry.engine.specs import Image
from wherry.wire.dockertar import ImageConfig


@dataclass(frozen=True, slots=True)
class Layer:
    """`blob`: digest as it came (compressed or not); `chain`: folder name of the unpacked layer; `size` unpacked."""

    blob: str
    chain: str
    size: int
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One image: `layers` from the bottom up; `manifest`: digest, "" if it came without one; `removed`: it has no
    name any more and goes with its last container."""

    config: ImageConfig
    layers: tuple[Layer, ...]
    manifest: str = ""
    removed: bool = False

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.layers)


@dataclass(slots=True)
class Catalog:
    """`images` by id, `tags` and `digests` (name@sha256:...) to ids. Values are replaced, never changed."""

    images: dict[str, Entry] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def image(self, image_id: str) -> Image:
        entry = self.images[image_id]
        config = entry.config
        return Image(
            id=image_id,
            tags=tuple(sorted(tag for tag, owner in self.tags.items() if owner == image_id)),
            digests=tuple(sorted(digest for digest, owner in self.digests.items() if owner == image_id)),
            size=entry.size,
            entrypoint=config.entrypoint,
            command=config.command,
            env=config.env,
            user=config.user,
            working_dir=config.working_dir,
            stop_signal=config.stop_signal,
            labels=config.labels or {},
        )

    def forget(self, image_id: str) -> None:
        """The image and every name of it."""
        self.images.pop(image_id, None)
        for names in (self.tags, self.digests):
            for name in [name for name, owner in names.items() if owner == image_id]:
                del names[name]


class Index:
    """The catalog on disk. Reading costs one stat while nothing changes."""

    def __init__(self, root: Path) -> None:
        self._path = root / "index.json"
        self._lock = root / "lock"
        self._seen: tuple[int, int, int] | None = None
        self._catalog = Catalog()

    def read(self) -> Catalog:
        """Not to be changed by the caller."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return Catalog()
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        if version != self._seen:
            self._catalog = msgspec.json.decode(self._path.read_bytes(), type=Catalog)
            self._seen = version
        return self._catalog

    @contextmanager
    def change(self) -> Iterator[Catalog]:
        """A catalog to change; written when the block ends well. Blocks while another process changes it."""
        with locked(self._lock, fcntl.LOCK_EX):
            current = self.read()
            catalog = replace(
                current, images=dict(current.images), tags=dict(current.tags), digests=dict(current.digests)
            )
            yield catalog
            write_atomically(self._path, msgspec.json.encode(catalog))


@contextmanager
def locked(path: Path, how: int) -> Iterator[None]:
    """Hold flock `how` on a file. Raises BlockingIOError with LOCK_NB."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, how)
        yield
    finally:
        os.close(fd)


@asynccontextmanager
async def locked_in_turn(path: Path) -> AsyncIterator[None]:
    """Hold an exclusive flock while others may hold it for long (a download). No thread waits for it: a few waiters
    would take all threads, and the holder needs one to get on."""
    pause, stack = 0.01, ExitStack()
    while True:
        try:
            stack.enter_context(locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
            break
        except BlockingIOError:
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.2)
    with stack:
        yield
