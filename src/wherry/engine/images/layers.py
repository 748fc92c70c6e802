"""Layers on disk: unpacked once for everything below them, whoever asks first."""

import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from wherry.engine.images.blobs import CHUNK, Blobs, Readable, Tee, digest_of
from wherry.engine.images.index import Layer, locked
from wherry.engine.images.streams import plain
from wherry.engine.images.unpack import unpack
from wherry.engine.interface import ImageInvalid
from wherry.wire.registry import chain_ids

_NAME_LENGTH = 24  # hex digits: overlayfs takes one page of names, and 96 bits do not collide


class Layers:
    """`<images>/layers/<name>/root` is whole when it is there; `size` beside it holds its bytes."""

    def __init__(self, folder: Path, temporary: Path, blobs: Blobs) -> None:
        self.folder = folder
        self._temporary = temporary
        self._blobs = blobs

    def names(self, diff_ids: Sequence[str]) -> list[str]:
        """Folder names for a stack of layers from the bottom up."""
        return [chain.partition(":")[2][:_NAME_LENGTH] for chain in chain_ids(diff_ids, digest_of)]

    def root(self, name: str) -> Path:
        return self.folder / name / "root"

    def find(self, name: str) -> Layer | None:
        """The record that lies beside an unpacked layer."""
        try:
            blob, size = (self.folder / name / "layer").read_text().split()
        except (OSError, ValueError):
            return None
        return Layer(blob, name, int(size)) if self._blobs.has(blob) else None

    def bring(self, name: str, diff_id: str, below: Sequence[str], open_blob: Callable[[], Readable]) -> Layer:
        """The layer `name`, unpacked from `open_blob()` unless it is there; its bytes are kept as a blob. `below`:
        names from the bottom up. Blocks while another process unpacks the same. Raises ImageInvalid."""
        with self._alone(name):
            if found := self.find(name):
                return found
            copy = self._blobs.unfinished()
            try:
                with open(copy, "wb") as file:
                    raw = Tee(open_blob(), file)
                    making, size = self._unpack(raw, diff_id, below)
                self._blobs.adopt(copy, raw.digest)
            finally:
                copy.unlink(missing_ok=True)
            return self._publish(making, Layer(raw.digest, name, size))

    def unpack(self, name: str, diff_id: str, below: Sequence[str], blob: str) -> Layer:
        """The same from a blob that the store has."""
        with self._alone(name):
            if found := self.find(name):
                return found
            with open(self._blobs.path(blob), "rb") as file:
                making, size = self._unpack(file, diff_id, below)
            return self._publish(making, Layer(blob, name, size))

    def _alone(self, name: str) -> AbstractContextManager[None]:
        return locked(self._temporary / f"{name}.lock", fcntl.LOCK_EX)

    def _unpack(self, raw: Readable, diff_id: str, below: Sequence[str]) -> tuple[Path, int]:
        """Into a folder that nobody sees yet; the folder and the bytes of its files."""
        making = self._temporary / uuid.uuid4().hex
        root = making / "root"
        root.mkdir(parents=True)
        root.chmod(0o755)
        try:
            with plain(raw) as decompressed:
                tar = Tee(decompressed)
                size = unpack(tar, root, [self.root(lower) for lower in reversed(below)])
                tar.drain()
            while raw.read(CHUNK):
                pass
            if tar.digest != diff_id:
                raise ImageInvalid(f"a layer's content has the digest {tar.digest}, its image says {diff_id}")
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        return making, size

    def _publish(self, making: Path, layer: Layer) -> Layer:
        (making / "layer").write_text(f"{layer.blob} {layer.size}")
        shutil.rmtree(self.folder / layer.chain, ignore_errors=True)  # one whose blob was lost
        os.rename(making, self.folder / layer.chain)
        return layer
