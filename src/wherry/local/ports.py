"""Who listens on a TCP port of this machine."""

import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

LISTENING = "0A"  # include/net/tcp_states.h


class Owner(NamedTuple):
    """A process that listens. `pid` is 0 when it cannot be known (another user's, or another pid namespace's)."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"{self.command} (process {self.pid})" if self.pid else "another process"


def is_free(address: str, port: int) -> bool:
    """Whether a server could listen there now. An address that the machine does not have yet counts as free."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def owner(port: int) -> Owner:
    """The process that listens on `port` on any address."""
    inodes = {f"socket:[{inode}]" for table in _tables() for inode in listeners(table, port)}
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and inodes and _holds(process, inodes):
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
            return Owner(int(process.name), _short(words))
    return Owner(0, "")


def listeners(table: Iterable[str], port: int) -> list[int]:
    """Inodes of the sockets that listen on `port`, from lines of /proc/net/tcp or tcp6."""
    found = []
    for line in table:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            found.append(int(fields[9]))
    return found


def _tables() -> Iterable[list[str]]:
    for name in ("tcp", "tcp6"):
        try:
            yield Path("/proc/net", name).read_text().splitlines()
        except OSError:  # no IPv6
            continue


def _holds(process: Path, inodes: set[str]) -> bool:
    try:
        return any(os.readlink(entry.path) in inodes for entry in os.scandir(process / "fd"))
    except OSError:  # it ended, or it is not ours to look at
        return False


def _short(words: list[str]) -> str:
    line = " ".join([os.path.basename(words[0]), *words[1:]]) if words else "a kernel thread"
    return line if len(line) <= 60 else f"{line[:57]}..."
