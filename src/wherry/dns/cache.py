"""Answers kept as bytes. A question is its whole message without the identity, so a hit costs no parsing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from wherry.dns import message

LARGEST = 10_000  # answers of each sort; the oldest go first
LONGEST = 30  # seconds, whatever the times to live: nothing tells us when an upstream name changes
FAILURE = 2  # seconds that an upstream's SERVFAIL is kept


@dataclass(slots=True)
class ZoneAnswer:
    """One answer of the zone in its rotations, each made when its turn comes first."""

    make: Callable[[int], bytes]  # rotation -> answer without identity
    count: int
    made: list[bytes] = field(default_factory=list)
    turn: int = 0

    def next(self) -> bytes:
        if self.turn == len(self.made) < self.count:
            self.made.append(self.make(self.turn))
        answer = self.made[self.turn]
        self.turn = (self.turn + 1) % self.count
        return answer


class ZoneCache:
    """Answers of the zone, all dropped when it changes."""

    def __init__(self) -> None:
        self._generation = -1
        self._answers: dict[tuple[bytes, bool], ZoneAnswer] = {}

    def get(self, query: bytes, stream: bool, generation: int) -> bytes | None:
        """The next rotation of the answer to `query` (a whole message); `stream`: by TCP, where size is no matter."""
        if generation != self._generation:
            self._answers.clear()
            self._generation = generation
        found = self._answers.get((query[2:], stream))
        return query[:2] + found.next() if found else None

    def put(self, query: bytes, stream: bool, answer: ZoneAnswer) -> bytes:
        _make_room(self._answers)
        self._answers[query[2:], stream] = answer
        return query[:2] + answer.next()


@dataclass(slots=True)
class _Kept:
    answer: bytes
    offsets: list[int]
    since: float
    until: float


class UpstreamCache:
    """Answers from upstream until they are too old. Times are seconds on a clock that never goes back."""

    def __init__(self) -> None:
        self._answers: dict[tuple[bytes, bool], _Kept] = {}

    def get(self, query: bytes, stream: bool, now: float) -> bytes | None:
        found = self._answers.get((query[2:], stream))
        if found is None:
            return None
        if now >= found.until:
            del self._answers[query[2:], stream]
            return None
        return query[:2] + message.aged(found.answer, found.offsets, int(now - found.since))[2:]

    def put(self, query: bytes, stream: bool, answer: bytes, now: float) -> None:
        """Truncated answers are not kept: the client asks again by TCP, and the other way has its own."""
        try:
            seconds = FAILURE if message.code_of(answer) == 2 else message.lifetime(answer, LONGEST)
            offsets = message.ttl_offsets(answer)
        except ValueError:
            return
        if seconds and not message.is_truncated(answer):
            _make_room(self._answers)
            self._answers[query[2:], stream] = _Kept(answer, offsets, now, now + seconds)


def _make_room(answers: dict[Any, Any]) -> None:
    if len(answers) >= LARGEST:
        del answers[next(iter(answers))]
