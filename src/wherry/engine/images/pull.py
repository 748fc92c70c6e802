"""An image from a registry into the store.

Blobs are downloaded several at a time and go on where they broke off; layers are unpacked from the bottom up as they
arrive. What is there already is not fetched.
"""

import asyncio
import errno
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from wherry.engine.images.blobs import CHUNK, Blobs
from wherry.engine.images.index import Entry, Layer, locked_in_turn
from wherry.engine.images.layers import Layers
from wherry.engine.images.registry import Registry
from wherry.engine.interface import ImageInvalid, ImagePullFailed
from wherry.wire.dockertar import ImageConfig, parse_config
from wherry.wire.registry import Descriptor, ManifestError, Reference, choose, is_index, parse_manifest

_AT_ONCE = 4
_ATTEMPTS = 5
_PAUSE = 0.2  # seconds before the second attempt; twice as many before each further one


class _WrongContent(ImagePullFailed):
    """The registry itself has something else under this digest: asking again is of no use."""


class Pulled:
    """`digest` is what the reference named: an image's manifest, or the index it was chosen from."""

    def __init__(self, image_id: str, entry: Entry, digest: str) -> None:
        self.image_id, self.entry, self.digest = image_id, entry, digest


class Pull:
    """One pull. `partial`: folder of unfinished downloads."""

    def __init__(self, registry: Registry, blobs: Blobs, layers: Layers, partial: Path, architecture: str) -> None:
        self._registry = registry
        self._blobs = blobs
        self._layers = layers
        self._partial = partial
        self._architecture = architecture
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def run(self, reference: Reference) -> Pulled:
        """Raises ImageNotFound, ImagePullFailed, ImageInvalid."""
        try:
            top, document = await self._document(reference.version, reference.digest)
            digest = top
            if is_index(document):
                digest, document = await self._chosen(document)
            manifest = parse_manifest(document)
            await self._blob(manifest.config)
            config = parse_config(orjson.loads(self._blobs.read(manifest.config.digest)))
        except (ManifestError, orjson.JSONDecodeError) as error:
            raise ImageInvalid(f"{reference}: {error}") from error
        if len(config.diff_ids) != len(manifest.layers):
            raise ImageInvalid(
                f"{reference}: {len(manifest.layers)} layers, but {len(config.diff_ids)} in its config"
            )
        layers = await self._all_layers(config, manifest.layers)
        return Pulled(manifest.config.digest, Entry(config, tuple(layers), digest), top)

    async def _document(self, version: str, expected: str) -> tuple[str, Any]:
        """A manifest or an index: its digest and content, kept as a blob."""
        data, said = await self._registry.manifest(version)
        if said and not expected and said.startswith("sha256:"):
            expected = said
        try:
            digest = await asyncio.to_thread(self._blobs.put, data, expected)
        except ImageInvalid as error:
            raise ImagePullFailed(f"a manifest was damaged on the way: {error}") from error
        return digest, orjson.loads(data)

    async def _chosen(self, index: Any) -> tuple[str, Any]:
        chosen = choose(index, self._architecture)
        return await self._document(chosen.digest, chosen.digest)

    async def _all_layers(self, config: ImageConfig, descriptors: Sequence[Descriptor]) -> list[Layer]:
        names = self._layers.names(config.diff_ids)
        found = [self._layers.find(name) for name in names]
        downloads = [
            None if layer else asyncio.ensure_future(self._blob(descriptor))
            for layer, descriptor in zip(found, descriptors, strict=True)
        ]
        try:
            unpacked = []
            for place, layer in enumerate(found):
                download = downloads[place]
                if layer is None and download is not None:
                    await download
                    blob, diff_id = descriptors[place].digest, config.diff_ids[place]
                    layer = await asyncio.to_thread(self._layers.unpack, names[place], diff_id, names[:place], blob)
                assert layer is not None
                unpacked.append(layer)
            return unpacked
        finally:
            running = [download for download in downloads if download is not None]
            for download in running:
                download.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _blob(self, wanted: Descriptor) -> None:
        """Into the store, unless it is there."""
        if self._blobs.has(wanted.digest):
            return
        self._partial.mkdir(exist_ok=True)
        part = self._partial / wanted.digest.replace(":", "-")
        async with self._room, locked_in_turn(part.with_name(f"{part.name}.lock")):
            if not self._blobs.has(wanted.digest):  # another pull may just have brought it
                await self._download(wanted, part)

    async def _download(self, wanted: Descriptor, part: Path) -> None:
        pause = _PAUSE
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._attempt(wanted, part)
                return
            except (ImagePullFailed, OSError) as error:
                hopeless = isinstance(error, _WrongContent) or getattr(error, "errno", 0) == errno.ENOSPC
                if attempt == _ATTEMPTS or hopeless:
                    raise ImagePullFailed(f"{wanted.digest}: {error}") from error
            await asyncio.sleep(pause)
            pause *= 2

    async def _attempt(self, wanted: Descriptor, part: Path) -> None:
        digest = hashlib.new(wanted.digest.partition(":")[0])
        have = await asyncio.to_thread(_hash_file, part, digest) if part.exists() else 0
        stream, begin = await self._registry.blob(wanted.digest, have)
        if begin != have:
            digest = hashlib.new(digest.name)
        try:
            with part.open("r+b" if begin else "wb") as file:
                file.seek(begin)
                async for data in stream:
                    await asyncio.to_thread(_take, data, file, digest)
        finally:
            await stream.aclose()
        if digest.hexdigest() != wanted.digest.partition(":")[2]:
            part.unlink()
            if begin:  # what an earlier attempt left may have been bad
                raise ImagePullFailed("its content has another digest")
            raise _WrongContent("its content has another digest")
        self._blobs.adopt(part, wanted.digest)


def _hash_file(path: Path, digest: Any) -> int:
    with open(path, "rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
        return file.tell()


def _take(data: bytes, file: Any, digest: Any) -> None:
    digest.update(data)
    file.write(data)
