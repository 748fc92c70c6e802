"""Files that the log leaves behind: `audit.log` moves to `audit-2026-01-02T03-04-05.678.log` when it is full."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import PurePath

DAY = 24 * 3600.0
_FORM = "%Y-%m-%dT%H-%M-%S"


def backup_name(name: str, now: float) -> str:
    """Where the log `name` goes at a time."""
    path = PurePath(name)
    when = datetime.fromtimestamp(now, UTC)
    return f"{path.stem}-{when.strftime(_FORM)}.{when.microsecond // 1000:03d}{path.suffix}"


def made_at(name: str, backup: str) -> float | None:
    """When a backup of the log `name` was made; None if it is none."""
    path = PurePath(name)
    start, end = f"{path.stem}-", path.suffix
    if not (backup.startswith(start) and backup.endswith(end)):
        return None
    seconds, _, thousandths = backup[len(start) : len(backup) - len(end)].partition(".")
    if len(thousandths) != 3 or not thousandths.isdigit():
        return None
    try:
        return datetime.strptime(seconds, _FORM).replace(tzinfo=UTC).timestamp() + int(thousandths) / 1000
    except ValueError:
        return None


def expired(name: str, files: Iterable[str], now: float, keep: int, days: int) -> list[str]:
    """Backups beyond the newest `keep`, and those older than `days`; 0 sets no limit. The newest first."""
    backups = sorted(((at, file) for file in files if (at := made_at(name, file)) is not None), reverse=True)
    return [
        file
        for index, (at, file) in enumerate(backups)
        if (keep and index >= keep) or (days and at < now - days * DAY)
    ]
