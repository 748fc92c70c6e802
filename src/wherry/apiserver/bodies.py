"""Request bodies: bytes in one of the accepted formats -> the object with its defaults.

JSON goes straight through `api.decoding`; YAML and protobuf become JSON values first. Errors are those of
apiserver's transformDecodeError.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

from wherry.api import Obj, decoding, defaults, errors, schema
from wherry.api.decoding import DecodeError
from wherry.api.errors import StatusError
from wherry.api.kinds import BUILTIN, Kind
from wherry.api.patch.values import json_type
from wherry.apiserver import canonical

SUMMARY = 30  # bytes of a body that an error shows
_GROUP_VERSION = re.compile(r"[^/]*(/[^/]*)?")


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object from a body, and what the client is warned of."""

    obj: Obj
    warnings: tuple[str, ...] = ()


def decode(kind: Kind, body: bytes, form: str, validation: str, now: float) -> Decoded:
    """A request's object with its defaults. `validation`: Ignore, Warn or Strict. Raises StatusError."""
    text = as_json(kind, body, form)
    if text.strip() == b"null":
        text = b"{}"
    try:
        decoded = decoding.decode(text, schema.definition(kind.api_version, kind.kind))
    except DecodeError as error:
        raise _failed(kind, body, text, error) from None
    obj = decoded.object
    _complete_type(kind, obj, body)
    if decoded.strict and validation == "Strict":
        raise errors.undecodable(kind, decoded.strict_error)
    obj.setdefault("metadata", {})
    defaults.apply(kind, obj, now)
    canonical.apply(kind, obj)
    return Decoded(obj, tuple(decoded.strict) if validation == "Warn" else ())


def as_json(kind: Kind, body: bytes, form: str) -> bytes:
    """The body as JSON text. Raises StatusError."""
    if form == "json":
        return body
    if form == "yaml":
        return _from_yaml(kind, body)
    from wherry.wire.protobuf import Malformed, envelope

    try:
        return orjson.dumps(envelope.decode(body))
    except (Malformed, KeyError) as error:
        raise unrecognized(kind, body, str(error)) from None


def _from_yaml(kind: Kind, body: bytes) -> bytes:
    from wherry.apiserver import yamltext

    try:
        value = yamltext.load(body)
    except yamltext.YamlError as error:
        raise unrecognized(kind, body, str(error)) from None
    try:
        return orjson.dumps(value)
    except TypeError:  # numbers of more than 64 bits, which the decoder has words for
        return json.dumps(value).encode()


def unrecognized(kind: Kind, body: bytes, why: str) -> StatusError:
    """A body that does not even say what it is."""
    return errors.bad_request(
        f"the object provided is unrecognized (must be of type {kind.kind}): {why} ({_summary(body)})"
    )


def _summary(body: bytes) -> str:
    if not body:
        return "<empty>"
    more = " ..." if len(body) > SUMMARY else ""
    if body[:1] == b"{":
        return body[:SUMMARY].decode(errors="replace") + more
    return body[:SUMMARY].hex() + more


def _complete_type(kind: Kind, obj: Obj, body: bytes) -> None:
    """Fill in apiVersion and kind, or refuse others than the path's."""
    api_version = obj.get("apiVersion") or kind.api_version
    name = obj.get("kind") or kind.kind
    if api_version != kind.api_version or name != kind.kind:
        raise _wrong_type(kind, api_version, name, body)
    obj["apiVersion"], obj["kind"] = api_version, name


def _wrong_type(kind: Kind, api_version: str, name: str, body: bytes) -> StatusError:
    if not _GROUP_VERSION.fullmatch(api_version):
        return unrecognized(kind, body, f"unexpected GroupVersion string: {api_version}")
    version = api_version.rpartition("/")[2]
    other = BUILTIN.by_kind(api_version, name) or BUILTIN.by_kind(api_version, name.removesuffix("List"))
    if other is None:
        scheme = "pkg/api/legacyscheme/scheme.go:30"
        why = f'no kind "{name}" is registered for version "{api_version}" in scheme "{scheme}"'
    elif name == kind.kind and other.group == kind.group:
        group_version = f"{kind.group}/{kind.version}" if kind.group else kind.version
        return errors.bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version ({group_version})"
        )
    else:
        why = f"converting ({other.version}.{name}) to ({_go_package(kind)}.{kind.kind}): unknown conversion"
    return errors.bad_request(f'{name} in version "{version}" cannot be handled as a {kind.kind}: {why}')


def _go_package(kind: Kind) -> str:
    """The package of Go's internal type."""
    return kind.group.partition(".")[0] if kind.group else "core"


def _failed(kind: Kind, body: bytes, text: bytes, error: DecodeError) -> StatusError:
    """Why a body could not be decoded: what it is must be readable before what is wrong inside counts."""
    try:
        value = decoding.parse(text)
        type_meta = _type_meta(value)
    except DecodeError as unreadable:
        return unrecognized(kind, body, f"couldn't get version/kind; json parse error: {unreadable}")
    api_version, name = type_meta[0] or kind.api_version, type_meta[1] or kind.kind
    if (api_version, name) != (kind.api_version, kind.kind):
        return _wrong_type(kind, api_version, name, body)
    return errors.undecodable(kind, str(error))


_TYPE_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'


def _type_meta(value: Any) -> tuple[str, str]:
    """apiVersion and kind of a JSON value. Raises DecodeError as Go does for this little struct."""
    if value is None:
        return "", ""
    if not isinstance(value, dict):
        raise DecodeError(f"json: cannot unmarshal {json_type(value)} into Go value of type {_TYPE_META}")
    for name in ("apiVersion", "kind"):
        if not isinstance(value.get(name) or "", str):
            raise DecodeError(
                f"json: cannot unmarshal {json_type(value[name])} into Go struct field .{name} of type string"
            )
    return value.get("apiVersion") or "", value.get("kind") or ""


def options_body(body: bytes, form: str) -> Obj:
    """DeleteOptions from a body. Raises StatusError."""
    kind = Kind("", "v1", "DeleteOptions", "")
    text = as_json(kind, body, form)
    try:
        return decoding.decode(text, schema.shared("DeleteOptions")).object
    except DecodeError as error:
        raise errors.bad_request(str(error)) from None
