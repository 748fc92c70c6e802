"""Starts a process that lives on its own: a new session, no terminal, output appended to a log."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

WHERRY = (sys.executable, "-m", "wherry")


def spawn(command: Sequence[str], output: Path, environment: Mapping[str, str]) -> int:
    """The pid of the new process: a child of this one, in the namespaces of the calling thread. `command` is a path
    and arguments."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        command[0],
        list(command),
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(output), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
        ],
        setsid=True,
    )


def _inheritable() -> list[int]:
    """Descriptors that somebody left open for children, a shell's pipe for example: its reader would wait for as long
    as the new process lives."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:
            continue  # the directory that was listed
    return found
