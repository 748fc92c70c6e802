"""Probes and lifecycle hooks of a container."""

from wherry.api import Obj, schema
from wherry.api.errors import forbidden_field, invalid_value, required, unsupported
from wherry.api.validation import fields
from wherry.api.validation.fields import Check

_PROBE_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")
_WINDOWS_SIGNALS = ("SIGKILL", "SIGTERM")


def lifecycle_and_probes(container: Obj, grace: int | None, os: str | None, path: str) -> Check:
    """`grace`: the pod's termination grace period in seconds. `os`: the name in spec.os; None without one."""
    lifecycle = container.get("lifecycle")
    if lifecycle is not None:
        for hook in ("postStart", "preStop"):
            if lifecycle.get(hook) is not None:
                yield from _handler(lifecycle[hook], _HOOK_HANDLERS, grace, f"{path}.lifecycle.{hook}")
        if lifecycle.get("stopSignal") is not None:
            yield from _stop_signal(lifecycle["stopSignal"], os, f"{path}.lifecycle.stopSignal")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name)
        if probe is not None:
            yield from _probe(probe, grace, f"{path}.{name}")
            yield from _only(name, probe, f"{path}.{name}")


def _only(name: str, probe: Obj, path: str) -> Check:
    """What one sort of probe allows."""
    if name == "readinessProbe":
        if probe.get("terminationGracePeriodSeconds") is not None:
            seconds = probe["terminationGracePeriodSeconds"]
            message = "must not be set for readinessProbes"
            yield invalid_value(f"{path}.terminationGracePeriodSeconds", seconds, message)
    elif probe.get("successThreshold", 0) != 1:
        yield invalid_value(f"{path}.successThreshold", probe.get("successThreshold", 0), "must be 1")


_COUNTS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def _probe(probe: Obj, grace: int | None, path: str) -> Check:
    yield from _handler(probe, _PROBE_HANDLERS, grace, path)
    for name in _COUNTS:
        yield from fields.not_negative(probe.get(name, 0), f"{path}.{name}")
    seconds = probe.get("terminationGracePeriodSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid_value(f"{path}.terminationGracePeriodSeconds", seconds, "must be greater than 0")


def _handler(found: Obj, names: tuple[str, ...], grace: int | None, path: str) -> Check:
    given = [name for name in names if found.get(name) is not None]
    for index, name in enumerate(given):
        at, action = f"{path}.{name}", found[name]
        if index:
            yield forbidden_field(at, "may not specify more than 1 handler type")
        elif name == "exec":
            yield from fields.needed(action, at, "command")
        elif name == "httpGet":
            yield from _http(action, at)
        elif name == "sleep":
            yield from _sleep(action.get("seconds", 0), grace, at)
        else:
            yield from fields.port_number_or_name(action.get("port", 0), f"{at}.port")
    if not given:
        yield required(path, "must specify a handler type")


def _http(action: Obj, path: str) -> Check:
    yield from fields.needed(action, path, "path")
    yield from fields.port_number_or_name(action.get("port", 0), f"{path}.port")
    yield from fields.one_of(action.get("scheme", ""), f"{path}.scheme", ("HTTP", "HTTPS"))
    for header in action.get("httpHeaders") or ():
        name = header.get("name", "")
        yield from fields.said(f"{path}.httpHeaders", name, fields.header_name_errors(name))


def _sleep(seconds: int, grace: int | None, path: str) -> Check:
    if grace is not None and not 0 <= seconds <= grace:
        message = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        yield invalid_value(path, seconds, message)


def _stop_signal(signal: str, os: str | None, path: str) -> Check:
    if os is None:
        yield forbidden_field(path, "may not be set for containers with empty `spec.os.name`")
    elif os == "windows" and signal not in _WINDOWS_SIGNALS:
        yield unsupported(path, signal, _WINDOWS_SIGNALS)
    elif os == "linux":
        node = schema.definition("v1", "Pod").at("spec", "containers", "lifecycle", "stopSignal")
        yield from fields.one_of(signal, path, sorted(node.enum) if node else ())
