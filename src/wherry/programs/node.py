"""One node: agent, container engine, service proxy and DNS in one process, inside the node's network namespace.

SIGTERM ends the process and leaves the containers running; the next one adopts them.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wherry.aio.clock import RealClock
from wherry.aio.tasks import Tasks
from wherry.api.kinds import ENDPOINT_SLICE, SERVICE
from wherry.client.events import Recorder
from wherry.client.informer import Informer
from wherry.client.interface import ApiError, Client
from wherry.dns import publish
from wherry.dns.server import DnsConfig, DnsServer
from wherry.engine.interface import Engine
from wherry.node import machine
from wherry.node.agent import Agent, pods_of
from wherry.node.config import NodeConfig
from wherry.node.evictions import Evictions
from wherry.node.network import NetworkConfig, NodeRoutes, PodNetwork
from wherry.node.objects import Objects
from wherry.node.parts import Parts
from wherry.node.plan.nodestatus import Machine, allocatable
from wherry.node.pulling import Puller
from wherry.node.server import routes
from wherry.node.status import NodeStatus
from wherry.node.tokens import Tokens
from wherry.proxy.proxy import Proxy, ProxyConfig

log = logging.getLogger(__name__)


class StartError(Exception):
    """The node cannot start; the message is for the user."""


@dataclass(slots=True)
class Flags:
    """What `wherry node` was told."""

    name: str
    kubeconfig: Path
    state_dir: Path
    images: Path
    address: str
    pod_cidr: str = ""
    netns: str = ""
    profile: str = "wherry"
    cluster_dns: str = "10.96.0.10"
    cluster_domain: str = "cluster.local"


def run(flags: Flags) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    import uvloop

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        home = _enter(flags)
        uvloop.run(_serve(flags, home))
    except StartError as error:
        print(f"wherry node: {error}", file=sys.stderr)
        return 1
    return 0


def _enter(flags: Flags) -> str | None:
    """Move the whole process, which has one thread so far, into the node's network namespace; a path that leads back
    to the one it was started in."""
    from wherry.linux import netns

    if os.geteuid():
        raise StartError("a node needs root: it makes namespaces, networks and containers")
    try:
        flags.state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"{flags.state_dir}: {error.strerror}") from error
    if not flags.netns:
        return None
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        netns.enter(flags.netns)
    except OSError as error:
        raise StartError(f"the network namespace {flags.netns} cannot be entered: {error.strerror}") from error
    return f"/proc/self/fd/{home}"


async def _serve(flags: Flags, home: str | None) -> None:
    from wherry.client.kubeconfig import KubeconfigError, load
    from wherry.client.rest import from_kubeconfig
    from wherry.engine import open as open_engine
    from wherry.engine.interface import EngineError

    try:
        access = load(flags.kubeconfig)
        client = from_kubeconfig(flags.kubeconfig, user_agent="wherry-node")
        engine = await open_engine(flags.state_dir, flags.images)
    except (KubeconfigError, EngineError) as error:
        raise StartError(str(error)) from error
    try:
        await _run(flags, home, client, engine, access.ca)
    finally:
        await engine.close()
        await client.close()


async def _run(flags: Flags, home: str | None, client: Client, engine: Engine, authority: bytes) -> None:
    """Register, then run everything at once, until a signal comes or a part fails."""
    facts = machine.describe(flags.name, flags.state_dir)
    clock = RealClock()
    status = NodeStatus(_config(flags, facts, flags.pod_cidr), facts, client, engine, clock)
    pod_cidr = await _unless_signalled(status.register())
    if pod_cidr is None:
        return
    recorder = Recorder(client, clock, "kubelet", flags.name)
    services, slices = Informer(client, SERVICE), Informer(client, ENDPOINT_SLICE)
    pods = pods_of(client, flags.name)
    parts = _parts(_config(flags, facts, pod_cidr), client, engine, recorder, services, pods)
    agent = Agent(parts, pods, services)
    proxy = Proxy(client, ProxyConfig(flags.name, flags.address, (pod_cidr,)), services, slices)
    where = ((flags.address, publish.PORT),)
    names = DnsConfig(where, flags.cluster_domain, flags.cluster_dns, upstream_netns=home)
    dns = DnsServer(client, names, services, slices)
    async with Tasks() as tasks:
        for name, work in (
            ("events", recorder.run()),
            ("services", services.run()),
            ("endpoint slices", slices.run()),
            ("lease", status.keep_lease()),
            ("node status", status.keep_status()),
            ("routes to other nodes", NodeRoutes(client, flags.name).run()),
            ("agent", agent.run()),
            ("evictions", Evictions(parts, facts, agent.evict).run()),
            ("node server", _server(flags, parts, agent, facts, authority)),
            ("service proxy", proxy.run()),
            ("DNS", dns.run()),
            ("DNS service", _publish_dns(flags, client, dns)),
        ):
            tasks.start(work, name)
        await _unless_signalled(tasks.wait())
        log.info("stopping; containers go on")


def _config(flags: Flags, facts: Machine, pod_cidr: str) -> NodeConfig:
    return NodeConfig(
        name=flags.name,
        address=flags.address,
        state_dir=flags.state_dir,
        profile=flags.profile,
        pod_cidr=pod_cidr,
        cluster_dns=flags.cluster_dns,
        cluster_domain=flags.cluster_domain,
        netns=flags.netns,
        boot_id=facts.boot_id,
        capacity=allocatable(facts),
        memory=facts.memory,
    )


def _parts(
    config: NodeConfig, client: Client, engine: Engine, recorder: Recorder, services: Informer, pods: Informer
) -> Parts:
    clock = RealClock()
    prefix = Path(config.netns).name if config.netns else f"wherry-{config.profile}-{config.name}"
    network = NetworkConfig(
        state_dir=config.state_dir, pod_cidr=config.pod_cidr, node_ip=config.address, netns_prefix=prefix
    )
    return Parts(
        config=config,
        client=client,
        engine=engine,
        network=PodNetwork(network),
        clock=clock,
        recorder=recorder,
        objects=Objects(client, clock),
        tokens=Tokens(client, clock),
        puller=Puller(engine.images),
        services=lambda: services.store.values(),
        pods=lambda: pods.store.values(),
        machine_hostname=socket.gethostname(),
    )


async def _publish_dns(flags: Flags, client: Client, dns: DnsServer) -> None:
    """Put this node's server behind the cluster's DNS service, once it answers."""
    await dns.ready()
    while True:
        try:
            await publish.ensure_service(client, flags.cluster_dns)
            await publish.publish(client, flags.name, flags.address)
            return
        except ApiError as error:
            log.warning("DNS is not published yet: %s", error)
            await asyncio.sleep(1.0)


async def _server(flags: Flags, parts: Parts, agent: Agent, facts: Machine, authority: bytes) -> None:
    """The node's own API, until cancelled."""
    certificate, key = flags.state_dir / "server.crt", flags.state_dir / "server.key"
    try:
        context = routes.tls(certificate, key, authority)
        server = await routes.NodeServer(parts, agent, facts).start(context, flags.address, parts.config.port)
    except OSError as error:
        raise StartError(f"the node's server on {flags.address} port {parts.config.port}: {error}") from error
    try:
        await asyncio.Event().wait()
    finally:
        await server.close(timeout=1.0)


async def _unless_signalled(work: Awaitable[Any]) -> Any:
    """What `work` gives; None when SIGTERM or SIGINT comes first."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    task, signalled = asyncio.ensure_future(work), asyncio.ensure_future(done.wait())
    try:
        await asyncio.wait([task, signalled], return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        signalled.cancel()
        await asyncio.gather(task, signalled, return_exceptions=True)


def parse(arguments: list[str] | None = None) -> Flags:
    """Flags from a command line."""
    parser = argparse.ArgumentParser(prog="wherry node", description="Run a node.")
    parser.add_argument("--name", required=True, help="the node's name")
    for flag, what in (
        ("kubeconfig", "how to reach the API server"),
        ("state-dir", "pods, volumes, containers, logs"),
    ):
        parser.add_argument(f"--{flag}", type=Path, required=True, help=what)
    parser.add_argument("--images", type=Path, required=True, help="the image store")
    parser.add_argument("--address", required=True, help="the node's address")
    parser.add_argument("--pod-cidr", default="", help="addresses of its pods (default: as the Node says)")
    parser.add_argument("--netns", default="", help="its network namespace (default: this one)")
    parser.add_argument("--profile", default="wherry", help="the cluster, in the names of cgroups")
    parser.add_argument("--cluster-dns", default="10.96.0.10")
    parser.add_argument("--cluster-domain", default="cluster.local")
    return Flags(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(run(parse()))
