"""`start`: from nothing, from a stopped cluster, or with more nodes than before, to a cluster that runs.

Each step may be repeated: what is there already is kept. A first start that fails before any process runs takes back
what it did.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from wherry.local import claims, config, doctor, ports
from wherry.local.config import MAX_PROFILES, USUAL_PORT, ClusterConfig, with_nodes
from wherry.local.errors import ChoiceError, MachineLacks, NotPermitted, PortInUse
from wherry.local.layout import Layout, layout
from wherry.local.supervisor import guardian, records
from wherry.pki.files import locked_directory

Step = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Request:
    """What a user asked for; None where nothing was said."""

    profile: str
    nodes: int | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """What runs now. `already`: all its processes did before. `since`: when they were started, 0 if it was before;
    seconds since the epoch."""

    config: ClusterConfig
    layout: Layout
    already: bool
    since: float = 0.0


def start(request: Request, step: Step) -> Started:
    """Start a cluster's processes; they become ready later (`readiness`). Raises LocalError, NetworkConflict."""
    with step("Checking the machine"):
        check_machine()
    paths = layout(request.profile)
    with locked_directory(paths.home):
        before = config.load(paths.config)
        running = records.pid_of(paths.run, guardian.NAME) is not None
        try:
            wanted = _make_network(_choose(request, before, running), before, paths, step)
        except BaseException:
            if before is None:
                _take_back(paths)
            raise
        if running and wanted == before:
            return Started(wanted, paths, already=True)
        with step("Making keys and certificates"):
            _issue(wanted, paths)
            config.save(paths.config, wanted)
        since = 0.0 if running else time.time()
        with step("Starting processes"):
            _start_processes(paths)
        return Started(wanted, paths, already=False, since=since)


def check_machine() -> None:
    """Raises NotPermitted, MachineLacks."""
    lacking = [finding for finding in doctor.examine("required") if not finding.ok]
    if any(finding.name == "root" for finding in lacking):
        raise NotPermitted("a cluster needs root: it makes namespaces, networks and containers; sudo wherry start")
    if lacking:
        lines = [f"{finding.name}: {finding.found}\n    {finding.remedy}" for finding in lacking]
        raise MachineLacks("this machine lacks what a cluster needs:\n  " + "\n  ".join(lines))


def _choose(request: Request, before: ClusterConfig | None, running: bool) -> ClusterConfig:
    """The config that is asked for, over what there was."""
    chosen = before or ClusterConfig(request.profile)
    if request.nodes is not None:
        chosen = with_nodes(chosen, request.nodes)
    if request.port is not None and request.port != chosen.port:
        if running:
            raise ChoiceError(
                f"the API server listens on port {chosen.port}; `wherry stop` before giving it another --port"
            )
        chosen = replace(chosen, port=request.port)
    if not running and (before or request.port is not None):
        _check_port(chosen.port)
    elif before is None:
        chosen = replace(chosen, port=0)  # follows from the index
    return chosen


def _check_port(port: int) -> None:
    if not ports.is_free("127.0.0.1", port):
        raise PortInUse(
            f"port {port}, which the API server needs, is in use by {ports.owner(port)}; "
            f"end that, or choose another: wherry start --port {_free_port(port + 1)}"
        )


def _free_port(first: int) -> int:
    """The first that is free, in steps that stay out of the other profiles' way."""
    candidates = range(first, 65536, MAX_PROFILES)
    return next((port for port in candidates if ports.is_free("127.0.0.1", port)), first)


def _make_network(wanted: ClusterConfig, before: ClusterConfig | None, paths: Layout, step: Step) -> ClusterConfig:
    """Claim networks and make them. A new profile takes the first whose addresses nothing else uses."""
    from wherry.local.network import NetworkConflict, ensure, machine_network

    paths.directory.mkdir(parents=True, exist_ok=True)
    avoid: set[int] = set()
    with step("Making the network"):
        while True:
            index = claims.claim(paths.directory, wanted.index if before else None, avoid)
            chosen = replace(wanted, index=index, port=wanted.port or _free_port(USUAL_PORT + index))
            try:
                ensure(machine_network(chosen))
            except NetworkConflict:
                claims.release(paths.directory)
                avoid.add(index)
                if before or len(avoid) == MAX_PROFILES:
                    raise
            else:
                return chosen


def _issue(wanted: ClusterConfig, paths: Layout) -> None:
    from wherry.local import credentials  # cryptography and TLS, 150 ms

    credentials.issue(wanted, paths)


def _start_processes(paths: Layout) -> None:
    for directory in (paths.run, paths.logs, paths.images):
        directory.mkdir(parents=True, exist_ok=True)
    for directory in (paths.apiserver, paths.nodes):  # Secrets, in the store and as files
        directory.chmod(0o700)
    guardian.enabled(paths).touch()
    guardian.ensure_supervisor(paths)
    supervisor = records.pid_of(paths.run, guardian.NAME)
    if supervisor:
        os.kill(supervisor, signal.SIGHUP)


def remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        pass  # something else is in it, or it is gone


def _take_back(paths: Layout) -> None:
    claims.release(paths.directory)
    remove_if_empty(paths.directory)
    remove_if_empty(paths.home)
