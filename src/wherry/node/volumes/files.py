"""Which files a volume from the API has: keys, paths and modes (pure)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from wherry.api import Obj

DEFAULT_MODE = 0o644


class MissingKey(ValueError):
    """An item names a key that is not there."""


@dataclass(frozen=True, slots=True)
class File:
    """`owner`: a user id, None for root."""

    data: bytes
    mode: int
    owner: int | None = None


Payload = dict[str, File]
"""Files by their path in the volume."""


def data_of(holder: Obj) -> dict[str, bytes]:
    """The bytes behind each key of a ConfigMap or Secret."""
    if holder.get("kind") == "Secret":
        return {key: base64.b64decode(value) for key, value in (holder.get("data") or {}).items()}
    texts = {key: value.encode() for key, value in (holder.get("data") or {}).items()}
    return texts | {key: base64.b64decode(value) for key, value in (holder.get("binaryData") or {}).items()}


def select(data: Mapping[str, bytes], source: Obj, default_mode: int) -> Payload:
    """All keys as files, or those that `source.items` names. Raises MissingKey unless `source.optional`."""
    items = source.get("items")
    if not items:
        return {key: File(value, default_mode) for key, value in data.items()}
    payload: Payload = {}
    for item in items:
        key = item["key"]
        if key in data:
            payload[item["path"].strip("/")] = File(data[key], mode_of(item, default_mode))
        elif not source.get("optional"):
            raise MissingKey(f"references non-existent config key: {key}")
    return payload


def mode_of(item: Obj, default: int) -> int:
    mode = item.get("mode")
    return default if mode is None else int(mode)


def default_mode(source: Obj) -> int:
    mode = source.get("defaultMode")
    return DEFAULT_MODE if mode is None else int(mode)
