"""The scheduler and all controllers: flags, clients, leader election, run, stop."""

import argparse
import asyncio
import gc
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from wherry.client.interface import Client, Unreachable
from wherry.client.kubeconfig import KubeconfigError, load

log = logging.getLogger(__name__)

EXIT_UNUSABLE = 1
LEASE = "kube-controller-manager"
WAIT = 0.1  # seconds between attempts to reach the API server at the start


class StartError(Exception):
    """The process cannot do its work; the message is for the user."""


@dataclass(slots=True)
class Flags:
    """What `wherry controllers` was told. `scheduler_kubeconfig`: the scheduler's own identity; by default the file
    `scheduler` beside the first, if there is one, else the same."""

    kubeconfig: Path
    scheduler_kubeconfig: Path | None = None

    @property
    def for_scheduler(self) -> Path:
        beside = self.kubeconfig.parent / "scheduler"
        return self.scheduler_kubeconfig or (beside if beside.is_file() else self.kubeconfig)


def run(flags: Flags) -> int:
    """Work until SIGTERM or SIGINT; the exit code."""
    import uvloop

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Caches are millions of small objects that live long: a full collection over them would stop everything.
    gc.set_threshold(50_000, 50, 1000)
    try:
        uvloop.run(_until_signalled(flags))
    except (KubeconfigError, StartError) as error:
        print(f"wherry controllers: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_UNUSABLE
    return 0


async def _until_signalled(flags: Flags) -> None:
    loop, work = asyncio.get_running_loop(), asyncio.ensure_future(_work(flags))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        log.info("stopping")


async def _work(flags: Flags) -> None:
    from wherry.aio.clock import RealClock
    from wherry.client.rest import from_kubeconfig
    from wherry.controllers import ALL
    from wherry.controllers.context import Options
    from wherry.controllers.leader import Leader
    from wherry.controllers.manager import Manager
    from wherry.scheduler.scheduler import Scheduler

    if not flags.kubeconfig.is_file():
        raise StartError(f"there is no kubeconfig at {flags.kubeconfig}")
    access = load(flags.kubeconfig)
    client = from_kubeconfig(flags.kubeconfig, user_agent="wherry-controllers")
    scheduling = from_kubeconfig(flags.for_scheduler, user_agent="wherry-scheduler")
    clock = RealClock()

    async def act() -> None:
        manager = Manager(client, clock, ALL, Options(root_certificate=access.ca.decode()))
        async with asyncio.TaskGroup() as group:
            group.create_task(manager.run())
            group.create_task(Scheduler(scheduling, clock).run())

    try:
        await _reachable(client, access.server)
        await Leader(client, clock, LEASE).run(act)
    finally:
        await client.close()
        await scheduling.close()


async def _reachable(client: Client, server: str) -> None:
    """Until the API server answers. Raises StartError if it does not know us."""
    told = ""
    while True:
        try:
            answer = await client.request("GET", "/api")
        except Unreachable as error:
            if told != str(error):
                told = str(error)
                log.info("waiting for %s: %s", server, error)
        else:
            if answer.status == 401:
                raise StartError(f"{server} does not accept the kubeconfig's credentials")
            return
        await asyncio.sleep(WAIT)


def parse(arguments: list[str] | None = None) -> Flags:
    """Flags from a command line."""
    parser = argparse.ArgumentParser(prog="wherry controllers", description="Run the scheduler and all controllers.")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="where the API server is and who we are")
    parser.add_argument("--scheduler-kubeconfig", type=Path, help="the scheduler's own identity")
    given = parser.parse_args(arguments)
    return Flags(given.kubeconfig, given.scheduler_kubeconfig)


if __name__ == "__main__":
    sys.exit(run(parse()))
