"""What a kind does differently when it is written, as data and small pure functions.

`Strategy` has upstream's defaults; a kind's file names only what differs. A hook changes the new object in place;
it gets a `Context` for the time and the user, and never reads a clock or the store.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Literal

import orjson

from wherry.api import Obj, decoding, defaults, schema
from wherry.api.kinds import Kind
from wherry.apiserver.authn.user import User

Policy = Literal["Background", "Orphan", "none"]


@dataclass(frozen=True, slots=True)
class Context:
    """`now`: seconds since the epoch. `random` is for what the server invents (names, not secrets). `warn` tells the
    client something."""

    now: float
    user: User
    random: Random
    warn: Callable[[str], None]


OnCreate = Callable[[Obj, Context], None]
OnUpdate = Callable[[Obj, Obj, Context], None]  # new, old
Grace = Callable[[Obj, int | None], int]
Verdict = Literal["mark", "keep", ""]
Terminate = Callable[[Obj, float], Verdict]

METADATA = ("labels", "annotations", "finalizers", "ownerReferences")  # what a client may say in metadata


@dataclass(frozen=True, slots=True)
class Strategy:
    """How objects of a kind are written and deleted.

    `status`: the kind has a status that only its sub-resource writes
    (and, with `status_at_create` "client", a creation). `generation`: the top-level fields whose
    change makes a new generation; None for kinds without one. `prepare_status`: after the rest was taken from the
    old object. `subresources`: hooks of other sub-resources that update the object itself. `grace`: seconds a
    deletion waits, for kinds that are deleted gracefully. `terminate`: a deletion that is the kind's own: the object
    is to be marked as it now is, kept, or ("") deleted as any other. `orphans`: what happens to dependents if nobody
    says.
    """

    status: bool = False
    status_at_create: Literal["server", "client"] = "server"
    generation: tuple[str, ...] | None = None
    generation_at_create: bool = True
    create: OnCreate | None = None
    update: OnUpdate | None = None
    prepare_status: OnUpdate | None = None
    status_keeps: tuple[str, ...] = ("spec",)  # top-level fields that a status update cannot change
    status_keeps_metadata: tuple[str, ...] = ()  # nor these of metadata
    subresources: Mapping[str, OnUpdate] = field(default_factory=dict)
    create_on_update: bool = False
    unconditional_update: bool = True
    grace: Grace | None = None
    terminate: Terminate | None = None
    orphans: Policy = "Background"
    returns_deleted: bool = False


def prepare_create(strategy: Strategy, new: Obj, context: Context) -> None:
    """What upstream's PrepareForCreate does."""
    if strategy.status and strategy.status_at_create == "server":
        new["status"] = empty_status(new["apiVersion"], new["kind"])
    if strategy.generation is not None and strategy.generation_at_create:
        new["metadata"]["generation"] = 1
    if strategy.create:
        strategy.create(new, context)


def prepare_update(strategy: Strategy, new: Obj, old: Obj, subresource: str, context: Context) -> None:
    """What upstream's PrepareForUpdate does, for the object or one of its sub-resources."""
    keep(new["metadata"], old["metadata"], "generation")
    if subresource == "status":
        _prepare_status(strategy, new, old, context)
        return
    if subresource in strategy.subresources:
        strategy.subresources[subresource](new, old, context)
    else:
        if strategy.status:
            keep(new, old, "status")
        if strategy.update:
            strategy.update(new, old, context)
    bump_generation(strategy, new, old)


def _prepare_status(strategy: Strategy, new: Obj, old: Obj, context: Context) -> None:
    for name in strategy.status_keeps:
        keep(new, old, name)
    for name in strategy.status_keeps_metadata:
        keep(new["metadata"], old["metadata"], name)
    if strategy.prepare_status:
        strategy.prepare_status(new, old, context)


def bump_generation(strategy: Strategy, new: Obj, old: Obj) -> None:
    """A change of what the kind counts makes a new generation."""
    if strategy.generation and any(_part(new, name) != _part(old, name) for name in strategy.generation):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def empty_status(api_version: str, kind: str) -> Obj:
    """The status that a new object has: zero values as its type writes them, and their defaults."""
    found: Obj = orjson.loads(_empty_status(api_version, kind))
    return found


@cache
def _empty_status(api_version: str, kind: str) -> bytes:
    empty = {"apiVersion": api_version, "kind": kind, "metadata": {}, "status": {}}
    obj = decoding.normalize(empty, schema.definition(api_version, kind)).object
    defaults.apply(Kind(*_split(api_version), kind, ""), obj)
    return orjson.dumps(obj.get("status", {}))


def _split(api_version: str) -> tuple[str, str]:
    group, _, version = api_version.rpartition("/")
    return group, version


def _part(obj: Obj, path: str) -> object:
    value: object = obj
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def keep(new: Obj, old: Obj, *names: str) -> None:
    """Take fields from the old object."""
    for name in names:
        if name in old:
            new[name] = old[name]
        else:
            new.pop(name, None)
