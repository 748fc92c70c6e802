"""`wherry supervisor`: keeps one profile's processes running. `wherry start` and the parts themselves start it."""

import fcntl
import logging
import os

from wherry.local.layout import layout
from wherry.local.supervisor.supervise import Supervisor


def run(profile: str) -> int:
    """0 when told to leave, or when another one is at work already."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    paths = layout(profile)
    paths.run.mkdir(parents=True, exist_ok=True)
    paths.logs.mkdir(parents=True, exist_ok=True)
    # Held until this process ends, however it ends: at most one supervisor works on a profile.
    lock = os.open(paths.run / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    os.chdir("/")
    Supervisor(paths).run()
    return 0
