"""Priority levels: seats, and queues of those that wait for one."""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Iterator

from wherry.api import Obj

WAIT_SECONDS = 15.0  # then a request is refused: its client has its own patience


class Level:
    """One priority level. `seats`: its own; `lendable`: how many of them others may use; `waiting`: how many requests
    of one flow may wait (0: none, they are refused); `used`: how many of its requests are being worked on."""

    def __init__(self, levels: "Levels", name: str) -> None:
        self._levels, self.name, self.uid = levels, name, ""
        self.exempt = False
        self.seats = self.lendable = self.waiting = 0
        self.used = self.queued = 0
        self._flows: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def configure(self, obj: Obj, seats: int) -> None:
        spec = obj["spec"]
        self.uid, self.exempt, self.seats = obj["metadata"]["uid"], spec["type"] == "Exempt", seats
        limited = spec.get("limited") or {}
        self.lendable = seats * (limited.get("lendablePercent") or 0) // 100
        queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
        self.waiting = queuing.get("handSize", 0) * queuing.get("queueLengthLimit", 0)

    @property
    def spare(self) -> int:
        """Seats that it lends now: none while its own requests wait."""
        return 0 if self.queued else max(min(self.lendable, self.seats - self.used), 0)

    async def enter(self, flow: str) -> bool:
        """Take a seat, waiting for one if need be. False: refused."""
        if not self.queued and self._levels.free_for(self):
            self._sit()
            return True
        if len(self._flows.get(flow, ())) >= self.waiting:
            return False
        return await self._wait(flow)

    async def _wait(self, flow: str) -> bool:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flows.setdefault(flow, deque()).append(turn)
        self.queued += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the seat came too late
            else:
                self._forget(flow, turn)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def _forget(self, flow: str, turn: asyncio.Future[None]) -> None:
        queue = self._flows.get(flow)
        if queue and turn in queue:
            queue.remove(turn)
            self.queued -= 1
            if not queue:
                del self._flows[flow]

    def _sit(self) -> None:
        if self.used >= self.seats:
            self._levels.borrowed += 1
        self.used += 1

    def leave(self) -> None:
        """Give the seat back; whoever waits gets it."""
        if self.used > self.seats:
            self._levels.borrowed -= 1
        self.used -= 1
        self._levels.hand_on()

    def serve_next(self) -> None:
        """Give a free seat to the flow whose turn it is."""
        flow, queue = self._flows.popitem(last=False)
        turn = queue.popleft()
        self.queued -= 1
        if queue:
            self._flows[flow] = queue  # behind the others
        if not turn.done():
            self._sit()
            turn.set_result(None)


class Levels:
    """All levels, and the seats between them. `borrowed`: seats in use beyond the levels' own."""

    def __init__(self, seats: int) -> None:
        self._total = seats
        self._levels: dict[str, Level] = {}
        self.borrowed = 0

    def configure(self, objects: list[Obj]) -> None:
        """Divide the seats by the shares. What is under way keeps its seat."""
        shares = {obj["metadata"]["name"]: _shares(obj) for obj in objects}
        total = sum(shares.values()) or 1
        levels = {}
        for obj in objects:
            name = obj["metadata"]["name"]
            level = levels[name] = self._levels.get(name) or Level(self, name)
            level.configure(obj, math.ceil(self._total * shares[name] / total))
        gone = [level for name, level in self._levels.items() if name not in levels and level.used + level.queued]
        for level in gone:  # it ends when its last request does
            level.seats = level.lendable = level.waiting = 0
            levels[level.name] = level
        self._levels = levels
        self.borrowed = sum(max(level.used - level.seats, 0) for level in levels.values())
        self.hand_on()

    def get(self, name: str) -> Level | None:
        return self._levels.get(name)

    def __iter__(self) -> Iterator[Level]:
        return iter(self._levels.values())

    def free_for(self, level: Level) -> bool:
        """Whether a level may seat one more: on a seat of its own that nobody borrowed, or on a lent one."""
        if level.used < level.seats:
            return not self.borrowed or level.seats - level.used > self._lent(level)
        return sum(each.spare for each in self) > self.borrowed

    def _lent(self, level: Level) -> int:
        """How many of a level's own seats others sit on: they take of all lenders alike."""
        lendable = sum(each.lendable for each in self) or 1
        return min(self.borrowed * level.lendable // lendable, level.lendable)

    def hand_on(self) -> None:
        """Give free seats to those who wait."""
        for level in self._levels.values():
            while level.queued and self.free_for(level):
                level.serve_next()


def _shares(obj: Obj) -> int:
    spec = obj["spec"]
    limited = spec.get("limited") or {}
    return int(limited.get("nominalConcurrencyShares", 30)) if spec["type"] == "Limited" else 0
