"""/containerLogs: which file, which lines."""

import asyncio
from urllib.parse import parse_qs

from wherry.aio.http import Response
from wherry.api import Obj, meta
from wherry.engine import logs
from wherry.engine.logs import LogOptions
from wherry.lib import timestamps
from wherry.node.agent import Agent
from wherry.node.parts import Parts
from wherry.node.records import sandbox_of
from wherry.node.server.errors import Refused
from wherry.node.server.pods import Pods
from wherry.node.spec.container import ATTEMPT

_STREAMS = {"All": "", "Stdout": "stdout", "Stderr": "stderr"}


def answer(parts: Parts, agent: Agent, pods: Pods, query: str, found: tuple[str, ...]) -> Response:
    """`found`: namespace, pod and container. Raises Refused."""
    namespace, name, container = found
    pod = pods.find(namespace, name)
    pods.check_container(pod, container)
    options, previous = parse(query, parts.clock.now())
    attempt = attempt_of(pod, container, previous)
    path = parts.config.log_path((namespace, name, meta.uid(pod)), container, attempt)
    ended = _end(parts, agent, pod, container, attempt)
    return Response(200, logs.read(path, options, ended), "text/plain; charset=utf-8")


def _end(parts: Parts, agent: Agent, pod: Obj, container: str, attempt: int) -> "asyncio.Future[None]":
    """Done when there is nothing more to follow."""
    box = sandbox_of(parts.engine, meta.uid(pod))
    for status in parts.engine.containers(box.id) if box else []:
        same = status.spec.name == container and status.spec.labels.get(ATTEMPT) == str(attempt)
        if same and status.state == "running":
            return agent.end_of(status.id)
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


def parse(query: str, now: float) -> tuple[LogOptions, bool]:
    """PodLogOptions from a query, and whether the previous attempt's log is meant. Raises Refused."""
    fields = {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}

    def flag(name: str) -> bool:
        return fields.get(name, "").lower() in ("1", "t", "true")

    def number(name: str) -> int | None:
        return int(fields[name]) if fields.get(name) else None

    try:
        since = now - seconds if (seconds := number("sinceSeconds")) is not None else None
        if fields.get("sinceTime"):
            since = timestamps.parse(fields["sinceTime"])
        options = LogOptions(
            follow=flag("follow"),
            tail=number("tailLines"),
            since=since,
            timestamps=flag("timestamps"),
            limit=number("limitBytes"),
            stream=_stream(fields.get("stream") or "All"),
        )
    except ValueError as error:
        raise Refused(400, f"unable to decode query: {error}") from error
    return options, flag("previous")


def _stream(name: str) -> str:
    if name not in _STREAMS:
        raise ValueError(f'invalid stream type "{name}"')
    return _STREAMS[name]


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
