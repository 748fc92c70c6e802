"""Content types: what a client accepts and what it sends, as go-restful and apiserver's negotiation decide it."""

from dataclasses import dataclass
from functools import lru_cache

from wherry.api import errors
from wherry.api.errors import StatusError

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
MEDIA_TYPES = (JSON, YAML, PROTOBUF)
STREAMS = (f"{JSON};stream=watch", f"{PROTOBUF};stream=watch")
META_GROUP = "meta.k8s.io"
TRANSFORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")

PATCH_TYPES = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/apply-patch+yaml": "apply",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """How to answer. `transform`: "", Table, PartialObjectMetadata or PartialObjectMetadataList."""

    media_type: str = JSON
    transform: str = ""
    version: str = "v1"

    @property
    def stream_type(self) -> str:
        """The content type of a watch."""
        return f"{PROTOBUF};stream=watch" if self.media_type == PROTOBUF else self.media_type


@dataclass(frozen=True, slots=True)
class _Clause:
    type: str
    parameters: tuple[tuple[str, str], ...]
    quality: float

    def get(self, name: str) -> str:
        return dict(self.parameters).get(name, "")


def _clauses(header: str) -> list[_Clause]:
    """The clauses of an Accept header, the preferred first."""
    found = []
    for text in header.split(","):
        kind, *rest = (part.strip() for part in text.split(";"))
        pairs = [tuple(part.partition("=")[::2]) for part in rest]
        quality = next((value for key, value in pairs if key == "q"), "1")
        try:
            weight = float(quality)
        except ValueError:
            weight = 1.0
        if kind:
            found.append(_Clause(kind, tuple((key, value) for key, value in pairs if key != "q"), weight))
    return sorted(found, key=lambda clause: (-clause.quality, clause.type.count("*")))


def _not_acceptable(offered: tuple[str, ...]) -> StatusError:
    """What the router says when no clause names anything that it can make."""
    listed = ", ".join(offered)
    message = f"406: Not Acceptable\n\nAvailable representations: {listed}"
    return StatusError(406, "NotAcceptable", message, {})


@lru_cache(512)
def accept(header: str, collection: bool = False, watch: bool = False) -> Accepted:
    """The form of the answer to a request. Raises StatusError (406)."""
    clauses = _clauses(header) or [_Clause("*/*", (), 1.0)]
    offered = (*MEDIA_TYPES, *STREAMS) if collection else MEDIA_TYPES
    if not any(clause.type in ("*/*", *MEDIA_TYPES) for clause in clauses):
        raise _not_acceptable(offered)
    for clause in clauses:
        accepted = _accept_clause(clause, watch)
        if accepted:
            return accepted
    types = STREAMS if watch else MEDIA_TYPES
    raise errors.not_acceptable(f"only the following media types are accepted: {', '.join(types)}")


def _accept_clause(clause: _Clause, watch: bool) -> Accepted | None:
    if clause.type in ("*/*", "application/*", JSON):
        media_type = JSON
    elif clause.type == YAML and not watch:
        media_type = YAML
    elif clause.type == PROTOBUF:
        media_type = PROTOBUF
    else:
        return None
    transform = clause.get("as")
    if not transform:
        return Accepted(media_type)
    version, group = clause.get("v"), clause.get("g")
    if transform == "Table" and media_type == PROTOBUF:
        return None
    if transform in TRANSFORMS and group == META_GROUP and version in ("v1", "v1beta1"):
        return Accepted(media_type, transform, version)
    return None


def accept_document(header: str, wanted: tuple[str, str, str]) -> Accepted | None:
    """The form of a document that has a kind of its own, `wanted` as (group, version, kind), if the client prefers
    that to the plain one."""
    for clause in _clauses(header):
        asked = clause.get("g"), clause.get("v"), clause.get("as")
        if asked == wanted and clause.type in MEDIA_TYPES:
            return Accepted(clause.type)
        if not asked[2]:
            return None
    return None


def body_format(content_type: str) -> str:
    """`json`, `yaml` or `protobuf`: how a request's object is written. Raises StatusError (415)."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in ("", JSON):
        return "json"
    if kind == YAML:
        return "yaml"
    if kind == PROTOBUF:
        return "protobuf"
    listed = ", ".join(MEDIA_TYPES)
    raise errors.unsupported_media_type(
        f"the body of the request was in an unknown format - accepted media types include: {listed}"
    )


def patch_type(content_type: str) -> str:
    """`json`, `merge`, `strategic` or `apply`. Raises StatusError (415)."""
    kind = PATCH_TYPES.get(content_type.partition(";")[0].strip())
    if kind is None:
        raise StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    return kind
