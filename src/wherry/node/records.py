"""What the engine has of a pod, in the plan's words."""

from pathlib import Path

from wherry.api import Obj
from wherry.engine.interface import ContainerStatus, Engine, Sandbox
from wherry.node.plan import view
from wherry.node.spec.container import ATTEMPT, DELAY, REFERENCE
from wherry.node.spec.sandbox import UID

_MESSAGE_LIMIT = 4096
_LOG_LINES, _LOG_LIMIT = 80, 2048


def sandbox_of(engine: Engine, uid: str) -> Sandbox | None:
    """The pod's newest sandbox."""
    found = [each for each in engine.sandboxes() if each.spec.labels.get(UID) == uid]
    return max(found, key=lambda each: each.created_at, default=None)


def container(status: ContainerStatus, image_id: str, message: str) -> view.Container:
    labels = status.spec.labels
    never_started = status.state == "exited" and not status.started_at
    return view.Container(
        id=status.id,
        name=status.spec.name,
        attempt=int(labels.get(ATTEMPT, "0")),
        state=status.state,
        image=labels.get(REFERENCE, ""),
        image_id=image_id,
        created_at=status.created_at,
        started_at=status.started_at,
        finished_at=status.finished_at,
        exit_code=status.exit_code,
        oom_killed=status.oom_killed,
        reason="StartError" if never_started else "",
        message=message,
        delay=float(labels.get(DELAY, "0")),
    )


def termination_message(path: Path, log_path: str, container: Obj, exit_code: int) -> str:
    """What the container left in its message file; with the policy FallbackToLogsOnError the end of its log."""
    try:
        with path.open("rb") as file:
            text = file.read(_MESSAGE_LIMIT).decode(errors="replace")
    except OSError:
        text = ""
    if text or exit_code == 0 or container.get("terminationMessagePolicy") != "FallbackToLogsOnError":
        return text
    return last_words(log_path)


def last_words(log_path: str) -> str:
    """The last lines of a log in the CRI format, without their prefixes."""
    try:
        with open(log_path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 16 * _LOG_LIMIT))
            lines = file.read().splitlines()[-_LOG_LINES:]
    except OSError:
        return ""
    text = b"".join(_content(line) for line in lines)
    return text[-_LOG_LIMIT:].decode(errors="replace")


def _content(line: bytes) -> bytes:
    parts = line.split(b" ", 3)
    if len(parts) < 4:
        return b""
    return parts[3] if parts[2] == b"P" else parts[3] + b"\n"
