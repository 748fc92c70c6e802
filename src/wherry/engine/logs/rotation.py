"""Keep a log within bounds: move the file away, have its writer begin a new one, drop the oldest.

Nothing is lost: until conmon has opened the new file it goes on writing to the old one, under its new name.
"""

import time
from collections.abc import Callable
from pathlib import Path

from wherry.engine.logs.reader import files


def rotate(path: Path, limit: int, keep: int, reopen: Callable[[], None]) -> bool:
    """Rotate the log at `path` if it has more than `limit` bytes; at most `keep` files stay, the new one counted.
    `reopen` makes the writer open `path` anew. False: nothing was to do. Raises OSError (the writer is gone)."""
    try:
        if path.stat().st_size <= limit:
            return False
    except FileNotFoundError:
        return False
    moved = _free_name(path)
    path.rename(moved)
    try:
        reopen()
    except OSError:
        moved.rename(path)
        raise
    for old in files(path)[: -1 - max(0, keep - 1)]:
        old.unlink(missing_ok=True)
    return True


def remove(path: Path) -> None:
    """The log and what was rotated out of it."""
    for file in files(path):
        file.unlink(missing_ok=True)


def _free_name(path: Path) -> Path:
    """Names sort by time."""
    now = time.time_ns()
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now // 1_000_000_000))
    return path.with_name(f"{path.name}.{stamp}.{now % 1_000_000_000:09}")
