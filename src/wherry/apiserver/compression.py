"""Large answers are compressed for clients that accept it, beside the event loop."""

import asyncio
import zlib

from wherry.aio.http.messages import Request, Response

SMALLEST = 128 * 1024  # bytes; as upstream
LEVEL = 1  # upstream's, too: time counts more than the last percent
GZIP = 16 + zlib.MAX_WBITS


async def compressed(request: Request, response: Response) -> Response:
    """The answer, in gzip if that is worth it."""
    body = response.body
    if request.method != "GET" or not isinstance(body, bytes | list) or not _accepts(request):
        return response
    fragments = [body] if isinstance(body, bytes) else body
    if sum(map(len, fragments)) < SMALLEST:
        return response
    response.body = await asyncio.to_thread(_gzip, fragments)
    response.headers = [*response.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
    return response


def _accepts(request: Request) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding")


def _gzip(fragments: list[bytes]) -> list[bytes]:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
    found = [piece for fragment in _joined(fragments) if (piece := compressor.compress(fragment))]
    return [*found, compressor.flush()]


def _joined(fragments: list[bytes]) -> list[bytes]:
    """Fewer and larger fragments: zlib lets other threads run only while it works on a large one."""
    found: list[bytes] = []
    some: list[bytes] = []
    size = 0
    for fragment in fragments:
        some.append(fragment)
        size += len(fragment)
        if size >= SMALLEST:
            found.append(b"".join(some))
            some, size = [], 0
    return [*found, b"".join(some)]
