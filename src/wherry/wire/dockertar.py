"""Image archives: what the files of a docker archive (`docker save`) and of an OCI layout mean; an image's config."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wherry.wire.registry import Descriptor, ManifestError, choose, is_index, parse_manifest

DOCKER_INDEX = "manifest.json"
OCI_INDEX = "index.json"
OCI_MARK = "oci-layout"

_REF_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


@dataclass(frozen=True, slots=True)
class ArchivedImage:
    """One image of an archive: names of files in it. `tags` as they stand there, not yet normalised."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...] = ()
    manifest: str = ""  # OCI: the manifest's file
    digests: tuple[str, ...] = ()  # OCI: the layers' digests, to be verified


def docker_images(document: Any) -> list[ArchivedImage]:
    """`manifest.json` of a docker archive. Raises ManifestError."""
    try:
        return [
            ArchivedImage(entry["Config"], tuple(entry["Layers"] or ()), tuple(entry.get("RepoTags") or ()))
            for entry in document
        ]
    except (KeyError, TypeError) as error:
        raise ManifestError(f"{DOCKER_INDEX} is not that of an image archive") from error


def blob_path(digest: str) -> str:
    """Where an OCI layout keeps a blob."""
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def oci_entries(index: Any) -> list[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """The entries of an OCI layout's `index.json`, each with the names it carries. Raises ManifestError."""
    if not isinstance(index, Mapping) or not isinstance(index.get("manifests"), Sequence):
        raise ManifestError(f"{OCI_INDEX} is not that of an OCI layout")
    return [(entry, _names(entry.get("annotations") or {})) for entry in index["manifests"]]


def nested(document: Mapping[str, Any], architecture: str) -> Descriptor | None:
    """If a blob that an index names is an index itself: the manifest in it for `architecture`."""
    return choose(document, architecture) if is_index(document) else None


def oci_image(document: Mapping[str, Any], digest: str, tags: tuple[str, ...]) -> ArchivedImage:
    """An image from its manifest. Raises ManifestError."""
    manifest = parse_manifest(document)
    return ArchivedImage(
        config=blob_path(manifest.config.digest),
        layers=tuple(blob_path(layer.digest) for layer in manifest.layers),
        tags=tags,
        manifest=blob_path(digest),
        digests=tuple(layer.digest for layer in manifest.layers),
    )


def _names(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """containerd writes whole names; a bare reference name ("1.36") has no repository and names nothing."""
    found = [annotations[key] for key in _REF_NAMES if annotations.get(key)]
    return tuple(name for name in found[:1] if ":" in name or "/" in name)


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What matters of an image's config to whoever runs it."""

    diff_ids: tuple[str, ...]
    architecture: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    stop_signal: str = ""
    labels: Mapping[str, str] | None = None


def parse_config(document: Any) -> ImageConfig:
    """Raises ManifestError."""
    try:
        inner = document.get("config") or {}
        return ImageConfig(
            diff_ids=tuple(document["rootfs"].get("diff_ids") or ()),
            architecture=document.get("architecture") or "",
            entrypoint=tuple(inner.get("Entrypoint") or ()),
            command=tuple(inner.get("Cmd") or ()),
            env=tuple(inner.get("Env") or ()),
            user=inner.get("User") or "",
            working_dir=inner.get("WorkingDir") or "",
            stop_signal=inner.get("StopSignal") or "",
            labels=dict(inner.get("Labels") or {}),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ManifestError(f"not an image config: {error}") from error
