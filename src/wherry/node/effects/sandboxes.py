"""The pod's network, its sandbox, and the files that its containers share."""

import logging
import secrets
from pathlib import Path

from wherry.api import Obj
from wherry.engine.interface import EngineError
from wherry.node.job import Job
from wherry.node.network import NetworkError
from wherry.node.plan import view
from wherry.node.plan.actions import CreateSandbox, RemoveSandbox
from wherry.node.plan.podspec import host_network
from wherry.node.spec import files, sandbox

log = logging.getLogger(__name__)


async def create(job: Job, action: CreateSandbox) -> None:
    try:
        netns = await _network(job)
        _write_files(job)
        config = job.parts.config
        spec = sandbox.build(job.pod, secrets.token_hex(32), netns, config, job.parts.machine_hostname)
        await job.parts.engine.create_sandbox(spec)
        job.memory.sandbox_failure = None
    except (EngineError, NetworkError, OSError) as error:
        before = job.memory.sandbox_failure
        count = before.count + 1 if before else 1
        message = f"Failed to create pod sandbox: {error}"
        job.memory.sandbox_failure = view.Failure("FailedCreatePodSandBox", message, job.now, count)
        log.warning("pod %s: %s", "/".join(job.identity[:2]), message)
        job.event("Warning", "FailedCreatePodSandBox", message)


async def _network(job: Job) -> str | None:
    """The path of the pod's network namespace, or of the node's."""
    if host_network(job.pod):
        return job.parts.config.netns or None
    namespace, name, uid = job.identity
    address = await job.parts.network.setup(uid, namespace, name, sandbox.host_ports(job.pod))
    return address.netns_path


def hosts_path(job: Job) -> Path:
    return job.parts.config.pod_dir(job.uid) / "etc-hosts"


def resolver_path(job: Job) -> Path:
    return job.parts.config.pod_dir(job.uid) / "resolv.conf"


def _write_files(job: Job) -> None:
    config = job.parts.config
    hosts_path(job).parent.mkdir(parents=True, exist_ok=True)
    hosts_path(job).write_text(files.hosts(job.pod, job.addresses(), config.cluster_domain, _read("/etc/hosts")))
    of_node = files.parse_resolver(_read("/etc/resolv.conf"))
    resolver = files.resolver(job.pod, of_node, config.cluster_dns, config.cluster_domain)
    resolver_path(job).write_text(resolver.text())


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


async def remove(job: Job, action: RemoveSandbox) -> None:
    job.prober.keep(())
    # The sandbox goes last: as long as it is there, a restarted agent knows that there is something to remove.
    await job.parts.network.teardown(job.uid)
    await job.parts.engine.remove_sandbox(action.id)
    for known in (job.memory.hooks, job.memory.stops, job.memory.messages, job.memory.created):
        known.clear()


def shared_files(job: Job, container: Obj) -> dict[str, str]:
    """Files of the platform in a container: host path by path inside."""
    return {"/etc/hosts": str(hosts_path(job)), "/etc/resolv.conf": str(resolver_path(job))}
