"""From a specification to the OCI runtime's config.json, purely.

    config    the whole document
    process   arguments, environment, user, capabilities, limits
    mounts    the filesystems every container has, and the specification's own
    security  namespaces, masked paths, devices, seccomp
    machine   what this machine can do, as a value

Source of the form: the OCI runtime specification 1.0; of the defaults: what Docker and containerd give.
"""

from wherry.engine.runtime.plan.config import Staged, config
from wherry.engine.runtime.plan.machine import Device, Machine

__all__ = ["Device", "Machine", "Staged", "config"]
