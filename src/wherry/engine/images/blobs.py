"""Bytes by digest, verified while they are written."""

import hashlib
import os
import uuid
from pathlib import Path
from typing import BinaryIO, Protocol

from wherry.engine.interface import ImageInvalid

CHUNK = 1 << 20


class Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Tee:
    """A reader that hashes everything read through it and keeps a copy in a file of the store."""

    def __init__(self, source: Readable, copy: BinaryIO | None = None) -> None:
        self._source, self._copy = source, copy
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int = CHUNK, /) -> bytes:
        data = self._source.read(size if size >= 0 else CHUNK)
        if data:
            self._hash.update(data)
            self.size += len(data)
            if self._copy:
                self._copy.write(data)
        return data

    def drain(self) -> None:
        while self.read(CHUNK):
            pass

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


class Blobs:
    """`<images>/blobs`. A blob there is whole; unfinished ones are elsewhere."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self._folder, self._temporary = folder, temporary

    def path(self, digest: str) -> Path:
        algorithm, _, value = digest.partition(":")
        return self._folder / (value if algorithm == "sha256" else f"{algorithm}-{value}")

    def has(self, digest: str) -> bool:
        return self.path(digest).exists()

    def read(self, digest: str) -> bytes:
        return self.path(digest).read_bytes()

    def unfinished(self) -> Path:
        return self._temporary / uuid.uuid4().hex

    def adopt(self, path: Path, digest: str) -> None:
        """A finished file becomes the blob; its digest was checked."""
        os.replace(path, self.path(digest))

    def put(self, data: bytes, expected: str = "") -> str:
        """Raises ImageInvalid if the digest is not the expected one."""
        digest = digest_of(data)
        if expected and expected != digest:
            raise ImageInvalid(f"content of {expected} has the digest {digest}")
        if not self.has(digest):
            path = self.unfinished()
            path.write_bytes(data)
            self.adopt(path, digest)
        return digest
