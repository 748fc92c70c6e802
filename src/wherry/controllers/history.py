"""Revisions of a template, kept as ControllerRevisions: for StatefulSets and DaemonSets.

Source: upstream's pkg/controller/history.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from wherry.api import Obj, meta
from wherry.api.kinds import CONTROLLER_REVISION, Kind
from wherry.controllers.actions import Action, Create, Delete, Update
from wherry.controllers.pods import created_at
from wherry.controllers.templates import pruned
from wherry.lib.names import hash_suffix

HASH_LABEL = "controller.kubernetes.io/hash"


@dataclass(frozen=True, slots=True)
class Found:
    """The revision of the current template and what makes it so. `collision`: its name is taken by another content;
    the owner must count that and come again."""

    revision: Obj
    actions: Sequence[Action] = ()
    collision: bool = False


def in_order(revisions: Iterable[Obj]) -> list[Obj]:
    """Oldest first."""
    return sorted(revisions, key=lambda each: (each["revision"], created_at(each), meta.name(each)))


def of_template(kind: Kind, owner: Obj, revisions: Sequence[Obj], label: str = HASH_LABEL) -> Found:
    """Reuses a revision with the same content, numbered anew if it was an older one; makes one if there is none.
    `revisions`: all of the owner's, in order. `label`: where a revision carries its hash."""
    made = new_revision(kind, owner, revisions[-1]["revision"] + 1 if revisions else 1, label)
    equal = [each for each in revisions if same_data(each, made)]
    if equal and same_data(revisions[-1], made):
        return Found(revisions[-1])
    if equal:
        renumbered = {**equal[-1], "revision": made["revision"]}
        return Found(renumbered, [Update(CONTROLLER_REVISION, renumbered)])
    taken = any(meta.name(each) == meta.name(made) for each in revisions)
    return Found(made, [] if taken else [Create(CONTROLLER_REVISION, made)], taken)


def collisions(owner: Obj) -> int:
    """How often the name of a new revision was taken."""
    return int((owner.get("status") or {}).get("collisionCount", 0))


def new_revision(kind: Kind, owner: Obj, number: int, label: str = HASH_LABEL) -> Obj:
    template = owner["spec"]["template"]
    data = {"spec": {"template": {**template, "$patch": "replace"}}}
    content = orjson.dumps(pruned(data), option=orjson.OPT_SORT_KEYS) + str(collisions(owner)).encode()
    ending = hash_suffix(content)
    labels = {**((template.get("metadata") or {}).get("labels") or {}), label: ending}
    metadata: Obj = {
        "name": f"{meta.name(owner)[:223]}-{ending}",
        "namespace": meta.namespace(owner),
        "labels": labels,
        "ownerReferences": [meta.owner_reference(kind, owner)],
    }
    if meta.annotations(owner):
        metadata["annotations"] = dict(meta.annotations(owner))
    return {
        "apiVersion": CONTROLLER_REVISION.api_version,
        "kind": CONTROLLER_REVISION.kind,
        "metadata": metadata,
        "data": data,
        "revision": number,
    }


def same_data(one: Obj, other: Obj) -> bool:
    return bool(pruned(one.get("data")) == pruned(other.get("data")))


def template_of(revision: Obj) -> Obj:
    """The pod template that a revision keeps."""
    template = dict(revision["data"]["spec"]["template"])
    template.pop("$patch", None)
    return template


def to_forget(revisions: Sequence[Obj], live: Iterable[str], limit: int | None) -> list[Action]:
    """Deletions of the oldest revisions beyond the limit; those that are named in `live` neither count nor go."""
    names = set(live)
    rest = [each for each in revisions if meta.name(each) not in names]
    if limit is None or limit < 0:
        return []
    return [Delete(CONTROLLER_REVISION, each) for each in rest[: max(0, len(rest) - limit)]]
