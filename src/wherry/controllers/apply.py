"""Carries out a plan: requests to the API server in the plan's order."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from wherry.api import Obj, meta
from wherry.api.kinds import Kind
from wherry.client.events import Recorder
from wherry.client.interface import AlreadyExists, ApiError, Client, Conflict, NotFound
from wherry.controllers.actions import (
    Action,
    Confirm,
    Create,
    Delete,
    DeleteCollection,
    Event,
    Patch,
    Requeue,
    Together,
    Update,
    UpdateStatus,
)
from wherry.controllers.expectations import Expectations

# Requests at once for one key. More only adds connections: the server commits what arrives together in one go.
CONCURRENCY = 32


class ActionFailed(Exception):
    """An action was refused; what stood after it was not done."""

    def __init__(self, action: Action, error: ApiError) -> None:
        super().__init__(str(error))
        self.action, self.error = action, error

    @property
    def namespace_terminating(self) -> bool:
        """The namespace is going away, and everything in it with it: nothing is left to do."""
        causes = (self.error.status.get("details") or {}).get("causes") or ()
        return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


class Applier:
    """Acts for one controller. `expectations` learns of every write."""

    def __init__(self, client: Client, recorder: Recorder, expectations: Expectations) -> None:
        self._client, self._recorder, self._expectations = client, recorder, expectations
        self._do: dict[type, Callable[[str, Any], Awaitable[None]]] = {
            Create: self._create,
            Update: self._update,
            UpdateStatus: self._update_status,
            Patch: self._patch,
            Delete: self._delete,
            DeleteCollection: self._delete_collection,
            Confirm: self._confirm,
            Together: self._together,
            Event: self._event,
        }

    async def apply(self, key: str, actions: Sequence[Action]) -> float | None:
        """Do everything for a key; seconds after which the plan wants to look again. Raises ActionFailed."""
        again: float | None = None
        for action in actions:
            if isinstance(action, Requeue):
                again = action.seconds if again is None else min(again, action.seconds)
            else:
                await self._one(key, action)
        return again

    async def _one(self, key: str, action: Action) -> None:
        try:
            await self._do[type(action)](key, action)
        except ApiError as error:
            failed = ActionFailed(action, error)
            if not failed.namespace_terminating:
                self._report(getattr(action, "failed", None), error=str(error))
            raise failed from error

    async def _create(self, key: str, action: Create) -> None:
        try:
            made = await self._client.create(action.kind, _typed(action.kind, action.obj))
        except AlreadyExists:
            if action.exists_ok:
                return
            raise
        self._expectations.wrote(key, action.kind, made)
        self._report(action.done, name=meta.name(made))

    async def _update(self, key: str, action: Update) -> None:
        obj = _typed(action.kind, action.obj)
        changed = await self._client.update(action.kind, obj, subresource=action.subresource)
        self._expectations.wrote(key, action.kind, changed)
        self._report(action.done, name=meta.name(changed))

    async def _update_status(self, key: str, action: UpdateStatus) -> None:
        changed = await self._client.update(action.kind, _typed(action.kind, action.obj), subresource="status")
        self._expectations.wrote(key, action.kind, changed)

    async def _patch(self, key: str, action: Patch) -> None:
        try:
            changed = await self._client.patch(
                action.kind,
                action.name,
                action.namespace or None,
                action.patch,
                type=action.type,
                subresource=action.subresource,
            )
        except NotFound:
            if action.missing_ok:
                return
            raise
        self._expectations.wrote(key, action.kind, changed)

    async def _delete(self, key: str, action: Delete) -> None:
        obj = action.obj
        try:
            await self._client.delete(
                action.kind,
                meta.name(obj),
                meta.namespace(obj) or None,
                grace_period=action.grace,
                propagation=action.propagation,
                uid=meta.uid(obj) or None,
                resource_version=obj["metadata"].get("resourceVersion") if action.unchanged else None,
            )
        except NotFound:
            return
        self._expectations.deleted(key, action.kind, obj)
        self._report(action.done, name=meta.name(obj))

    async def _delete_collection(self, key: str, action: DeleteCollection) -> None:
        await self._client.delete_collection(action.kind, action.namespace)

    async def _confirm(self, key: str, action: Confirm) -> None:
        live = await self._client.get(action.kind, meta.name(action.obj), meta.namespace(action.obj) or None)
        if meta.uid(live) != meta.uid(action.obj) or meta.deleting(live):
            raise Conflict(f"{action.kind.kind} {meta.key(live)} is another one or is being deleted", 409, "Conflict")

    async def _together(self, key: str, action: Together) -> None:
        for batch in _batches(action.actions, action.slow_start):
            failures: list[ActionFailed] = []
            left = iter(batch)
            lanes = min(len(batch), CONCURRENCY)
            await asyncio.gather(*(self._lane(key, left, failures) for _ in range(lanes)))
            if failures:
                raise failures[0]

    async def _lane(self, key: str, left: Iterator[Action], failures: list[ActionFailed]) -> None:
        for action in left:
            try:
                await self._one(key, action)
            except ActionFailed as failed:
                failures.append(failed)

    async def _event(self, key: str, action: Event) -> None:
        self._report(action)

    def _report(self, event: Event | None, name: str = "", error: str = "") -> None:
        if event is not None:
            message = event.message.replace("{name}", name).replace("{error}", error)
            self._recorder.record(event.kind, event.regarding, event.type, event.reason, message)


def _batches(actions: Sequence[Action], slow_start: bool) -> Iterator[Sequence[Action]]:
    size = 1 if slow_start else len(actions)
    start = 0
    while start < len(actions):
        yield actions[start : start + size]
        start, size = start + size, size * 2


def _typed(kind: Kind, obj: Obj) -> Obj:
    """Objects out of a list may lack what the collection already said."""
    return obj if "kind" in obj else {"apiVersion": kind.api_version, "kind": kind.kind, **obj}
