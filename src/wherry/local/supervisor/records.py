"""Pid files that name a process for good.

A pid is used again sooner or later, so a record also holds when the process started and in which boot; a record whose
process is gone, or whose pid is another process's now, gives no pidfd.
"""

import json
import os
import select
from pathlib import Path

from wherry.linux import procs

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SUFFIX = ".pid"


def path_of(directory: Path, name: str) -> Path:
    return directory / f"{name}{SUFFIX}"


def write(directory: Path, name: str, pid: int) -> None:
    """Record that `pid` is `name`. Not durable on purpose: a record is worth nothing after a crash of the machine."""
    directory.mkdir(parents=True, exist_ok=True)
    path = path_of(directory, name)
    temporary = path.with_suffix(f".{os.getpid()}")
    record = {"pid": pid, "started": procs.start_time(pid), "boot": BOOT_ID.read_text().strip()}
    temporary.write_text(json.dumps(record))
    os.replace(temporary, path)


def names(directory: Path) -> list[str]:
    """Everything that has a record, alive or not."""
    return sorted(path.stem for path in directory.glob(f"*{SUFFIX}"))


def open_process(directory: Path, name: str) -> int | None:
    """A pidfd of the recorded process, None unless it is alive. The caller closes it."""
    pid, started = _read(path_of(directory, name))
    if not started:
        return None
    pidfd = procs.open_pidfd(pid, started)
    if pidfd is not None and has_ended(pidfd):
        os.close(pidfd)
        return None
    return pidfd


def pid_of(directory: Path, name: str) -> int | None:
    """The recorded process's pid if it is alive."""
    pidfd = open_process(directory, name)
    if pidfd is None:
        return None
    os.close(pidfd)
    return _read(path_of(directory, name))[0]


def has_ended(pidfd: int, wait: float | None = 0) -> bool:
    """Whether the process ends within `wait` seconds (None: wait until it does). One that nobody reaped has ended."""
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    return bool(poller.poll(None if wait is None else wait * 1000))


def _read(path: Path) -> tuple[int, int]:
    """Pid and start time, zeros if the record cannot be used."""
    try:
        record = json.loads(path.read_text())
        if record["boot"] == BOOT_ID.read_text().strip():
            return int(record["pid"]), int(record["started"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, 0
