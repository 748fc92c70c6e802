"""Read and follow a container's log, also while it is rotated."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wherry.engine.logs import lines
from wherry.linux.inotify import changes

_BLOCK = 65_536
_ROTATED = r"\.\d{8}-\d{6}\.\d{9}"  # what `rotation` adds to a name

Ended = asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class LogOptions:
    """`tail`: the last lines (None: all). `since`: seconds since the epoch. `limit`: bytes in all. `stream`: "stdout"
    or "stderr" alone, "" both."""

    follow: bool = False
    tail: int | None = None
    since: float | None = None
    timestamps: bool = False
    limit: int | None = None
    stream: str = ""


def files(path: Path) -> list[Path]:
    """The log's files, the oldest first, the current one last (it need not be there). Others beside them, such as the
    one that conmon gives a temporary name while it makes it, are not."""
    rotated = re.compile(re.escape(path.name) + _ROTATED)
    names = sorted(name for name in os.listdir(path.parent) if rotated.fullmatch(name))
    return [*(path.parent / name for name in names), path]


async def read(path: Path, options: LogOptions, ended: Ended | None = None) -> AsyncIterator[bytes]:
    """What a container wrote, in pieces. With `follow`: on and on, until `ended` (the container's end) is done and
    everything is read. A log that is not there is empty."""
    shaper = _Shaper(options)
    async for block in _blocks(path, options, ended):
        piece = shaper.shape(block)
        if piece:
            yield piece
        if shaper.full:
            return
        await asyncio.sleep(0)
    if rest := shaper.finish():
        yield rest


async def _blocks(path: Path, options: LogOptions, ended: Ended | None) -> AsyncIterator[bytes]:
    if not path.parent.is_dir():
        return
    with changes(path.parent) as changed:
        chosen = files(path)
        place, offset = _start(chosen, options.tail) if options.tail is not None else (0, 0)
        async for block in _onward(path, chosen[place], offset, ended if options.follow else _done(), changed):
            yield block


async def _onward(
    path: Path, begin: Path, offset: int, ended: Ended | None, changed: asyncio.Event
) -> AsyncIterator[bytes]:
    """From one of the log's files through those that took its place. A file is at its end only when there is a newer
    one: the writer goes on for a moment after a file was moved away."""
    file: BinaryIO | None = None
    following = begin
    try:
        while True:
            last = ended is not None and ended.done()
            changed.clear()
            if file is None:
                file = _open(following, offset)
                offset = 0
            while file is not None and (block := file.read(_BLOCK)):
                yield block
            if file is not None and (successor := _successor(path, file)):
                # Its writer has gone over to a newer file: whatever comes now stands there.
                while block := file.read(_BLOCK):
                    yield block
                file.close()
                file, following = None, successor
                continue
            if last:
                return
            await _either(changed, ended)
    finally:
        if file is not None:
            file.close()


async def _either(changed: asyncio.Event, ended: Ended | None) -> None:
    if ended is None:
        await changed.wait()
        return

    def wake(_: object) -> None:
        changed.set()

    ended.add_done_callback(wake)
    try:
        await changed.wait()
    finally:
        ended.remove_done_callback(wake)


def _done() -> Ended:
    future: Ended = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


def _open(path: Path, offset: int) -> BinaryIO | None:
    try:
        file = open(path, "rb")  # noqa: SIM115 -- the caller closes it
    except FileNotFoundError:
        return None
    file.seek(offset)
    return file


def _successor(path: Path, file: BinaryIO) -> Path | None:
    """The file that was begun after this one; None while this is the newest. Where this one was dropped meanwhile,
    all that are left are newer."""
    mine = os.fstat(file.fileno())
    if _is(path, mine):
        return None
    chosen = files(path)
    places = [place for place, other in enumerate(chosen) if _is(other, mine)]
    newer = [other for other in chosen[places[0] + 1 if places else 0 :] if other.exists()]
    return newer[0] if newer else None


def _is(path: Path, status: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), status)
    except FileNotFoundError:
        return False


def _start(chosen: list[Path], tail: int) -> tuple[int, int]:
    """File and offset where the last `tail` lines begin."""
    missing = tail
    for place in range(len(chosen) - 1, -1, -1):
        try:
            with open(chosen[place], "rb") as file:
                offset, missing = _last_lines(file, missing)
        except FileNotFoundError:
            continue
        if missing <= 0:
            return place, offset
    return 0, 0


def _last_lines(file: BinaryIO, wanted: int) -> tuple[int, int]:
    """Offset of the last `wanted` whole lines of a file, and how many it lacks. Parts of a line go with the line
    that they belong to."""
    end = file.seek(0, os.SEEK_END)
    if wanted <= 0:
        return end, 0
    position, rest = end, b""
    while position > 0:
        step = min(_BLOCK, position)
        position -= step
        file.seek(position)
        data = file.read(step) + rest
        begin = 0 if position == 0 else (data.find(b"\n") + 1 or len(data))
        rest, block = data[:begin], data[begin:]
        offset = position + begin + len(block)
        for raw in reversed(block.splitlines(keepends=True)):
            line = lines.parse(raw.rstrip(b"\n"))
            if line is not None and line.whole and offset <= end:
                if wanted == 0:
                    return offset, 0
                wanted -= 1
            offset -= len(raw)
    return 0, wanted


class _Shaper:
    """Blocks of a file -> what the reader asked for."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        self._rest = b""
        self._left = options.limit
        self._continues: dict[str, bool] = {}  # streams whose last piece did not end its line

    @property
    def full(self) -> bool:
        return self._left is not None and self._left <= 0

    def shape(self, block: bytes) -> bytes:
        *whole, self._rest = (self._rest + block).split(b"\n")
        return self._bound(b"".join(map(self._line, whole)))

    def finish(self) -> bytes:
        """What a crash left of a last line."""
        rest, self._rest = self._rest, b""
        return self._bound(self._line(rest)) if rest else b""

    def _line(self, raw: bytes) -> bytes:
        line = lines.parse(raw)
        options = self._options
        if line is None or (options.stream and line.stream != options.stream):
            return b""
        if options.since is not None and _before(line.time, options.since):
            return b""
        head = b""
        if options.timestamps and not self._continues.get(line.stream):
            head = lines.in_utc(line.time) + b" "
        self._continues[line.stream] = not line.whole
        return head + line.text

    def _bound(self, data: bytes) -> bytes:
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        return data


def _before(time: bytes, since: float) -> bool:
    try:
        return lines.seconds(time) < since
    except ValueError:
        return False
