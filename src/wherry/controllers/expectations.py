"""What a key's own writes must have become in the caches before the key is reconciled again.

A controller that looked into a cache which does not show its last writes yet would do them again: make pods twice,
delete more than it should. Resource versions are one clock for all kinds, so for what was written it is enough that
the kind's cache has come as far as the answer's version; a deletion is seen when the object is gone or going.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from wherry.api import Obj, meta
from wherry.api.kinds import Kind
from wherry.lib.clock import Clock

# After so many seconds a key is reconciled with what the cache has: better twice than never.
PATIENCE = 300.0


class SeenCache(Protocol):
    """What this module asks of an informer."""

    @property
    def resource_version(self) -> str: ...

    def get(self, key: str) -> Obj | None: ...


@dataclass(slots=True)
class _Written:
    since: float
    versions: dict[Kind, int] = field(default_factory=dict)
    deleted: list[tuple[Kind, str, str]] = field(default_factory=list)


class Expectations:
    """Per key: versions to reach and deletions to see. `cache` gives a kind's informer, None if nobody watches it."""

    def __init__(self, cache: Callable[[Kind], SeenCache | None], clock: Clock) -> None:
        self._cache, self._clock = cache, clock
        self._written: dict[str, _Written] = {}

    def wrote(self, key: str, kind: Kind, answer: Obj) -> None:
        """A create, update or patch for `key` was answered with `answer`."""
        version = answer.get("metadata", {}).get("resourceVersion", "")
        if not version.isdigit() or self._cache(kind) is None:
            return
        versions = self._entry(key).versions
        versions[kind] = max(versions.get(kind, 0), int(version))

    def deleted(self, key: str, kind: Kind, obj: Obj) -> None:
        """A deletion of `obj` was accepted."""
        if self._cache(kind) is not None:
            self._entry(key).deleted.append((kind, meta.key(obj), meta.uid(obj)))

    def fulfilled(self, key: str) -> bool:
        written = self._written.get(key)
        if written is None:
            return True
        if self._seen(written) or self._clock.monotonic() - written.since > PATIENCE:
            del self._written[key]
            return True
        return False

    def _entry(self, key: str) -> _Written:
        return self._written.setdefault(key, _Written(self._clock.monotonic()))

    def _seen(self, written: _Written) -> bool:
        for kind, version in written.versions.items():
            cache = self._cache(kind)
            if cache is not None and int(cache.resource_version or 0) < version:
                return False
        return not any(self._still_there(*each) for each in written.deleted)

    def _still_there(self, kind: Kind, key: str, uid: str) -> bool:
        cache = self._cache(kind)
        current = cache.get(key) if cache else None
        return current is not None and meta.uid(current) == uid and not meta.deleting(current)
