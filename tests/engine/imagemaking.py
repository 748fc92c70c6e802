"""Layers and images out of nothing, for tests."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def entry(name: str, content: bytes | None = None, **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A file with `content`, a folder without."""
    info = tarfile.TarInfo(name)
    info.mode = 0o644 if content is not None else 0o755
    info.type = tarfile.REGTYPE if content is not None else tarfile.DIRTYPE
    info.size = len(content or b"")
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content or b""


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, b"", type=kind, linkname=target)


def tar(entries: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class MadeImage:
    """An image of the given layers (tar bytes), in every form that images travel in."""

    def __init__(self, *layers: bytes, compress: Any = gzip.compress, **config: Any) -> None:
        self.tars = layers
        self.blobs = [compress(layer) if compress else layer for layer in layers]
        document = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["sh"], **config},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        }
        self.config = json.dumps(document).encode()
        self.id = digest(self.config)
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": self._descriptor(self.config, "application/vnd.oci.image.config.v1+json"),
                "layers": [self._descriptor(b, "application/vnd.oci.image.layer.v1.tar+gzip") for b in self.blobs],
            }
        ).encode()

    @staticmethod
    def _descriptor(data: bytes, media_type: str) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def docker_archive(self, path: Path, *tags: str, damage: bytes = b"") -> Path:
        files = {f"{n}/layer.tar": layer + damage for n, layer in enumerate(self.tars)}
        index = [{"Config": "config.json", "RepoTags": list(tags), "Layers": list(files)}]
        everything = {**files, "config.json": self.config, "manifest.json": json.dumps(index).encode()}
        path.write_bytes(tar(entry(name, data) for name, data in everything.items()))
        return path

    def oci_archive(self, path: Path, name: str = "", index_of: str = "") -> Path:
        """`index_of`: an architecture; the manifest is then in an index inside the index."""
        annotations = {"org.opencontainers.image.ref.name": name} if name else {}
        top, blobs = self.manifest, [self.config, self.manifest, *self.blobs]
        if index_of:
            top = self.index(index_of)
            blobs.append(top)
        described = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest(top), "size": len(top)}
        index = json.dumps({"schemaVersion": 2, "manifests": [described | {"annotations": annotations}]}).encode()
        files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index}
        files |= {f"./blobs/sha256/{digest(blob)[7:]}": blob for blob in blobs}
        path.write_bytes(tar(entry(file, data) for file, data in files.items()))
        return path

    def index(self, architecture: str = "amd64") -> bytes:
        other = {"digest": digest(b"other"), "size": 5, "platform": {"os": "linux", "architecture": "sparc"}}
        mine = self._descriptor(self.manifest, "application/vnd.oci.image.manifest.v1+json")
        mine["platform"] = {"os": "linux", "architecture": architecture}
        return json.dumps({"schemaVersion": 2, "manifests": [other, mine]}).encode()
