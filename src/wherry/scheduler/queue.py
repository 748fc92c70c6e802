"""Pods that wait for a node: active, backing off, or parked because they fit nowhere at present.

Times are seconds on a monotonic clock and come as arguments. Higher priority first, then who waits longest. A pod
that failed waits 1 s, then 2, 4, 8, at most 10. When nothing else is to be done, pods whose nodes have changed are
tried before their back-off ends; a failure of the API server is waited out.

Source: pkg/scheduler/backend/queue.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import count

from wherry.scheduler.demand import Demand
from wherry.scheduler.facts import PodFacts

INITIAL, LONGEST = 1.0, 10.0
LEFTOVER = 300.0  # seconds after which a pod that fits nowhere is tried again, whatever was overlooked


class Place(Enum):
    ACTIVE = 0
    BACKOFF = 1
    PARKED = 2
    TAKEN = 3  # being decided about, or being bound


@dataclass(slots=True, eq=False)
class Waiting:
    """A pod in the queue. `since`: when it came; `failed`: when it was tried last. `order`: its entry in a heap;
    entries with other numbers are left over."""

    pod: PodFacts
    since: float
    place: Place = Place.ACTIVE
    attempts: int = 0
    failed: float = 0.0
    after_error: bool = False
    order: int = 0

    def ready(self) -> float:
        """The end of its back-off."""
        return self.failed + min(INITIAL * 2.0 ** (self.attempts - 1), LONGEST) if self.attempts else 0.0


class Queue:
    """Pods by key (`namespace/name`)."""

    def __init__(self) -> None:
        self._all: dict[str, Waiting] = {}
        self._active: list[tuple[int, float, int, Waiting]] = []
        self._backoff: list[tuple[float, int, Waiting]] = []
        self._parked: dict[Demand, dict[str, Waiting]] = {}
        self._order = count(1)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, key: str) -> bool:
        return key in self._all

    @property
    def parked(self) -> int:
        return sum(len(pods) for pods in self._parked.values())

    def add(self, pod: PodFacts, now: float) -> None:
        """A new pod, or a change of one. A change of what it asks for lets a parked pod be tried again."""
        waiting = self._all.get(pod.key)
        if waiting is None or waiting.pod.uid != pod.uid:
            self.remove(pod.key)
            self._all[pod.key] = waiting = Waiting(pod, now)
            self._activate(waiting)
            return
        old, place = waiting.pod, waiting.place
        if place is Place.PARKED:
            self._unpark(waiting)
        waiting.pod = pod
        if place is Place.PARKED:
            if old.demand is pod.demand:
                self._park(waiting)
            else:
                self._requeue(waiting, now)
        elif place is Place.ACTIVE and old.priority != pod.priority:
            self._activate(waiting)

    def remove(self, key: str) -> None:
        """It has a node, or does not want one any more."""
        waiting = self._all.pop(key, None)
        if waiting is not None:
            if waiting.place is Place.PARKED:
                self._unpark(waiting)
            waiting.order = 0

    def take(self, now: float, most: int) -> list[PodFacts]:
        """The pods to try next. Each is then `remove`d, `park`ed or `retry`d."""
        self._end_backoffs(now)
        found: list[PodFacts] = []
        while len(found) < most and (waiting := self._pop()) is not None:
            waiting.place, waiting.order = Place.TAKEN, 0
            found.append(waiting.pod)
        return found

    def park(self, pod: PodFacts, now: float) -> None:
        """It fits nowhere: wait until `wake` says that something changed for it."""
        waiting = self._failed(pod, now)
        if waiting is not None:
            waiting.after_error = False
            if waiting.pod.demand is pod.demand:
                self._park(waiting)
            else:  # it changed meanwhile
                self._requeue(waiting, now)

    def retry(self, pod: PodFacts, now: float) -> None:
        """It could not be bound: try again after the back-off."""
        waiting = self._failed(pod, now)
        if waiting is not None:
            waiting.after_error = True
            self._push_backoff(waiting)

    def _failed(self, pod: PodFacts, now: float) -> Waiting | None:
        """The entry of a pod that was taken, None if it left meanwhile."""
        waiting = self._all.get(pod.key)
        if waiting is None or waiting.place is not Place.TAKEN or waiting.pod.uid != pod.uid:
            return None
        waiting.attempts, waiting.failed = waiting.attempts + 1, now
        return waiting

    def wake(self, fits_now: Callable[[Demand], bool], now: float) -> None:
        """Nodes have changed: try those pods again that the changed nodes would take."""
        for demand in [demand for demand in self._parked if fits_now(demand)]:
            for waiting in self._parked.pop(demand).values():
                self._requeue(waiting, now)

    def wake_pod(self, key: str, now: float) -> None:
        """Try one pod again if it is parked."""
        waiting = self._all.get(key)
        if waiting is not None and waiting.place is Place.PARKED:
            self._unpark(waiting)
            self._requeue(waiting, now)

    def wake_leftovers(self, now: float) -> None:
        """Try those again that have been parked for long."""
        old = [w for pods in self._parked.values() for w in pods.values() if now - w.failed >= LEFTOVER]
        for waiting in old:
            self._unpark(waiting)
            self._requeue(waiting, now)

    def next_time(self) -> float | None:
        """When to `take` again although nothing has happened; None: not before something does."""
        while self._backoff and self._backoff[0][2].order != self._backoff[0][1]:
            heapq.heappop(self._backoff)
        return self._backoff[0][0] if self._backoff else None

    def _requeue(self, waiting: Waiting, now: float) -> None:
        if waiting.ready() > now:
            self._push_backoff(waiting)
        else:
            self._activate(waiting)

    def _activate(self, waiting: Waiting) -> None:
        waiting.place, waiting.order = Place.ACTIVE, next(self._order)
        heapq.heappush(self._active, (-waiting.pod.priority, waiting.since, waiting.order, waiting))

    def _push_backoff(self, waiting: Waiting) -> None:
        waiting.place, waiting.order = Place.BACKOFF, next(self._order)
        heapq.heappush(self._backoff, (waiting.ready(), waiting.order, waiting))

    def _end_backoffs(self, now: float) -> None:
        while self._backoff and self._backoff[0][0] <= now:
            _, order, waiting = heapq.heappop(self._backoff)
            if waiting.order == order:
                self._activate(waiting)

    def _pop(self) -> Waiting | None:
        while self._active:
            *_, order, waiting = heapq.heappop(self._active)
            if waiting.order == order:
                return waiting
        return self._pop_early()

    def _pop_early(self) -> Waiting | None:
        """From the back-off, as nothing else is to be done."""
        waiting_out: list[tuple[float, int, Waiting]] = []
        found = None
        while self._backoff and found is None:
            entry = heapq.heappop(self._backoff)
            if entry[2].order != entry[1]:
                continue
            if entry[2].after_error:
                waiting_out.append(entry)
            else:
                found = entry[2]
        for entry in waiting_out:
            heapq.heappush(self._backoff, entry)
        return found

    def _park(self, waiting: Waiting) -> None:
        waiting.place, waiting.order = Place.PARKED, 0
        self._parked.setdefault(waiting.pod.demand, {})[waiting.pod.key] = waiting

    def _unpark(self, waiting: Waiting) -> None:
        pods = self._parked[waiting.pod.demand]
        del pods[waiting.pod.key]
        if not pods:
            del self._parked[waiting.pod.demand]
