"""HTTP/1.1 for servers and clients of this project, on httptools and uvloop.

`messages` holds what both sides speak; `server.serve` runs a handler; `client.Pool` keeps connections to one
origin. A handler is `async (Request) -> Response | Upgrade`. The server keeps pipelined answers in order, bounds
bodies and headers, times out idle connections, answers `Expect: 100-continue`, honours back-pressure, and closes
a streaming response's iterator when its reader goes away.
"""

from wherry.aio.http.messages import (
    Chunk,
    Handler,
    Headers,
    Push,
    Request,
    Response,
    Sink,
    Upgrade,
    UpgradedConnection,
)

__all__ = ["Chunk", "Handler", "Headers", "Push", "Request", "Response", "Sink", "Upgrade", "UpgradedConnection"]
