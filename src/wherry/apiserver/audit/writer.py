"""The thread that appends events to a file, and moves a full file away."""

import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wherry.apiserver.audit.plan import rotation
from wherry.lib.clock import Clock

log = logging.getLogger(__name__)

WAITING = 10_000  # events; upstream's buffer
STDOUT = "-"
MODE = 0o600
MEGABYTE = 1 << 20

Line = Callable[[], bytes]  # makes an event's line, where it costs no request any time


class AuditError(Exception):
    """The log cannot be written; the message is for the administrator."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`size`: megabytes until a file is moved away; `backups`: how many are kept, `days`: how long. 0: no limit."""

    size: int = 0
    backups: int = 0
    days: int = 0


class Writer:
    """Lines of events into `path` (`-`: standard output). Raises AuditError."""

    def __init__(self, path: str, limits: Limits, clock: Clock) -> None:
        self._path, self._limits, self._clock = Path(path), limits, clock
        self._queue: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._size = 0
        self._file = sys.stdout.buffer if path == STDOUT else self._open()
        self._rotates = path != STDOUT and limits.size > 0
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()
        self.lost = 0  # events that found no room, or could not be written

    def _open(self) -> BinaryIO:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE), "ab")
        except OSError as error:
            raise AuditError(f"audit log {self._path}: {error.strerror}") from error
        self._size = file.tell()
        return file

    def put(self, line: Line) -> None:
        """Write it soon. When the disk does not keep up, events are lost rather than requests held up."""
        if self._queue.qsize() >= WAITING:
            self._lose(1, "the audit log does not keep up")
        else:
            self._queue.put(line)

    def _lose(self, count: int, why: str) -> None:
        if not self.lost:
            log.error("%s: events are lost from now on", why)
        self.lost += count

    def close(self) -> None:
        """Write what waits, and end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            lines = [self._queue.get()]
            while not self._queue.empty():
                lines.append(self._queue.get())
            going = lines[-1] is not None
            self._write([line for line in lines if line])
        if self._file is not sys.stdout.buffer:
            self._file.close()

    def _write(self, lines: list[Line]) -> None:
        for line in lines:
            try:
                self._append(line())
            except Exception as error:  # the log must go on when an event cannot be made or written
                self._lose(1, f"audit log {self._path}: {error}")
        self._file.flush()

    def _append(self, data: bytes) -> None:
        if self._rotates and self._size and self._size + len(data) > self._limits.size * MEGABYTE:
            self._rotate()
        self._file.write(data)
        self._size += len(data)

    def _rotate(self) -> None:
        self._file.close()
        now, name, folder = self._clock.now(), self._path.name, self._path.parent
        self._path.rename(folder / rotation.backup_name(name, now))
        self._file = self._open()
        files = os.listdir(folder)
        for old in rotation.expired(name, files, now, self._limits.backups, self._limits.days):
            (folder / old).unlink(missing_ok=True)
