"""The store forgets what is older than a few minutes, as upstream's API server has etcd do."""

import asyncio
import logging

from wherry.store import Store, StoreError

log = logging.getLogger(__name__)

INTERVAL = 300.0  # seconds; history is kept for one to two intervals


async def compact(store: Store, interval: float = INTERVAL) -> None:
    """Run until cancelled."""
    before = await store.revision()
    while True:
        await asyncio.sleep(interval)
        try:
            now = await store.revision()
            await store.compact(before)
            before = now
        except StoreError as error:
            log.warning("compaction failed: %s", error)
