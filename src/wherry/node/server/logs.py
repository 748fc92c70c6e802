"""/containerLogs: which file, which lines."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

from wherry.api import Obj, meta
from wherry.lib import timestamps
from wherry.node.server.errors import Refused

Stream = Literal["All", "Stdout", "Stderr"]


@dataclass(frozen=True, slots=True)
class LogOptions:
    """`since`: seconds since the epoch; None: from the beginning. `tail`, `limit`: lines and bytes, None: all."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    limit: int | None = None
    since: float | None = None
    stream: Stream = "All"


def parse(query: str, now: float) -> LogOptions:
    """PodLogOptions from a query. Raises Refused."""
    fields = {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}

    def flag(name: str) -> bool:
        return fields.get(name, "").lower() in ("1", "t", "true")

    def number(name: str) -> int | None:
        return int(fields[name]) if fields.get(name) else None

    try:
        since = now - seconds if (seconds := number("sinceSeconds")) is not None else None
        if fields.get("sinceTime"):
            since = timestamps.parse(fields["sinceTime"])
        stream = _stream(fields.get("stream") or "All")
        return LogOptions(
            flag("follow"),
            flag("previous"),
            flag("timestamps"),
            number("tailLines"),
            number("limitBytes"),
            since,
            stream,
        )
    except ValueError as error:
        raise Refused(400, f"unable to decode query: {error}") from error


def _stream(name: str) -> Stream:
    for known in ("All", "Stdout", "Stderr"):
        if name == known:
            return known
    raise ValueError(f'invalid stream type "{name}"')


def attempt_of(pod: Obj, container: str, previous: bool) -> int:
    """The number of the attempt whose log is meant. Raises Refused where there is none."""
    status = _status_of(pod, container)
    where = f'container "{container}" in pod "{meta.name(pod)}"'
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated") or {}
    count = int(status.get("restartCount", 0))
    if previous:
        if not last.get("containerID"):
            raise Refused(400, f'previous terminated container "{container}" in pod "{meta.name(pod)}" not found')
        return count if "waiting" in state else count - 1
    if "running" in state or (state.get("terminated") or {}).get("containerID"):
        return count
    if last.get("containerID"):
        return count
    if "terminated" in state or last:
        raise Refused(400, f"{where} is terminated")
    raise Refused(400, f"{where} is waiting to start: {_why((state.get('waiting') or {}).get('reason', ''))}")


def _status_of(pod: Obj, container: str) -> Obj:
    status = pod.get("status") or {}
    for group in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for each in status.get(group) or []:
            if each["name"] == container:
                return dict(each)
    raise Refused(400, f'container "{container}" in pod "{meta.name(pod)}" is not available')


def _why(reason: str) -> str:
    """In upstream's words."""
    return {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
        "": "no logs yet",
    }.get(reason, reason)
