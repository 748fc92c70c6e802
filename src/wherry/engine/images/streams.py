"""Compressed streams as plain ones: gzip by zlib, zstd by whatever the machine has."""

import shutil
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from wherry.engine.images.blobs import CHUNK, Readable
from wherry.engine.interface import ImageInvalid

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
MAGIC = 4  # bytes that tell the formats apart


class _Front:
    """A reader whose first bytes have been looked at."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int = CHUNK, /) -> bytes:
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._rest.read(size)


class _Gzip:
    """Several members in a row are one stream."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._inflate = zlib.decompressobj(wbits=31)
        self._pending = b""
        self._buffer = b""

    def read(self, size: int = CHUNK, /) -> bytes:
        while not self._buffer:
            data = self._pending or self._source.read(CHUNK)
            if not data:
                if not self._inflate.eof:
                    raise ImageInvalid("a compressed layer ends too early")
                return b""
            self._buffer, self._pending = self._step(data), b""
            if self._inflate.unused_data or self._inflate.unconsumed_tail:
                self._pending = self._inflate.unused_data or self._inflate.unconsumed_tail
        result, self._buffer = self._buffer[:size], self._buffer[size:]
        return result

    def _step(self, data: bytes) -> bytes:
        if self._inflate.eof:
            data = data.lstrip(b"\0")  # padding after the last member
            if not data:
                return b""
            self._inflate = zlib.decompressobj(wbits=31)
        try:
            return self._inflate.decompress(data, 4 * CHUNK)
        except zlib.error as error:
            raise ImageInvalid(f"a compressed layer is damaged: {error}") from error


@contextmanager
def plain(source: Readable) -> Iterator[Readable]:
    """The decompressed bytes of a stream, whatever it is. Raises ImageInvalid: damaged, or zstd without a program."""
    head = b""
    while len(head) < MAGIC and (more := source.read(MAGIC - len(head))):
        head += more
    front = _Front(head, source)
    if head.startswith(_GZIP):
        yield _Gzip(front)
    elif head == _ZSTD:
        with _zstd(front) as stream:
            yield stream
    else:
        yield front


@contextmanager
def _zstd(source: Readable) -> Iterator[Readable]:
    import threading

    program = shutil.which("zstd")
    if program is None:
        raise ImageInvalid("a layer is compressed with zstd: install the program zstd")
    process = subprocess.Popen(
        [program, "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin and process.stdout
    feeder = threading.Thread(target=_feed, args=(source, process), daemon=True)
    feeder.start()
    try:
        yield process.stdout
        if process.wait() != 0:
            raise ImageInvalid("a layer compressed with zstd is damaged")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        feeder.join()


def _feed(source: Readable, process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin
    try:
        while data := source.read(CHUNK):
            process.stdin.write(data)
    except OSError:  # it ended, and its exit code tells why
        pass
    finally:
        try:
            process.stdin.close()
        except OSError:
            pass
