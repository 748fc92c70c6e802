"""Growing pauses by key, for what a controller does again and again; its own failures are the queue's."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Seconds: the first pause, and the longest. A key that was left alone for twice the longest starts over."""

    first: float
    most: float
    _pauses: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wait(self, key: str, now: float) -> float:
        """Seconds until it may be done again; 0: it may now, and the next pause begins."""
        pause, since = self._pauses.get(key, (0.0, now))
        if now - since > 2 * self.most:
            pause = 0.0
        if pause and now < since + pause:
            return since + pause - now
        self._pauses[key] = (min(self.most, pause * 2 or self.first), now)
        return 0.0
