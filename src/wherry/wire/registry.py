"""The registry protocol (OCI distribution, Docker registry v2): references, challenges, manifests."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DOCKER_HUB = "docker.io"
DOCKER_HUB_HOST = "registry-1.docker.io"  # where docker.io's registry really answers

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
ACCEPTED = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)

_DOMAIN = re.compile(
    r"(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9-]+)*)(?::[0-9]+)?"
)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_CHALLENGE_FIELD = re.compile(r'([a-zA-Z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')


class ReferenceError(ValueError):
    """An image name that cannot be understood."""


class ManifestError(ValueError):
    """A manifest or an index that cannot be understood, or offers nothing for a platform."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`docker.io/library/busybox:1.36@sha256:...`, every part explicit; `tag` or `digest` may be empty, not both."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        return f"{self.domain}/{self.path}"

    @property
    def tagged(self) -> str:
        return f"{self.name}:{self.tag}" if self.tag else ""

    @property
    def pinned(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else ""

    @property
    def version(self) -> str:
        """What a registry is asked for."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse_reference(text: str) -> Reference:
    """As Docker reads names: no domain is Docker Hub, one component there is an official image, no tag is `latest`.
    Raises ReferenceError in upstream's words."""
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ReferenceError("invalid reference format")
    domain, path = _split_domain(rest)
    path, colon, tag = path.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ReferenceError("invalid reference format")
    if not path or path != path.lower():
        raise ReferenceError(
            "invalid reference format: repository name must be lowercase" if path else "invalid reference format"
        )
    if not _PATH.fullmatch(path) or not _DOMAIN.fullmatch(domain) or len(path) > 255:
        raise ReferenceError("invalid reference format")
    return Reference(domain, path, tag or ("" if digest else "latest"), digest)


def _split_domain(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        domain, path = DOCKER_HUB, text
    else:
        domain, path = first, rest
    if domain == "index.docker.io":
        domain = DOCKER_HUB
    if domain == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return domain, path


@dataclass(frozen=True, slots=True)
class Challenge:
    """One `WWW-Authenticate`: `scheme` in lower case ("basic", "bearer"), its parameters by name."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenge(header: str) -> Challenge:
    scheme, _, rest = header.strip().partition(" ")
    fields = {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted or not plain else plain
        for name, quoted, plain in _CHALLENGE_FIELD.findall(rest)
    }
    return Challenge(scheme.lower(), fields)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob that a manifest names. `size` in bytes."""

    digest: str
    size: int
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    config: Descriptor
    layers: tuple[Descriptor, ...]


def is_index(document: Mapping[str, Any]) -> bool:
    return document.get("mediaType") in (DOCKER_LIST, OCI_INDEX) or "manifests" in document


def parse_manifest(document: Mapping[str, Any]) -> Manifest:
    """Raises ManifestError."""
    if document.get("schemaVersion") == 1:
        raise ManifestError("manifests of schema 1 are not supported any more")
    try:
        return Manifest(_descriptor(document["config"]), tuple(_descriptor(layer) for layer in document["layers"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"not an image manifest: {error}") from error


def choose(index: Mapping[str, Any], architecture: str, variant: str = "") -> Descriptor:
    """The image for linux on `architecture` (as Go names it) out of an index. Raises ManifestError: there is none."""
    entries = [entry for entry in index.get("manifests") or () if isinstance(entry, Mapping)]
    matching = [entry for entry in entries if _fits(entry.get("platform"), architecture)]
    if variant:
        matching.sort(key=lambda entry: entry["platform"].get("variant", "") != variant)
    if not matching:
        without = [entry for entry in entries if not entry.get("platform")]
        if len(without) != 1 or len(entries) != 1:
            raise ManifestError(f"no matching manifest for linux/{architecture} in the manifest list entries")
        matching = without
    return _descriptor(matching[0])


def _fits(platform: Any, architecture: str) -> bool:
    return (
        isinstance(platform, Mapping)
        and platform.get("os", "linux") == "linux"
        and platform.get("architecture") == architecture
    )


def _descriptor(entry: Mapping[str, Any]) -> Descriptor:
    digest, size = entry["digest"], int(entry.get("size", 0))
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ManifestError(f"not a digest: {digest!r}")
    return Descriptor(digest, size, str(entry.get("mediaType", "")))


def chain_ids(diff_ids: Sequence[str], digest_of: Any) -> list[str]:
    """The identity of each layer together with everything below it (OCI image specification, "ChainID").
    `digest_of`: bytes -> "sha256:..."."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(digest_of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return chain
