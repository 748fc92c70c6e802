"""One process of several acts: the one that holds a Lease.

The holder renews the lease every few seconds; another takes it when it did not change for the lease's duration by its
own clock (times in the lease are other machines'). A holder on this very machine whose process is gone is followed at
once, so that a restarted process need not wait for itself.

Source: client-go's tools/leaderelection.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from wherry.aio.clock import WaitableClock
from wherry.api import Obj
from wherry.api.kinds import LEASE
from wherry.client.interface import ApiError, Client, Conflict, NotFound
from wherry.lib.timestamps import rfc3339_micro

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds. `duration`: how long a silent holder keeps the lease; `deadline`: after which a holder that cannot
    renew stops to act, well before others may; `retry`: between attempts."""

    duration: float = 12.0
    deadline: float = 8.0
    retry: float = 2.0


class LostLeadership(Exception):
    """The lease could not be renewed in time, or another process has it."""


class Leader:
    """`run` waits for the lease, acts while it holds it, and starts over when it loses it."""

    def __init__(
        self,
        client: Client,
        clock: WaitableClock,
        name: str,
        identity: str = "",
        namespace: str = "kube-system",
        terms: Terms = Terms(),
    ) -> None:
        self.identity = identity or process_identity()
        self.leading = False
        self._client, self._clock, self._terms = client, clock, terms
        self._name, self._namespace = name, namespace
        self._seen: Obj = {}
        self._seen_at = clock.monotonic()

    async def run(self, act: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled, or until `act` fails or returns by itself."""
        while True:
            await self._acquire()
            log.info("leading as %s", self.identity)
            try:
                await self._lead(act)
                return
            except LostLeadership as error:
                log.warning("no longer leading: %s", error)
            finally:
                self.leading = False

    async def _acquire(self) -> None:
        while not await self._try():
            await self._clock.sleep(self._terms.retry)
        self.leading = True

    async def _lead(self, act: Callable[[], Awaitable[None]]) -> None:
        acting = asyncio.ensure_future(act())
        renewing = asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait((acting, renewing), return_when=asyncio.FIRST_COMPLETED)
            if renewing.done():
                renewing.result()
            acting.result()
        finally:
            held = not renewing.done()
            for task in (acting, renewing):
                task.cancel()
            await asyncio.gather(acting, renewing, return_exceptions=True)
            if held:
                await self._release()

    async def _renew(self) -> None:
        renewed = self._clock.monotonic()
        while True:
            await self._clock.sleep(self._terms.retry)
            if await self._try():
                renewed = self._clock.monotonic()
            elif self._holder() not in ("", self.identity):
                raise LostLeadership(f"{self._holder()} has the lease")
            elif self._clock.monotonic() - renewed > self._terms.deadline:
                raise LostLeadership("the lease could not be renewed in time")

    async def _try(self) -> bool:
        """One attempt to get or keep the lease."""
        try:
            async with asyncio.timeout(self._terms.deadline):
                return await self._try_once()
        except (ApiError, TimeoutError) as error:
            log.debug("lease %s: %s", self._name, error)
            return False

    async def _try_once(self) -> bool:
        if self.leading and await self._write(self._seen):
            return True
        try:
            lease = await self._client.get(LEASE, self._name, self._namespace)
        except NotFound:
            self._observe(await self._create())
            return True
        self._observe(lease)
        if not may_take(lease, self.identity, self._clock.monotonic() - self._seen_at):
            return False
        return await self._write(lease)

    async def _write(self, lease: Obj) -> bool:
        """Take or renew the lease as it was seen. False: it is another one by now."""
        try:
            self._observe(await self._client.update(LEASE, self._held(lease)))
        except (Conflict, NotFound):
            return False
        return True

    async def _create(self) -> Obj:
        metadata = {"name": self._name, "namespace": self._namespace}
        return await self._client.create(LEASE, {**self._held({"spec": {}}), "metadata": metadata})

    def _observe(self, lease: Obj) -> None:
        if lease.get("spec") != self._seen.get("spec"):
            self._seen_at = self._clock.monotonic()
        self._seen = lease

    def _holder(self) -> str:
        return str((self._seen.get("spec") or {}).get("holderIdentity") or "")

    def _held(self, lease: Obj) -> Obj:
        spec = dict(lease.get("spec") or {})
        now = rfc3339_micro(self._clock.now())
        if spec.get("holderIdentity") != self.identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = spec.get("leaseTransitions", 0) + (1 if spec.get("holderIdentity") else 0)
        spec |= {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(self._terms.duration),
            "renewTime": now,
        }
        return {**lease, "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}

    async def _release(self) -> None:
        """Let another process begin at once."""
        spec = {**(self._seen.get("spec") or {}), "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            async with asyncio.timeout(1):
                await self._client.update(LEASE, {**self._seen, "spec": spec})
        except (ApiError, TimeoutError) as error:
            log.debug("the lease was not given back: %s", error)


def may_take(lease: Obj, identity: str, unchanged: float) -> bool:
    """`unchanged`: for how many seconds the lease has looked the same."""
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity") or ""
    if holder in ("", identity) or is_gone(holder):
        return True
    return bool(unchanged > float(spec.get("leaseDurationSeconds", 0)))


def process_identity() -> str:
    """`host_place-pid-start`: names one process of one boot of one machine."""
    pid = os.getpid()
    return f"{socket.gethostname()}_{_place()}-{pid}-{_started(pid)}"


def is_gone(identity: str) -> bool:
    """Whether that process ran here and does no longer. False for what cannot be told."""
    host, _, rest = identity.rpartition("_")
    place, _, rest = rest.partition("-")
    pid, _, started = rest.partition("-")
    here = host == socket.gethostname() and place == _place()
    return here and pid.isdigit() and _started(int(pid)) != started


def _place() -> str:
    """This boot of this machine, as this process sees its process numbers."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().partition("-")[0]
    return f"{boot}.{os.stat('/proc/self/ns/pid').st_ino}"


def _started(pid: int) -> str:
    """When a process started, in clock ticks since the boot; empty if there is none that runs."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else fields[18]
