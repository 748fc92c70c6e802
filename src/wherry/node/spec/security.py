"""Security contexts: the container's goes before the pod's."""

from pathlib import Path

from wherry.api import Obj
from wherry.engine.specs import Security

_SHARED = ("runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile", "appArmorProfile", "seLinuxOptions")


class NotAllowed(ValueError):
    """The container would break a promise of its security context."""


def effective(pod: Obj, container: Obj) -> Obj:
    """The merged context of one container."""
    shared = pod["spec"].get("securityContext") or {}
    own = container.get("securityContext") or {}
    return {key: shared[key] for key in _SHARED if shared.get(key) is not None} | {
        key: value for key, value in own.items() if value is not None
    }


def build(pod: Obj, container: Obj, image_user: str, seccomp_dir: Path) -> Security:
    """`image_user`: what the image's config says. Raises NotAllowed."""
    context = effective(pod, container)
    check_non_root(context, image_user)
    shared = pod["spec"].get("securityContext") or {}
    capabilities = context.get("capabilities") or {}
    groups = [shared["fsGroup"]] if shared.get("fsGroup") is not None else []
    groups += shared.get("supplementalGroups") or []
    privileged = bool(context.get("privileged"))
    return Security(
        user=_user(context, image_user),
        supplemental_groups=tuple(dict.fromkeys(groups)),
        add_capabilities=tuple(_capability(each) for each in capabilities.get("add") or []),
        drop_capabilities=tuple(_capability(each) for each in capabilities.get("drop") or []),
        privileged=privileged,
        read_only_root=bool(context.get("readOnlyRootFilesystem")),
        no_new_privileges=context.get("allowPrivilegeEscalation") is False,
        seccomp="unconfined" if privileged else _seccomp(context, seccomp_dir),
        unmasked_proc=context.get("procMount") == "Unmasked",
    )


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _user(context: Obj, image_user: str) -> str:
    user, group = context.get("runAsUser"), context.get("runAsGroup")
    if user is None and group is None:
        return ""
    name = str(user) if user is not None else image_user.partition(":")[0] or "0"
    return f"{name}:{group}" if group is not None else name


def _seccomp(context: Obj, directory: Path) -> str:
    profile = context.get("seccompProfile") or {}
    if profile.get("type") == "RuntimeDefault":
        return "runtime/default"
    if profile.get("type") == "Localhost":
        return str(directory / profile.get("localhostProfile", ""))
    return "unconfined"


def check_non_root(context: Obj, image_user: str) -> None:
    """Raises NotAllowed where runAsNonRoot would be broken, or cannot be proved."""
    if not context.get("runAsNonRoot"):
        return
    user = context.get("runAsUser")
    if user is not None:
        if user == 0:
            raise NotAllowed("container's runAsUser breaks non-root policy")
        return
    name = image_user.partition(":")[0]
    if name in ("", "0"):
        raise NotAllowed("container has runAsNonRoot and image will run as root")
    if not name.isdigit():
        message = (
            f"container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root"
        )
        raise NotAllowed(message)
