"""A question's bytes to an answer's bytes: from what is kept, from the zone, or from upstream."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from wherry.dns import message
from wherry.dns.cache import UpstreamCache, ZoneAnswer, ZoneCache
from wherry.dns.message import MAX_ROTATIONS, MalformedQuery, Query
from wherry.dns.plan import Answer, Code, Zone
from wherry.dns.upstream import Upstream, UpstreamFailed
from wherry.lib.clock import Clock

log = logging.getLogger(__name__)

MOST_WAITING = 2000  # questions that wait for upstream at a time; more fail at once


class Responder:
    """`synced` tells whether the zone knows the cluster yet."""

    def __init__(self, zone: Zone, upstream: Upstream, clock: Clock, synced: Callable[[], bool]) -> None:
        self._zone, self._upstream, self._clock, self._synced = zone, upstream, clock, synced
        self._own, self._foreign = ZoneCache(), UpstreamCache()
        self._waiting: dict[tuple[bytes, bool], asyncio.Task[bytes]] = {}

    def respond(self, data: bytes, stream: bool) -> bytes | Coroutine[Any, Any, bytes]:
        """The answer if it is known at once, else a coroutine that finds it; empty: say nothing. `stream`: it came by
        TCP, so the answer's length is no matter."""
        kept = self._own.get(data, stream, self._zone.generation)
        if kept is None:
            kept = self._foreign.get(data, stream, self._clock.monotonic())
        if kept is not None:
            return kept
        try:
            query = Query(data)
        except MalformedQuery as error:
            return error.reply
        if not query.internet:
            return message.failure(query, "REFUSED")
        if not self._synced() and self._zone.owns(query.name.lower()):
            return message.failure(query, "SERVFAIL")
        answer = self._zone.answer(query.name, query.type)
        if answer.forward:
            return self._forward(query, data, stream)
        if answer.unresolved:
            return self._complete(query, answer, stream)
        return self._own.put(data, stream, self._of_zone(query, answer, stream))

    def _of_zone(self, query: Query, answer: Answer, stream: bool) -> ZoneAnswer:
        def make(rotation: int) -> bytes:
            whole = message.reply(query, answer, self._zone.domain, rotation)
            return (whole if stream else message.fit(whole, query.size))[2:]

        turning = sum(record.type != "CNAME" for record in answer.records)
        return ZoneAnswer(make, max(1, min(turning, MAX_ROTATIONS)))

    async def _forward(self, query: Query, data: bytes, stream: bool) -> bytes:
        try:
            return await self._ask(data, stream)
        except UpstreamFailed as error:
            log.debug("%s: %s", query.name, error)
            return message.failure(query, "SERVFAIL")

    async def _complete(self, query: Query, answer: Answer, stream: bool) -> bytes:
        """Follow an alias to the outside."""
        try:
            found = await self._ask(message.question(answer.unresolved, query.record.q.qtype), stream)
            records, code = message.answers_in(found)
        except (UpstreamFailed, ValueError) as error:
            log.debug("%s: %s", answer.unresolved, error)
            return message.failure(query, "SERVFAIL")
        if code not in ("NOERROR", "NXDOMAIN"):
            return message.failure(query, "SERVFAIL")
        final: Code = "NXDOMAIN" if code == "NXDOMAIN" else "NOERROR"
        whole = message.reply(query, replace(answer, code=final), self._zone.domain, upstream=records)
        return whole if stream else message.fit(whole, query.size)

    async def _ask(self, data: bytes, stream: bool) -> bytes:
        """Equal questions wait for one answer. Raises UpstreamFailed."""
        if (kept := self._foreign.get(data, stream, self._clock.monotonic())) is not None:
            return kept
        key = (data[2:], stream)
        task = self._waiting.get(key)
        if task is None:
            if len(self._waiting) >= MOST_WAITING:
                raise UpstreamFailed("too many questions wait for upstream")
            task = asyncio.get_running_loop().create_task(self._ask_upstream(data, stream))
            self._waiting[key] = task
            task.add_done_callback(lambda _: self._waiting.pop(key))
        answer = await asyncio.shield(task)
        return data[:2] + answer[2:]

    async def _ask_upstream(self, data: bytes, stream: bool) -> bytes:
        answer = await self._upstream.ask(data, stream)
        self._foreign.put(data, stream, answer, self._clock.monotonic())
        return answer

    async def close(self) -> None:
        """Let go of questions that still wait."""
        waiting = list(self._waiting.values())
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
