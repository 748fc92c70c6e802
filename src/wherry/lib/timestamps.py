"""Times as the API writes them: RFC 3339 in UTC, whole seconds (metav1.Time) or microseconds (metav1.MicroTime)."""

from datetime import UTC, datetime
from functools import lru_cache


def rfc3339(seconds: float) -> str:
    """`2026-01-02T03:04:05Z` from seconds since the epoch."""
    return _second(int(seconds))


@lru_cache(64)  # a server stamps many things in the same second
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(seconds: float) -> str:
    """`2026-01-02T03:04:05.678901Z` from seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> float:
    """Seconds since the epoch. Raises ValueError for what is not RFC 3339."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"{text!r} is not a time in RFC 3339 form")
    return when.timestamp()
