"""Docker archives and OCI layouts, plain or compressed -> the store."""

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from wherry.engine.images.blobs import Blobs, Readable
from wherry.engine.images.index import Entry
from wherry.engine.images.layers import Layers
from wherry.engine.images.streams import MAGIC, plain
from wherry.engine.interface import ImageInvalid
from wherry.wire import dockertar
from wherry.wire.dockertar import ArchivedImage
from wherry.wire.registry import ManifestError

_DOCUMENT_LIMIT = 8 << 20  # bytes of a manifest or a config


class Archive:
    """The files of one archive, by name."""

    def __init__(self, file: tarfile.TarFile) -> None:
        self._file = file
        self._members = {member.name.removeprefix("./"): member for member in file}

    def has(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> Readable:
        """Raises ImageInvalid."""
        member = self._members.get(name)
        for _ in range(8):  # old `docker save` links one layer's file to another's
            if member is None or not member.issym():
                break
            target = Path(member.name).parent / member.linkname
            member = self._members.get(_normal(target))
        content = self._file.extractfile(member) if member is not None and member.isreg() else None
        if content is None:
            raise ImageInvalid(f"the archive has no file {name}")
        return content

    def document(self, name: str) -> tuple[bytes, Any]:
        """A JSON file. Raises ImageInvalid."""
        data = self.open(name).read(_DOCUMENT_LIMIT)
        try:
            return data, orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise ImageInvalid(f"{name} is not JSON: {error}") from error


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


@contextmanager
def opened(path: Path, temporary: Path) -> Iterator[Archive]:
    """A compressed archive is decompressed to `temporary` first: its table of contents may stand at the end.
    Raises ImageInvalid, OSError."""
    with open(path, "rb") as raw:
        compressed = not tarfile.is_tarfile(path) or _is_compressed(path)
        if compressed:
            with plain(raw) as stream, open(temporary, "wb") as file:
                shutil.copyfileobj(stream, file, 1 << 20)
    try:
        with tarfile.open(temporary if compressed else path, mode="r:") as archive:
            yield Archive(archive)
    except tarfile.TarError as error:
        raise ImageInvalid(f"{path} is not an image archive: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_compressed(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(MAGIC)
    return head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd"))


def images(archive: Archive, architecture: str) -> list[ArchivedImage]:
    """What an archive offers. One that is both (as newer Docker writes) is read as a docker archive, which names its
    tags more fully. Raises ImageInvalid."""
    try:
        if archive.has(dockertar.DOCKER_INDEX):
            return dockertar.docker_images(archive.document(dockertar.DOCKER_INDEX)[1])
        if archive.has(dockertar.OCI_INDEX):
            return _oci_images(archive, architecture)
    except ManifestError as error:
        raise ImageInvalid(str(error)) from error
    raise ImageInvalid("the archive is neither a docker archive nor an OCI layout")


def _oci_images(archive: Archive, architecture: str) -> list[ArchivedImage]:
    found = []
    for entry, names in dockertar.oci_entries(archive.document(dockertar.OCI_INDEX)[1]):
        digest = str(entry.get("digest"))
        document = archive.document(dockertar.blob_path(digest))[1]
        chosen = dockertar.nested(document, architecture)
        if chosen:
            digest = chosen.digest
            document = archive.document(dockertar.blob_path(digest))[1]
        found.append(dockertar.oci_image(document, digest, names))
    return found


def bring_in(archive: Archive, image: ArchivedImage, blobs: Blobs, layers: Layers) -> tuple[str, Entry]:
    """One image's blobs and layers into the store: its id and entry. Raises ImageInvalid."""
    config_data, document = archive.document(image.config)
    try:
        config = dockertar.parse_config(document)
    except ManifestError as error:
        raise ImageInvalid(str(error)) from error
    if len(config.diff_ids) != len(image.layers):
        raise ImageInvalid(f"the image has {len(image.layers)} layers, its config {len(config.diff_ids)}")
    names = layers.names(config.diff_ids)
    unpacked = [
        layers.bring(name, diff_id, names[:place], lambda file=file: archive.open(file))  # type: ignore[misc]
        for place, (name, diff_id, file) in enumerate(zip(names, config.diff_ids, image.layers, strict=True))
    ]
    manifest = blobs.put(archive.document(image.manifest)[0]) if image.manifest else ""
    return blobs.put(config_data), Entry(config, tuple(unpacked), manifest)
