"""The supervisor's shell: pidfds in, processes out.

It sleeps in one poll over the parts' pidfds and a signal pipe. Parts are not tied to it: they outlive its death, and
the next supervisor adopts them by their records. SIGHUP: read the config again. SIGTERM: leave (the parts stay).
"""

import logging
import os
import select
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from wherry.linux import procs
from wherry.local import config
from wherry.local.config import ClusterConfig
from wherry.local.errors import ConfigError
from wherry.local.layout import Layout
from wherry.local.supervisor import guardian, records
from wherry.local.supervisor.parts import Part, parts
from wherry.local.supervisor.plan import Life, ended, plan, started
from wherry.local.supervisor.spawn import spawn

log = logging.getLogger(__name__)

PartsOf = Callable[[ClusterConfig, Layout], tuple[Part, ...]]

LOG_LIMIT = 10_000_000  # bytes; one older file is kept
LOG_CHECK = 10.0  # seconds


class Supervisor:
    """Keeps one profile's parts running until it is told to leave."""

    def __init__(self, layout: Layout, parts: PartsOf = parts) -> None:
        self._layout, self._parts = layout, parts
        self._wanted: tuple[Part, ...] = ()
        self._lives: dict[str, Life] = {}
        self._pidfds: dict[int, str] = {}
        self._poll = select.poll()
        self._leaving = False

    def run(self) -> None:
        wakeups = self._catch_signals()
        self._read_config()
        self._adopt()
        records.write(self._layout.run, guardian.NAME, os.getpid())
        log.info("supervising %s", ", ".join(part.name for part in self._wanted))
        while not self._leaving and guardian.enabled(self._layout).exists():
            delay = self._act()
            for descriptor, _ in self._poll.poll(delay * 1000):
                if descriptor == wakeups:
                    os.read(wakeups, 64)
                else:
                    self._ended(descriptor)
            _rotate(self._layout.logs)

    def _catch_signals(self) -> int:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGHUP, self._handler(self._read_config))
        signal.signal(signal.SIGTERM, self._handler(self._leave))
        signal.signal(signal.SIGINT, self._handler(self._leave))
        self._poll.register(reader, select.POLLIN)
        return reader

    @staticmethod
    def _handler(act: Callable[[], None]) -> Callable[..., None]:
        return lambda *_: act()

    def _leave(self) -> None:
        self._leaving = True

    def _read_config(self) -> None:
        try:
            cluster = config.load(self._layout.config)
        except ConfigError as error:
            log.error("%s; going on as before", error)
            return
        self._wanted = self._parts(cluster, self._layout) if cluster else ()

    def _adopt(self) -> None:
        for name in records.names(self._layout.run):
            pidfd = records.open_process(self._layout.run, name)
            if pidfd is not None and name != guardian.NAME:
                log.info("adopting %s", name)
                self._watch(name, pidfd)

    def _watch(self, name: str, pidfd: int) -> None:
        self._lives[name] = started(self._lives.get(name), time.monotonic())
        self._pidfds[pidfd] = name
        self._poll.register(pidfd, select.POLLIN)

    def _act(self) -> float:
        """Carry out the plan. Seconds until it must be made again."""
        now = time.monotonic()
        start, again = plan(self._wanted, self._lives, now)
        for part in start:
            self._start(part)
        return LOG_CHECK if again is None else min(LOG_CHECK, max(0.01, again - now))

    def _start(self, part: Part) -> None:
        environment = {**os.environ, guardian.VARIABLE: str(self._layout.directory)}
        # One thread and few arenas: parts are small and many on one machine.
        environment |= {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
        pid = spawn(part.command, self._layout.logs / f"{part.name}.log", environment)
        records.write(self._layout.run, part.name, pid)
        self._watch(part.name, os.pidfd_open(pid))
        log.info("started %s as process %d", part.name, pid)

    def _ended(self, pidfd: int) -> None:
        name = self._pidfds.pop(pidfd)
        code = procs.reap(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        self._lives[name] = ended(self._lives[name], time.monotonic())
        log.warning("%s ended%s", name, "" if code is None else f" with exit code {code}")


def _rotate(logs: Path) -> None:
    """Move the content of logs that grew too long to <name>.1. The parts keep their open file: it is emptied."""
    for path in logs.glob("*.log"):
        if path.stat().st_size > LOG_LIMIT:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)
