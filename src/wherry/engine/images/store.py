"""The image store."""

import asyncio
import fcntl
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from wherry.engine.files import sync_filesystem
from wherry.engine.images import archive, garbage
from wherry.engine.images.blobs import Blobs
from wherry.engine.images.index import Catalog, Entry, Index, locked
from wherry.engine.images.layers import Layers
from wherry.engine.interface import Credentials, EngineError, Image, ImageInvalid, ImageNotFound, ImagePullFailed
from wherry.wire.dockertar import ArchivedImage
from wherry.wire.registry import Reference, ReferenceError, parse_reference

Named = tuple[str, Entry, list[str], list[str]]  # an image, its tags and its digests


class Store:
    """Content-addressed images under one directory, shared by every engine on the machine."""

    def __init__(self, root: Path, architecture: str, insecure: Sequence[str] = ()) -> None:
        """`architecture`: as images name it (amd64). `insecure`: registries (hosts or networks) without TLS, beside
        those on this machine."""
        self._root = root
        self._insecure = insecure
        self._architecture = architecture
        for name in ("blobs", "layers", "uses", "tmp"):
            (root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)  # set-user-id files of images must serve nobody on the host
        self._index = Index(root)
        self._blobs = Blobs(root / "blobs", root / "tmp")
        self._layers = Layers(root / "layers", root / "tmp", self._blobs)

    # ---- reading

    def all(self) -> list[Image]:
        catalog = self._index.read()
        return [catalog.image(image_id) for image_id, entry in sorted(catalog.images.items()) if not entry.removed]

    def find(self, reference: str) -> Image | None:
        """By name as users write it, by `name@digest`, by id (`sha256:...`) or the first digits of one."""
        catalog = self._index.read()
        image_id = _resolve(catalog, reference)
        return catalog.image(image_id) if image_id else None

    @property
    def layer_folder(self) -> Path:
        return self._layers.folder

    def layers(self, image_id: str) -> list[str]:
        """An image's unpacked layers as paths in `layer_folder`, the top one first. Raises ImageNotFound."""
        entry = self._index.read().images.get(image_id)
        if entry is None:
            raise ImageNotFound(f"no image {image_id}")
        names = [f"{layer.chain}/root" for layer in reversed(entry.layers)]
        return names or [self._empty()]

    def _empty(self) -> str:
        """overlayfs wants at least one lower layer, an image may have none."""
        (self._layers.folder / garbage.EMPTY_LAYER / "root").mkdir(parents=True, exist_ok=True)
        return f"{garbage.EMPTY_LAYER}/root"

    # ---- use by containers

    def hold(self, image_id: str, user: Path) -> None:
        """Keep an image's layers as long as the folder `user` is there."""
        folder = self._root / "uses" / image_id.partition(":")[2]
        folder.mkdir(exist_ok=True)
        self.release(image_id, user)  # of a user that a crash cut off
        (folder / user.name).symlink_to(user)

    def release(self, image_id: str, container: Path) -> None:
        (self._root / "uses" / image_id.partition(":")[2] / container.name).unlink(missing_ok=True)

    # ---- changing

    async def load(self, path: Path) -> list[Image]:
        try:
            return await asyncio.to_thread(self._load, path)
        except FileNotFoundError as error:
            raise ImageInvalid(f"no such file: {error.filename}") from error
        except OSError as error:
            raise EngineError(f"cannot load {path}: {error.strerror}") from error

    async def pull(self, reference: str, credentials: Credentials | None = None) -> Image:
        try:
            wanted = parse_reference(reference)
        except ReferenceError as error:
            raise ImageInvalid(f'failed to parse image name "{reference}": {error}') from error
        from wherry.engine.images.pull import Pull  # most users of a store never pull
        from wherry.engine.images.registry import Registry

        partial = self._root / "tmp" / garbage.PARTIAL
        try:
            with ExitStack() as stack:
                await asyncio.to_thread(stack.enter_context, self._importing())
                async with Registry(wanted, credentials, self._insecure) as registry:
                    pull = Pull(registry, self._blobs, self._layers, partial, self._architecture)
                    pulled = await pull.run(wanted)
                digest = f"{wanted.name}@{pulled.digest}"
                tags = [wanted.tagged] if wanted.tagged else []
                await asyncio.to_thread(self._name, [(pulled.image_id, pulled.entry, tags, [digest])])
        except OSError as error:
            raise ImagePullFailed(f"{wanted}: {error.strerror or error}") from error
        return self._index.read().image(pulled.image_id)

    def remove(self, reference: str) -> bool:
        """A name is taken away; an id, every name. Layers that no image and no container needs any more go."""
        with self._index.change() as catalog:
            image_id = _resolve(catalog, reference)
            if image_id is None:
                return False
            self._unname(catalog, reference, image_id)
        trash = garbage.collect(self._root, self._index)
        if trash:  # a large image has many files; the process waits for this thread before it ends
            threading.Thread(target=shutil.rmtree, args=(trash, True)).start()
        return True

    def _unname(self, catalog: Catalog, reference: str, image_id: str) -> None:
        name = _parse_or_none(reference)
        if name and name.tagged in catalog.tags and not name.digest:
            del catalog.tags[name.tagged]
        elif name and name.pinned in catalog.digests:
            del catalog.digests[name.pinned]
        else:
            for names in (catalog.tags, catalog.digests):
                for other in [other for other, owner in names.items() if owner == image_id]:
                    del names[other]
        if image_id in catalog.tags.values() or image_id in catalog.digests.values():
            return
        catalog.images[image_id] = replace(catalog.images[image_id], removed=True)  # forgotten once nobody uses it

    def collect(self) -> None:
        """Reclaim what no image, no container and no import needs. Blocks while it is deleted."""
        trash = garbage.collect(self._root, self._index)
        if trash:
            shutil.rmtree(trash, ignore_errors=True)

    # ---- importing

    def _load(self, path: Path) -> list[Image]:
        with self._importing():
            with archive.opened(path, self._blobs.unfinished()) as opened:
                offered = archive.images(opened, self._architecture)
                brought = [(image, *archive.bring_in(opened, image, self._blobs, self._layers)) for image in offered]
            self._name([(image_id, entry, *_names(image, entry)) for image, image_id, entry in brought])
            catalog = self._index.read()
            return [catalog.image(image_id) for _, image_id, _ in brought]

    @contextmanager
    def _importing(self) -> Iterator[None]:
        with locked(self._root / "work", fcntl.LOCK_SH):
            yield

    def _name(self, brought: list[Named]) -> None:
        """Bytes before names, or a crash of the machine leaves names of empty files."""
        sync_filesystem(self._root)
        with self._index.change() as catalog:
            for image_id, entry, tags, digests in brought:
                catalog.images[image_id] = entry
                catalog.tags.update(dict.fromkeys(tags, image_id))
                catalog.digests.update(dict.fromkeys(digests, image_id))


def _names(image: ArchivedImage, entry: Entry) -> tuple[list[str], list[str]]:
    """Tags and digests that an archive gives an image. Raises ImageInvalid."""
    try:
        names = [parse_reference(tag) for tag in image.tags]
    except ReferenceError as error:
        raise ImageInvalid(f"the archive names an image {image.tags}: {error}") from error
    digests = [f"{name.name}@{entry.manifest}" for name in names if entry.manifest]
    return [name.tagged for name in names if name.tagged], digests


def _parse_or_none(reference: str) -> Reference | None:
    try:
        return parse_reference(reference)
    except ReferenceError:
        return None


def _resolve(catalog: Catalog, reference: str) -> str | None:
    present = [image_id for image_id, entry in catalog.images.items() if not entry.removed]
    if reference in present:
        return reference
    name = _parse_or_none(reference)
    if name is not None:
        found = catalog.digests.get(name.pinned) if name.digest else catalog.tags.get(name.tagged)
        if found:
            return found
    digits = reference.removeprefix("sha256:")
    matching = [image_id for image_id in present if len(digits) >= 4 and image_id[7:].startswith(digits)]
    return matching[0] if len(matching) == 1 else None
