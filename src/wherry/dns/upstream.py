"""The machine's resolvers: ask them, and give up fast when they do not answer.

Sockets are made in the machine's network namespace (`netns`), so resolvers on the machine's loopback work too. A
resolver that let a question time out is left alone for a while; when all are, questions fail at once, but for one now
and then that finds out whether they are back.
"""

import asyncio
import logging
import secrets
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from wherry.dns import message
from wherry.dns.plan import nameservers
from wherry.lib.clock import Clock
from wherry.linux import netns

log = logging.getLogger(__name__)

TIMEOUT = 2.0  # seconds for one resolver
SILENT = 5.0  # seconds that a silent one is left alone
LOOK_AGAIN = 5.0  # seconds between looks at resolv.conf


class UpstreamFailed(Exception):
    """No resolver gave an answer."""


class Upstream:
    """`path`: the machine's resolv.conf; `own`: addresses of the cluster's DNS, which must not ask itself."""

    def __init__(self, clock: Clock, path: Path, own: Iterable[str], space: str | None = None) -> None:
        self._clock, self._path, self._own, self._space = clock, path, tuple(own), space
        self._servers: list[str] = []
        self._looked = float("-inf")
        self._modified = 0
        self._silent_until: dict[str, float] = {}

    async def ask(self, query: bytes, stream: bool) -> bytes:
        """The answer to a question, with the question's identity; `stream`: by TCP. Raises UpstreamFailed."""
        own = secrets.token_bytes(2) + query[2:]
        failures = []
        for server in self._candidates():
            try:
                async with asyncio.timeout(TIMEOUT):
                    answer = await (self._by_tcp(server, own) if stream else self._by_udp(server, own))
            except (OSError, TimeoutError, EOFError) as error:
                if isinstance(error, TimeoutError):
                    self._silent_until[server] = self._clock.monotonic() + SILENT
                failures.append(f"{server}: {error or 'no answer in time'}")
                continue
            self._silent_until.pop(server, None)
            return query[:2] + answer[2:]
        raise UpstreamFailed("; ".join(failures) or "no resolver answers at the moment")

    def _candidates(self) -> list[str]:
        """Those that are not silent; one that was, when its time is over, is tried by one question only."""
        now = self._clock.monotonic()
        found = []
        for server in self._nameservers(now):
            until = self._silent_until.get(server)
            if until is None:
                found.append(server)
            elif now >= until:
                self._silent_until[server] = now + SILENT
                found.append(server)
        return found

    def _nameservers(self, now: float) -> list[str]:
        if now - self._looked >= LOOK_AGAIN:
            self._looked = now
            try:
                modified = self._path.stat().st_mtime_ns
                if modified != self._modified:
                    self._servers = nameservers(self._path.read_text(errors="replace"), self._own)
                    self._modified = modified
            except OSError as error:
                log.debug("%s: %s", self._path, error)
        return self._servers

    async def _by_udp(self, server: str, query: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        with self._socket(server, socket.SOCK_DGRAM) as client:
            client.connect((server, 53))
            await loop.sock_sendall(client, query)
            while True:
                answer = await loop.sock_recv(client, 65535)
                if message.answers(answer, query):
                    return answer

    async def _by_tcp(self, server: str, query: bytes) -> bytes:
        client = self._socket(server, socket.SOCK_STREAM)
        try:
            await asyncio.get_running_loop().sock_connect(client, (server, 53))
            reader, writer = await asyncio.open_connection(sock=client)
        except BaseException:
            client.close()
            raise
        try:
            writer.write(struct.pack(">H", len(query)) + query)
            (length,) = struct.unpack(">H", await reader.readexactly(2))
            return await reader.readexactly(length)
        finally:
            writer.close()

    def _socket(self, server: str, kind: socket.SocketKind) -> socket.socket:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        with netns.entered(self._space):
            client = socket.socket(family, kind)
        client.setblocking(False)
        return client
