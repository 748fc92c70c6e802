"""What has to be looked after now and then while an engine runs."""

import asyncio
import errno
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from wherry.engine.images.store import Store
from wherry.engine.logs.rotation import rotate
from wherry.engine.runtime import conmon
from wherry.engine.runtime.container import LiveContainer
from wherry.engine.runtime.watch import bury_strays

log = logging.getLogger(__name__)

LOG_LIMIT = 10 << 20  # bytes of one log file; Kubernetes' containerLogMaxSize
LOG_FILES = 5  # Kubernetes' containerLogMaxFiles
_EVERY = 10.0  # seconds; Kubernetes' containerLogMonitorInterval


async def keep_house(containers: Callable[[], Iterable[LiveContainer]], images: Store) -> None:
    """Reclaim what a crash left of images; then for ever: rotate logs that have grown too large, bury strays."""
    try:
        await asyncio.to_thread(images.collect)
    except OSError as error:
        log.warning("cannot tidy the image store: %s", error)
    while True:
        await asyncio.sleep(_EVERY)
        bury_strays()
        for container in list(containers()):
            rotate_log(container)


def rotate_log(container: LiveContainer, limit: int = LOG_LIMIT, keep: int = LOG_FILES) -> bool:
    """False: nothing was to do."""
    if container.record.state != "running" or not container.spec.log_path:
        return False
    try:
        return rotate(Path(container.spec.log_path), limit, keep, lambda: conmon.reopen_log(container.paths))
    except OSError as error:
        if error.errno == errno.ENXIO:  # its monitor is just ending
            return False
        log.warning("cannot rotate the log of container %s: %s", container.spec.id, error)
        return False
