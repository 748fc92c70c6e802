"""Ten thousand services into a kernel: the service proxy's default backend, in a network namespace of its own."""

import os
import statistics
import time

from wherry.linux import netns
from wherry.proxy.backends import BACKENDS, NodeAddresses
from wherry.proxy.plan import Frontend, Rule, Target

SERVICES = 10_000
CHANGES = 20


def _address(n: int, first: int) -> str:
    return f"{first}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def _rule(n: int) -> Rule:
    targets = tuple(Target(_address(3 * n + each, 10), 8080) for each in range(3))
    return Rule(targets)


def load_and_change() -> dict[str, float]:
    """Seconds to load everything, median milliseconds for one change."""
    name = f"wherry-bench-{os.getpid()}"
    netns.ensure(name)
    try:
        with netns.executor(name) as inside:
            return inside.submit(_measure).result()
    finally:
        netns.delete(name)
        netns.release_directory()


def _measure() -> dict[str, float]:
    backend = next(iter(BACKENDS.values()))()
    table = {Frontend(_address(n, 11), "TCP", 80): _rule(n) for n in range(SERVICES)}
    started = time.perf_counter()
    backend.load(NodeAddresses("192.168.200.2", ["10.244.0.0/24"]), table)
    loaded = time.perf_counter() - started
    times = []
    for n in range(CHANGES):
        started = time.perf_counter()
        backend.change({Frontend(_address(n, 11), "TCP", 80): _rule(SERVICES + n)})
        times.append(time.perf_counter() - started)
    backend.close()
    return {"services_load": loaded, "services_change": statistics.median(times) * 1000}
