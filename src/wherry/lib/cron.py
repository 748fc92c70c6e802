"""Cron schedules: five fields, names, steps, `@daily` and its like, `@every 1h30m`; the next time in a time zone.

Semantics are those of robfig/cron's standard parser, which Kubernetes uses: a day matches if day of month **or** day
of week does, unless one of them is `*`; a wall-clock time that summer time skips does not happen that day.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = {name: n for n, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {name: n for n, name in enumerate(_DAY_NAMES)}
# (name, lowest, highest, names)
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_YEARS_AHEAD = 5


class CronError(ValueError):
    """The text is not a schedule."""


@dataclass(frozen=True, slots=True)
class Every:
    """A fixed pause in whole seconds."""

    seconds: int

    def next(self, after: float) -> float | None:
        return float(int(after) + self.seconds)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The values that each field allows, and the zone in which the fields are meant."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool
    zone: tzinfo = UTC

    def next(self, after: float) -> float | None:
        """The first time after `after` (seconds since the epoch); None if there is none in the next five years."""
        start = datetime.fromtimestamp(int(after) - int(after) % 60, UTC) + timedelta(minutes=1)
        local = start.astimezone(self.zone)
        last = local.year + _YEARS_AHEAD
        while local.year <= last:
            if local.month not in self.months:
                local = self._midnight(local.year + local.month // 12, local.month % 12 + 1, 1)
            elif not self._day_matches(local):
                following = local.date() + timedelta(days=1)
                local = self._midnight(following.year, following.month, following.day)
            elif local.hour not in self.hours:
                local = self._later(local.replace(minute=0), timedelta(hours=1))
            elif local.minute not in self.minutes:
                local = self._later(local, timedelta(minutes=1))
            else:
                return local.timestamp()
        return None

    def _day_matches(self, local: datetime) -> bool:
        by_month, by_week = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_month and by_week
        return by_month or by_week

    def _midnight(self, year: int, month: int, day: int) -> datetime:
        """The day's first moment. Through UTC, so that a midnight which does not exist becomes the next that does."""
        return datetime(year, month, day, tzinfo=self.zone).astimezone(UTC).astimezone(self.zone)

    def _later(self, local: datetime, step: timedelta) -> datetime:
        return (local.astimezone(UTC) + step).astimezone(self.zone)


def parse(text: str, zone: tzinfo = UTC) -> Schedule | Every:
    """A schedule as a CronJob has it. A `TZ=` or `CRON_TZ=` in front of it overrides `zone`. Raises CronError."""
    text = text.strip()
    if text.startswith(("TZ=", "CRON_TZ=")):
        name, _, text = text.partition(" ")
        zone, text = _zone(name.partition("=")[2]), text.strip()
    if text.startswith("@every "):
        return Every(max(1, int(_duration(text.removeprefix("@every ").strip()))))
    if text.startswith("@"):
        if text not in _MACROS:
            raise CronError(f"unrecognized descriptor: {text}")
        text = _MACROS[text]
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise CronError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours, days, months, weekdays = (_field(f, *spec) for f, spec in zip(fields, _FIELDS, strict=True))
    stars = [field in ("*", "?") or field.startswith(("*/", "?/")) for field in fields]
    return Schedule(minutes, hours, days, months, weekdays, stars[2], stars[4], zone)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise CronError(f"provided bad location {name}: unknown time zone {name}") from error


def _duration(text: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise CronError(f"failed to parse duration @every {text}")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _field(text: str, name: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        found.update(_range(part, low, high, names))
    if not found:
        raise CronError(f"empty {name}: {text}")
    return frozenset(found)


def _range(part: str, low: int, high: int, names: dict[str, int]) -> range:
    span, slash, step_text = part.partition("/")
    if "/" in step_text:
        raise CronError(f"too many slashes: {part}")
    first_text, dash, last_text = span.partition("-")
    if "-" in last_text:
        raise CronError(f"too many hyphens: {part}")
    if span in ("*", "?"):
        first, last = low, high
    else:
        first = _number(first_text, names)
        last = _number(last_text, names) if dash else (high if slash else first)
    step = _number(step_text, {}) if slash else 1
    if first < low:
        raise CronError(f"beginning of range ({first}) below minimum ({low}): {part}")
    if last > high:
        raise CronError(f"end of range ({last}) above maximum ({high}): {part}")
    if first > last:
        raise CronError(f"beginning of range ({first}) beyond end of range ({last}): {part}")
    if step == 0:
        raise CronError(f"step of range should be a positive number: {part}")
    return range(first, last + 1, step)


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not (text.isascii() and text.isdigit()):
        raise CronError(f"failed to parse int from {text}")
    return int(text)
