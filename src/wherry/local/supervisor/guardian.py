"""Brings back a dead supervisor.

Each part runs a thread that sleeps until the supervisor's pidfd says that it ended. Whoever takes the lock first
starts a new one; the others find it alive. Nothing is started once `run/enabled` is gone.
"""

import logging
import os
import threading
import time
from pathlib import Path

from wherry.linux import procs
from wherry.local.errors import NotStarted
from wherry.local.layout import Layout
from wherry.local.supervisor import records
from wherry.local.supervisor.spawn import WHERRY, spawn
from wherry.pki.files import locked

log = logging.getLogger(__name__)

VARIABLE = "WHERRY_SUPERVISED"  # the directory of the profile that a process is a part of
NAME = "supervisor"
READY_WITHIN = 10.0  # seconds, on a machine that is busy


def enabled(layout: Layout) -> Path:
    return layout.run / "enabled"


def watch() -> None:
    """Guard the supervisor of the profile that this process belongs to, if it belongs to one. Call it before the
    process enters other namespaces: the supervisor is started in those of the thread that is made here."""
    if directory := os.environ.get(VARIABLE):
        path = Path(directory)
        threading.Thread(target=_guard, args=(Layout(path.parent, path.name),), name="guardian", daemon=True).start()


def ensure_supervisor(layout: Layout) -> None:
    """Start the supervisor unless it runs. Raises NotStarted."""
    with locked(layout.run / "supervisor.start"):
        if records.pid_of(layout.run, NAME) is None and enabled(layout).exists():
            _start(layout)


def _guard(layout: Layout) -> None:
    while enabled(layout).exists():
        pidfd = records.open_process(layout.run, NAME)
        if pidfd is not None:
            records.has_ended(pidfd, wait=None)
            procs.reap(pidfd)  # it may be this process's child
            os.close(pidfd)
            continue
        try:
            ensure_supervisor(layout)
        except (NotStarted, OSError) as error:
            log.error("%s", error)
            time.sleep(1)


def _start(layout: Layout) -> None:
    layout.logs.mkdir(parents=True, exist_ok=True)
    output = layout.logs / f"{NAME}.log"
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    environment["WHERRY_HOME"] = str(layout.home)
    child = os.pidfd_open(spawn((*WHERRY, "supervisor", "--profile", layout.profile), output, environment))
    try:
        deadline = time.monotonic() + READY_WITHIN
        while records.pid_of(layout.run, NAME) is None:
            if records.has_ended(child, wait=0.01) or time.monotonic() > deadline:
                procs.reap(child)
                raise NotStarted(f"the supervisor did not start:\n{_tail(output)}")
    finally:
        os.close(child)


def _tail(path: Path, size: int = 2000) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode(errors="replace").strip()
