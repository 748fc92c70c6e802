"""Keeps the default flow schemas and levels there, and each schema's status true: whether its level exists."""

import asyncio
import logging
from collections.abc import Container
from typing import TYPE_CHECKING

from wherry.api import Obj, kinds, meta, schema
from wherry.api.kinds import Kind
from wherry.api.patch import apply, managed
from wherry.api.patch.managed import Writer
from wherry.apiserver import bootstrap, encoding
from wherry.apiserver.fairness.defaults import DEFAULTS
from wherry.apiserver.registry import storage
from wherry.lib.timestamps import rfc3339
from wherry.store import Mismatch, Put, StoreError

if TYPE_CHECKING:
    from wherry.apiserver.core import Api

log = logging.getLogger(__name__)

PRODUCER = "api-priority-and-fairness-config-producer-v1"
CONSUMER = "api-priority-and-fairness-config-consumer-v1"
DANGLING = "Dangling"
RETRY_SECONDS = 1.0


class Upkeep:
    """`run` it for as long as the server lives."""

    def __init__(self, api: "Api") -> None:
        self._api = api
        self._changed = asyncio.Event()
        for kind in (kinds.FLOW_SCHEMA, kinds.PRIORITY_LEVEL_CONFIGURATION):
            api.mirror.on_change(kind, self._wake)

    def _wake(self, kind: Kind, key: str, obj: Obj | None) -> None:
        self._changed.set()

    async def run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.tidy()
            except StoreError as error:
                log.warning("flow schemas and priority levels: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                self._changed.set()

    async def tidy(self) -> None:
        """Make what is missing, and bring statuses up to date."""
        api = self._api
        levels = {level["metadata"]["name"] for level in api.mirror.list(kinds.PRIORITY_LEVEL_CONFIGURATION)}
        missing = []
        for kind, default in DEFAULTS:
            if api.mirror.get(kind, default["metadata"]["name"]) is None:
                missing.append(self._new(kind, default, levels))
        if missing:
            await self._put(missing)
        for each in api.mirror.list(kinds.FLOW_SCHEMA):
            changed = self._judged(each, levels)
            if changed:
                await self._put([storage.put_of(kinds.FLOW_SCHEMA, changed)])

    def _new(self, kind: Kind, default: Obj, levels: set[str]) -> Put:
        """A default as it is made, complete with its status."""
        metadata = {**default["metadata"], "generation": 1}
        obj = bootstrap.complete(self._api, kind, {**default, "metadata": metadata}, PRODUCER) | {"status": {}}
        if kind is kinds.FLOW_SCHEMA:
            obj = self._judged(obj, levels) or obj
        else:
            levels.add(metadata["name"])
        return Put(storage.key(kind, "", metadata["name"]), encoding.encode(obj), 0)

    async def _put(self, puts: list[Put]) -> None:
        try:
            await storage.put_all(self._api, puts)
        except Mismatch:
            pass  # another was faster; what it did is looked at, too

    def _judged(self, obj: Obj, levels: Container[str]) -> Obj | None:
        """A schema with a true status; None if it has one."""
        kind, now = kinds.FLOW_SCHEMA, self._api.clock.now()
        level = obj["spec"]["priorityLevelConfiguration"]["name"]
        wanted = dangling(level, level in levels)
        before = meta.condition(obj, DANGLING) or {}
        if wanted.items() <= before.items():
            return None
        same = before.get("status") == wanted["status"] and before.get("lastTransitionTime")
        condition = wanted | {"lastTransitionTime": same or rfc3339(now)}
        config = {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": obj["metadata"]["name"]},
            "status": {"conditions": [condition]},
        }
        reset = managed.reset_fields(kind, "status")
        writer = Writer(CONSUMER, kind.api_version, kind.kind, "status", now=now, reset=reset)
        return apply.apply(obj, config, schema.definition(kind.api_version, kind.kind), writer, force=True)


def dangling(level: str, exists: bool) -> Obj:
    """The condition of a schema that names a level."""
    named = f'This FlowSchema references the PriorityLevelConfiguration object named "{level}"'
    if exists:
        return {"type": DANGLING, "status": "False", "reason": "Found", "message": f"{named} and it exists"}
    why = "but there is no such object"
    return {"type": DANGLING, "status": "True", "reason": "NotFound", "message": f"{named} {why}"}
