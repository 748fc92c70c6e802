"""What the node's own API makes of paths, queries and statuses."""

import pytest
from nodetest import T0, pod

from wherry.aio.http import Headers, Request
from wherry.engine.logs import LogOptions
from wherry.node.server import access, logs, portforward, remote
from wherry.node.server.errors import Refused

ID = {"containerID": "wherry://x"}


def with_status(restarts, state, last=None):
    status = {
        "name": "main",
        "restartCount": restarts,
        "state": state,
        "lastState": {"terminated": last} if last else {},
    }
    return pod() | {"status": {"containerStatuses": [status]}}


@pytest.mark.parametrize(
    ("restarts", "state", "last", "previous", "attempt"),
    [
        (0, {"running": {}}, None, False, 0),
        (2, {"running": {}}, ID, False, 2),
        (2, {"running": {}}, ID, True, 1),
        (2, {"waiting": {"reason": "CrashLoopBackOff"}}, ID, False, 2),
        (2, {"waiting": {"reason": "CrashLoopBackOff"}}, ID, True, 2),
        (0, {"terminated": ID}, None, False, 0),
    ],
)
def test_which_attempts_log_is_meant(restarts, state, last, previous, attempt):
    assert logs.attempt_of(with_status(restarts, state, last), "main", previous) == attempt


@pytest.mark.parametrize(
    ("state", "previous", "message"),
    [
        ({"waiting": {"reason": "ContainerCreating"}}, False, "is waiting to start: ContainerCreating"),
        ({"waiting": {"reason": "ErrImagePull"}}, False, "is waiting to start: image can't be pulled"),
        ({"running": {}}, True, 'previous terminated container "main" in pod "web" not found'),
        ({"terminated": {}}, False, "is terminated"),
    ],
)
def test_logs_that_are_not_there(state, previous, message):
    with pytest.raises(Refused, match=message):
        logs.attempt_of(with_status(0, state), "main", previous)
    with pytest.raises(Refused, match="not available"):
        logs.attempt_of(pod(), "main", previous)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (LogOptions(), False)),
        (
            "follow=true&timestamps=1&tailLines=5&limitBytes=9",
            (LogOptions(follow=True, timestamps=True, tail=5, limit=9), False),
        ),
        ("sinceSeconds=60&previous=true", (LogOptions(since=T0 - 60), True)),
        ("sinceTime=2023-11-14T22:13:20Z&stream=Stderr", (LogOptions(since=T0, stream="stderr"), False)),
    ],
)
def test_log_options(query, expected):
    assert logs.parse(query, T0) == expected


@pytest.mark.parametrize("query", ["tailLines=x", "sinceTime=yesterday", "stream=Both"])
def test_log_options_that_make_no_sense(query):
    with pytest.raises(Refused):
        logs.parse(query, T0)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("command=a&command=b%20c&stdin=true&stdout=true", remote.Options(True, True, False, False, ("a", "b c"))),
        ("input=1&output=1&error=1&tty=1", remote.Options(True, True, False, True)),
        ("stderr=true&stdin=false", remote.Options(False, False, True, False)),
    ],
)
def test_what_a_command_is_connected_to(query, expected):
    assert remote.options(query) == expected


def test_a_command_with_nothing_to_connect():
    with pytest.raises(Refused, match="at least 1 of"):
        remote.options("command=a&stdin=false")


def test_ports():
    assert portforward.ports_of("ports=80&ports=81,82") == [80, 81, 82]
    for bad in ("", "ports=", "ports=0", "ports=x"):
        with pytest.raises(Refused):
            portforward.ports_of(bad)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/stats/summary", ("get", "stats")),
        ("GET", "/metrics/resource", ("get", "metrics")),
        ("POST", "/exec/ns/p/c", ("create", "proxy")),
        ("GET", "/containerLogs/ns/p/c", ("get", "proxy")),
    ],
)
def test_what_a_request_needs_permission_for(method, path, expected):
    assert access.attributes(Request(method, path, "", Headers())) == expected
