"""`stop` and `delete`.

`stop` ends the supervisor, then the agents and controllers, then the containers, then the API server, so that each
finds what it needs while it ends. Containers get their chance to end by themselves; after `GRACE` they are killed.
`delete` then takes away everything that the cluster made in the kernel and on disk, whatever of it is there.
"""

import os
import shutil
import signal
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wherry.linux import cgroupfs, mounts, procs
from wherry.local import claims, config
from wherry.local.config import ClusterConfig
from wherry.local.errors import ConfigError
from wherry.local.layout import Layout
from wherry.local.start import Step, remove_if_empty
from wherry.local.supervisor import guardian, records
from wherry.local.supervisor.parts import APISERVER
from wherry.pki.files import locked, locked_directory

PARENT = "wherry"  # the cgroup that the profiles' cgroups are in
GRACE = 5.0  # seconds for containers
PROCESS_GRACE = 10.0  # seconds for the cluster's own processes
MONITOR_GRACE = 2.0  # seconds for conmon to write a container's end down


def stop(layout: Layout, step: Step, grace: float = GRACE) -> bool:
    """End everything of a profile that runs; its state stays. `grace`: seconds for containers. False: nothing ran."""
    with locked(layout.run / "supervisor.start"):
        guardian.enabled(layout).unlink(missing_ok=True)
    names = records.names(layout.run)
    if not any(records.pid_of(layout.run, name) for name in names) and not container_processes(layout):
        return False
    _end(layout, [guardian.NAME])
    with step("Stopping the nodes and the controllers"):
        _end(layout, [name for name in names if name != APISERVER])
    with step("Stopping containers"):
        _end_containers(layout, grace)
    with step("Stopping the API server"):
        _end(layout, [APISERVER])
    return True


def delete(layout: Layout, step: Step) -> bool:
    """Leave nothing of a profile. False: there was nothing."""
    if not layout.directory.exists():
        return False
    with locked_directory(layout.home):
        stop(layout, step, grace=0)
        with step("Removing the network, control groups and files"):
            _remove_network(layout)
            _remove_groups(layout)
            unmount_below(layout.directory)
            shutil.rmtree(layout.directory)
            claims.release(layout.directory)
        remove_if_empty(layout.home)
    return True


def group(layout: Layout) -> str:
    """The cgroup that the profile's containers are in."""
    return f"{PARENT}/{layout.profile}"


def container_processes(layout: Layout) -> set[int]:
    """Processes in the profile's containers."""
    return cgroupfs.processes(cgroupfs.discover(), group(layout))


def _end(layout: Layout, names: Iterable[str]) -> None:
    with _opened(pid for name in names if (pid := records.pid_of(layout.run, name))) as found:
        _end_all(found.values(), PROCESS_GRACE)


def _end_containers(layout: Layout, grace: float) -> None:
    """First the containers; what watches over them from outside then ends by itself, having written how it went."""
    with _opened(container_processes(layout)) as inside:
        deaf = {pid for pid in inside if not _hears_term(pid)}
        _end_all([pidfd for pid, pidfd in inside.items() if pid not in deaf], grace)
        cgroupfs.kill(cgroupfs.discover(), group(layout))
        _wait(inside.values(), PROCESS_GRACE)
    with _opened(_mentioning(f"{layout.nodes}/")) as outside:
        for pidfd in _wait(outside.values(), MONITOR_GRACE):
            procs.send_signal(pidfd, signal.SIGKILL)
        _wait(outside.values(), PROCESS_GRACE)


def _hears_term(pid: int) -> bool:
    """A container's first process gets no signal that it has no handler for, except SIGKILL: waiting is in vain."""
    try:
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
        )
    except OSError:
        return False
    first = status.get("NSpid", "").split()[-1:] == ["1"]
    return not first or bool(int(status.get("SigCgt", "0"), 16) >> (signal.SIGTERM - 1) & 1)


def _end_all(pidfds: Collection[int], grace: float) -> None:
    """SIGTERM to all, SIGKILL to those that are still there after `grace` seconds; returns when all ended."""
    for pidfd in pidfds:
        procs.send_signal(pidfd, signal.SIGTERM)
    for pidfd in _wait(pidfds, grace):
        procs.send_signal(pidfd, signal.SIGKILL)
    _wait(pidfds, PROCESS_GRACE)


def _wait(pidfds: Iterable[int], seconds: float) -> list[int]:
    """Those that have not ended after `seconds`."""
    deadline = time.monotonic() + seconds
    return [pidfd for pidfd in pidfds if not records.has_ended(pidfd, max(0.0, deadline - time.monotonic()))]


@contextmanager
def _opened(pids: Iterable[int]) -> Iterator[dict[int, int]]:
    """pid -> pidfd of those that are alive."""
    found = {pid: pidfd for pid in pids if pid != os.getpid() and (pidfd := procs.open_pidfd(pid)) is not None}
    try:
        yield found
    finally:
        for pidfd in found.values():
            os.close(pidfd)


def _mentioning(path: str) -> list[int]:
    """Processes with `path` in their command line: conmon is started with the bundle's."""
    needle, found = path.encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if needle in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue  # it ended
    return found


def _remove_groups(layout: Layout) -> None:
    hierarchies = cgroupfs.discover()
    cgroupfs.remove(hierarchies, group(layout))
    for folder in hierarchies.folders(PARENT):
        remove_if_empty(folder)


def _remove_network(layout: Layout) -> None:
    from wherry.local.network import machine_network, remove

    remove(machine_network(_config(layout)))


def _config(layout: Layout) -> ClusterConfig:
    """The profile's config, or what can be told without it: enough to find what it made."""
    try:
        found = config.load(layout.config)
    except ConfigError:
        found = None
    return found or ClusterConfig(layout.profile, index=claims.index_of(layout.directory) or 0)


def unmount_below(directory: Path) -> None:
    """Detach every mount below `directory`, the innermost first."""
    found = [Path(mount.target) for mount in mounts.all_mounts() if Path(mount.target).is_relative_to(directory)]
    for target in reversed(found):
        mounts.unmount(target)
