"""The whole config.json."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wherry.engine.cgroups.plan import container_group, oci_resources
from wherry.engine.runtime.plan import mounts, security
from wherry.engine.runtime.plan.machine import Machine
from wherry.engine.runtime.plan.process import process
from wherry.engine.runtime.users import User
from wherry.engine.specs import ContainerSpec, Image, SandboxSpec

_BPF_ANNOTATION = "run.oci.seccomp_bpf_data"  # crun's: a program that needs no compiling


@dataclass(frozen=True, slots=True)
class Staged:
    """What the shell has made ready on this machine for one start. `seccomp`: OCI's form, None for no filter;
    `program`: the same, compiled. `mounts`: place in the specification -> path of the source. `holder`: pid that
    keeps the sandbox's namespaces; `netns`: path of the network namespace, "" for the engine's own."""

    rootfs: str
    shm: str
    holder: int
    netns: str
    user: User
    mounts: Mapping[int, str] = field(default_factory=dict)
    seccomp: dict[str, Any] | None = None
    program: bytes | None = None


def config(
    spec: ContainerSpec, image: Image, sandbox: SandboxSpec, machine: Machine, staged: Staged
) -> dict[str, Any]:
    """The OCI runtime's document for one container."""
    resources = oci_resources(spec.resources, machine.cgroup_version, machine.swap_accounting)
    resources["devices"] = security.device_rules(spec.security)
    linux: dict[str, Any] = {
        "cgroupsPath": "/" + container_group(sandbox.cgroup_parent, spec.id),
        "namespaces": security.namespaces(sandbox, staged.holder, staged.netns, machine.cgroup_version),
        "resources": resources,
        "devices": security.devices(spec.security, machine),
        "rootfsPropagation": mounts.root_propagation(spec),
        **security.paths(spec.security),
    }
    document: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "process": process(spec, image, staged.user, sandbox.hostname, machine),
        "root": {"path": staged.rootfs, "readonly": spec.security.read_only_root},
        "mounts": mounts.mounts(spec, staged.shm, staged.mounts),
        "linux": linux,
    }
    if staged.program is not None and machine.runtime == "crun":
        document["annotations"] = {_BPF_ANNOTATION: base64.b64encode(staged.program).decode()}
    elif staged.seccomp is not None:
        linux["seccomp"] = staged.seccomp
    return document
