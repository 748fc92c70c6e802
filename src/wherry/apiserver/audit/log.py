"""The audit log's file. Lines are written in order, a few times a second, by a thread of their own."""

import asyncio
import logging
from pathlib import Path

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.2
LARGEST = 100 << 20  # bytes; then the file becomes FILE.1, and that FILE.2
KEPT = 10  # old files


class AuditLog:
    """Call `write` from the event loop."""

    def __init__(self, path: Path, largest: int = LARGEST, kept: int = KEPT) -> None:
        self._path, self._largest, self._kept = path, largest, kept
        self._lines: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    def write(self, line: bytes) -> None:
        self._lines.append(line)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._flush_soon(), name="audit log")

    async def _flush_soon(self) -> None:
        while self._lines:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        async with self._lock:
            lines, self._lines = self._lines, []
            if lines:
                try:
                    await asyncio.to_thread(self._append, b"".join(lines))
                except OSError as error:
                    log.error("the audit log %s cannot be written: %s", self._path, error.strerror)

    def _append(self, data: bytes) -> None:
        if self._path.exists() and self._path.stat().st_size + len(data) > self._largest:
            self._rotate()
        with self._path.open("ab") as file:
            file.write(data)

    def _rotate(self) -> None:
        for number in range(self._kept - 1, 0, -1):
            old = self._path.with_name(f"{self._path.name}.{number}")
            if old.exists():
                old.replace(self._path.with_name(f"{self._path.name}.{number + 1}"))
        if self._kept:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        else:
            self._path.unlink()

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()
