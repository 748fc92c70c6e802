"""Waiting until a started cluster can be used: its API answers, its nodes are Ready, pods can be made.

Only the API server's first answer is asked for again and again; everything after it is watched.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from wherry.api import Obj, kinds, meta
from wherry.api.kinds import Kind
from wherry.client.interface import ApiError, Client, Gone, Unreachable
from wherry.client.rest import from_kubeconfig
from wherry.lib import timestamps
from wherry.local.config import ClusterConfig
from wherry.local.errors import NotReady, NotStarted
from wherry.local.layout import Layout
from wherry.local.start import Started, Step
from wherry.local.supervisor import records
from wherry.local.supervisor.parts import APISERVER

KNOCK = 0.01  # seconds between attempts; a refused connection costs next to nothing
ANSWER = 1.0  # seconds; whoever listens there and takes longer is not the server
LIVES = 3  # processes, until it is clear that no further one will stay
NOISE = 0.3  # seconds after which a watch that broke is tried again


async def wait(started: Started, step: Step, timeout: float) -> None:
    """Returns when the cluster is ready. Raises NotReady after `timeout` seconds."""
    config, layout = started.config, started.layout
    deadline = time.monotonic() + timeout
    client = from_kubeconfig(layout.admin_kubeconfig)
    try:
        with step("Waiting for the API server"):
            await _within(
                deadline, _answers(client, layout), "the API server does not answer; see `wherry logs apiserver`"
            )
        with step(f"Waiting for {_nodes(config)}"):
            waiting = {node.name for node in config.nodes}
            await _within(deadline, _all_ready(client, waiting, started.since), lambda: _not_ready(waiting))
        with step("Waiting for the default service account"):
            account = until(client, kinds.SERVICE_ACCOUNT, lambda obj: meta.key(obj) == "default/default", "default")
            await _within(deadline, account, "there is no default service account; see `wherry logs controllers`")
    finally:
        await client.close()


async def until(client: Client, kind: Kind, accept: Callable[[Obj], bool], namespace: str | None = None) -> Obj:
    """The first object that `accept` likes, among those that are there and those that come. Goes on by itself when
    the server goes away and comes back."""
    while True:
        try:
            listed = await client.list(kind, namespace)
            found = next(filter(accept, listed.items), None)
            if found is not None:
                return found
            events = client.watch(kind, namespace, resource_version=listed.resource_version)
            async for event in events:
                if event.type in ("ADDED", "MODIFIED") and accept(event.object):
                    return event.object
        except Gone:
            continue
        except ApiError as error:
            if not error.retryable:
                raise
            await asyncio.sleep(NOISE)


def is_ready(node: Obj, since: float = 0) -> bool:
    """Whether a node says so. `since`: what it said before that time does not count; times are whole seconds."""
    condition = meta.condition(node, "Ready") or {}
    heard = timestamps.parse(condition["lastHeartbeatTime"]) if condition.get("lastHeartbeatTime") else 0.0
    return condition.get("status") == "True" and heard >= int(since)


async def _answers(client: Client, layout: Layout) -> None:
    """Raises NotStarted when the server ends again and again: waiting would not help."""
    lives: set[int | None] = set()
    while len(lives) <= LIVES:
        try:
            async with asyncio.timeout(ANSWER):
                if (await client.request("GET", "/readyz")).status == 200:
                    return
        except (Unreachable, TimeoutError):
            pass
        lives.add(records.pid_of(layout.run, APISERVER))
        await asyncio.sleep(KNOCK)
    raise NotStarted(f"the API server cannot start; its last words: {last_line(layout.logs / f'{APISERVER}.log')}")


async def _all_ready(client: Client, waiting: set[str], since: float) -> None:
    """Takes each node out of `waiting` as it becomes Ready, by a word of its agent that is not older than `since`."""

    def accept(node: Obj) -> bool:
        if is_ready(node, since):
            waiting.discard(meta.name(node))
        return not waiting

    await until(client, kinds.NODE, accept)


async def _within(deadline: float, work: Awaitable[object], reason: str | Callable[[], str]) -> None:
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            await work
    except TimeoutError:
        raise NotReady(reason if isinstance(reason, str) else reason()) from None


def last_line(path: Path) -> str:
    """Of a log, "" if it has none."""
    lines = path.read_text(errors="replace").split("\n") if path.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _nodes(config: ClusterConfig) -> str:
    return "the node" if config.node_count == 1 else f"{config.node_count} nodes"


def _not_ready(names: Collection[str]) -> str:
    several = len(names) > 1
    listed = ", ".join(sorted(names))
    first = sorted(names)[0]
    return f"{'nodes' if several else 'node'} {listed} did not become Ready; see `wherry logs node-{first}`"
