"""What a kind does differently when it is written, as data and small pure functions.

`Strategy` has upstream's defaults; a kind's file names only what differs. A hook changes the new object in place;
it gets a `Context` for the time and the user, and never reads a clock or the store.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from wherry.api import Obj
from wherry.apiserver.authn.user import User

Policy = Literal["Background", "Orphan", "none"]


@dataclass(frozen=True, slots=True)
class Context:
    """`now`: seconds since the epoch. `random` is for what the server invents (names, not secrets)."""

    now: float
    user: User
    random: Random


OnCreate = Callable[[Obj, Context], None]
OnUpdate = Callable[[Obj, Obj, Context], None]  # new, old
Grace = Callable[[Obj, int | None], int]


@dataclass(frozen=True, slots=True)
class Strategy:
    """How objects of a kind are written and deleted.

    `status`: the kind has a status that only its sub-resource writes. `generation`: the top-level fields whose
    change makes a new generation; None for kinds without one. `prepare_status`: after the rest was taken from the
    old object. `subresources`: hooks of other sub-resources that update the object itself. `grace`: seconds a
    deletion waits, for kinds that are deleted gracefully. `orphans`: what happens to dependents if nobody says.
    """

    status: bool = False
    generation: tuple[str, ...] | None = None
    generation_at_create: bool = True
    create: OnCreate | None = None
    update: OnUpdate | None = None
    prepare_status: OnUpdate | None = None
    status_keeps: tuple[str, ...] = ("spec",)  # top-level fields that a status update cannot change
    status_keeps_metadata: bool = False  # a status update cannot change metadata either
    subresources: Mapping[str, OnUpdate] = field(default_factory=dict)
    create_on_update: bool = False
    unconditional_update: bool = True
    grace: Grace | None = None
    orphans: Policy = "Background"
    returns_deleted: bool = False


def prepare_create(strategy: Strategy, new: Obj, context: Context) -> None:
    """What upstream's PrepareForCreate does."""
    metadata = new["metadata"]
    if strategy.status:
        new["status"] = {}
    if strategy.generation is not None and strategy.generation_at_create:
        metadata["generation"] = 1
    else:
        metadata.pop("generation", None)
    if strategy.create:
        strategy.create(new, context)


def prepare_update(strategy: Strategy, new: Obj, old: Obj, subresource: str, context: Context) -> None:
    """What upstream's PrepareForUpdate does, for the object or one of its sub-resources."""
    if subresource == "status":
        _prepare_status(strategy, new, old, context)
    elif subresource in strategy.subresources:
        strategy.subresources[subresource](new, old, context)
    else:
        if strategy.status:
            keep(new, old, "status")
        if strategy.update:
            strategy.update(new, old, context)
    _bump_generation(strategy, new, old)


def _prepare_status(strategy: Strategy, new: Obj, old: Obj, context: Context) -> None:
    for name in strategy.status_keeps:
        keep(new, old, name)
    if strategy.status_keeps_metadata:
        managed = new["metadata"].get("managedFields")
        new["metadata"] = {**old["metadata"], "resourceVersion": new["metadata"].get("resourceVersion")}
        new["metadata"]["managedFields"] = managed
    if strategy.prepare_status:
        strategy.prepare_status(new, old, context)


def _bump_generation(strategy: Strategy, new: Obj, old: Obj) -> None:
    generation = old["metadata"].get("generation", 0)
    if strategy.generation and any(_part(new, name) != _part(old, name) for name in strategy.generation):
        generation += 1
    if generation:
        new["metadata"]["generation"] = generation
    else:
        new["metadata"].pop("generation", None)


def _part(obj: Obj, path: str) -> object:
    value: object = obj
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def keep(new: Obj, old: Obj, *names: str) -> None:
    """Take top-level fields from the old object."""
    for name in names:
        if name in old:
            new[name] = old[name]
        else:
            new.pop(name, None)
