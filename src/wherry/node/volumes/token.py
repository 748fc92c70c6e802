"""serviceAccountToken: a source of projected volumes."""

from wherry.api import Obj
from wherry.node.volumes import files, ownership
from wherry.node.volumes.interface import Context

_PRIVATE = 0o600
_LIFE = 3600


async def source(config: Obj, context: Context, default_mode: int) -> files.Payload:
    """Readable by the containers' user or group alone, when the pod names one."""
    life = int(config.get("expirationSeconds") or _LIFE)
    token = await context.token(config.get("audience") or "", life)
    user, group = ownership.shared_user(context.pod), ownership.group_of(context.pod)
    mode = _PRIVATE if user is not None or group is not None else default_mode
    owner = user if group is None else None
    return {config["path"].strip("/"): files.File(token.encode(), mode, owner)}
