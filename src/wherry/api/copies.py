"""Pods come in copies: what was found out about one holds for the next one of the same template.

found = fingerprint(pod)
if found not in correct: ...look...; correct.add(found)
"""

import re

import orjson

from wherry.api import Obj

LARGEST = 8192  # bytes of a fingerprint that is worth keeping
REMEMBERED = 512

_TOKEN_VOLUME = re.compile(rb'"kube-api-access-[a-z0-9]{5}"')


def fingerprint(pod: Obj) -> bytes | None:
    """Equal for pods whose specs and annotations are the same but for the name that admission invents for the volume
    of their token. None for a pod that is better looked at itself: it is large, has several such names, or has
    volumes that are named after it."""
    spec, annotations = pod["spec"], pod["metadata"].get("annotations")
    if any("ephemeral" in volume for volume in spec.get("volumes") or ()):
        return None
    try:
        text = orjson.dumps([spec, annotations] if annotations else spec)
    except TypeError:  # a number that keeps its text
        return None
    if len(text) > LARGEST:
        return None
    names = set(_TOKEN_VOLUME.findall(text))
    if not names:
        return text
    return text.replace(names.pop(), b"\0") if len(names) == 1 else None


class Known:
    """Fingerprints, the newest few; None is never among them."""

    def __init__(self) -> None:
        self._found: dict[bytes | None, None] = {}

    def __contains__(self, found: bytes | None) -> bool:
        return found in self._found

    def add(self, found: bytes | None) -> None:
        if found is None:
            return
        if len(self._found) >= REMEMBERED:
            del self._found[next(iter(self._found))]
        self._found[found] = None
