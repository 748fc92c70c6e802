"""`process`: what runs, as whom, with what rights and limits."""

from typing import Any

from wherry.engine.runtime.plan.machine import Machine
from wherry.engine.runtime.users import User
from wherry.engine.specs import ContainerSpec, Image, Security

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

DEFAULT_CAPABILITIES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
    "AUDIT_WRITE",
)
"""Docker's and containerd's fourteen."""

_OPEN_FILES = 1_048_576


def command_line(spec: ContainerSpec, image: Image) -> list[str]:
    """Kubernetes' table: `command` replaces entrypoint and drops the image's command, `args` replaces the command."""
    if spec.command:
        return [*spec.command, *spec.args]
    return [*image.entrypoint, *(spec.args or image.command)]


def environment(spec: ContainerSpec, image: Image, hostname: str) -> list[str]:
    """The image's variables, then the specification's; the last of a name wins, in the place of the first."""
    found = {"PATH": DEFAULT_PATH, "HOSTNAME": hostname}
    if spec.tty:
        found["TERM"] = "xterm"
    found.update({name: value for name, _, value in (entry.partition("=") for entry in image.env)})
    found.update(spec.env)
    return [f"{name}={value}" for name, value in found.items() if value or name != "HOSTNAME"]


def capabilities(security: Security, machine: Machine) -> list[str]:
    """What the process may do: Docker's default, changed as asked, never more than the machine itself may."""
    if security.privileged:
        return sorted(machine.capabilities)
    added, dropped = _names(security.add_capabilities), _names(security.drop_capabilities)
    found = set(machine.capabilities) if "ALL" in added else set(DEFAULT_CAPABILITIES)
    if "ALL" in dropped:
        found = set(machine.capabilities) & added if "ALL" in added else set()
    found = (found - dropped) | (added - {"ALL"})
    return sorted(found & machine.capabilities)


def process(spec: ContainerSpec, image: Image, user: User, hostname: str, machine: Machine) -> dict[str, Any]:
    """The `process` object; an exec in the container uses it too, with other arguments."""
    allowed = [f"CAP_{name}" for name in capabilities(spec.security, machine)]
    groups = sorted({user.gid, *user.groups, *spec.security.supplemental_groups})
    nofile = _OPEN_FILES if machine.nofile < 0 else min(_OPEN_FILES, machine.nofile)
    return {
        "terminal": spec.tty,
        "user": {"uid": user.uid, "gid": user.gid, "additionalGids": groups},
        "args": command_line(spec, image),
        "env": environment(spec, image, hostname),
        "cwd": spec.working_dir or image.working_dir or "/",
        # No inheritable set: a file's own capabilities must not add to it (CVE-2022-24769).
        "capabilities": {"bounding": allowed, "effective": allowed, "permitted": allowed},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": nofile, "hard": nofile}],
        "noNewPrivileges": spec.security.no_new_privileges,
        "oomScoreAdj": max(spec.resources.oom_score_adj, machine.oom_floor),
    }


def _names(capability_names: tuple[str, ...]) -> set[str]:
    return {name.upper().removeprefix("CAP_") for name in capability_names}
