"""What the server counts, and `/metrics` made from it with upstream's names.

Counting costs a dictionary look-up and a few additions a request; the text is made, and prometheus-client imported,
only when somebody asks.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wherry.aio.http.messages import Response

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from wherry.apiserver.core import Api, Call

# Upper bounds in seconds of apiserver_request_duration_seconds. Source: apiserver/pkg/endpoints/metrics.
BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
_CONNECTS = ("attach", "exec", "portforward", "proxy")
_LABELS = ("verb", "group", "version", "resource", "subresource", "scope", "component")
_METHODS = {"get": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "update": "PUT", "patch": "PATCH"}
_METHODS |= {"delete": "DELETE", "deletecollection": "DELETECOLLECTION", "connect": "CONNECT"}

Labels = tuple[str, ...]


@dataclass(slots=True)
class _Series:
    """Requests of one kind: answers by code (and dry run), and how long they took."""

    codes: dict[tuple[str, str], int] = field(default_factory=dict)
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))


@dataclass(slots=True)
class Metrics:
    """Counters of one server. `inflight`: requests being answered, by whether they change anything."""

    requests: dict[Labels, _Series] = field(default_factory=dict)
    inflight: dict[str, int] = field(default_factory=lambda: {"readOnly": 0, "mutating": 0})

    def started(self, call: "Call") -> float:
        """A request begins; the value is for `finished`."""
        self.inflight[_kind(call)] += 1
        return time.perf_counter()

    def finished(self, call: "Call", code: int, started: float) -> None:
        self.inflight[_kind(call)] -= 1
        labels = _labels(call)
        series = self.requests.get(labels)
        if series is None:
            series = self.requests[labels] = _Series()
        key = (str(code), "All" if "dryRun" in call.query else "")
        series.codes[key] = series.codes.get(key, 0) + 1
        if labels[0] not in ("WATCH", "CONNECT"):
            elapsed = time.perf_counter() - started
            series.seconds += elapsed
            series.buckets[bisect_left(BUCKETS, elapsed)] += 1


def _kind(call: "Call") -> str:
    return "readOnly" if call.request.method in ("GET", "HEAD") else "mutating"


def _labels(call: "Call") -> Labels:
    target = call.target
    if not target.is_resource or target.kind is None:
        return (call.request.method, "", "", "", target.path if _is_known(target.path) else "", "", "apiserver")
    verb = "connect" if target.subresource in _CONNECTS else target.verb
    scope = "resource" if target.name else "namespace" if target.namespace else "cluster"
    method = _METHODS.get(verb, verb.upper())
    return (method, target.group, target.version, target.plural, target.subresource, scope, "apiserver")


def _is_known(path: str) -> bool:
    """Only paths of our own become label values: clients must not be able to make series."""
    return path in ("/healthz", "/livez", "/readyz", "/version", "/metrics", "/api", "/apis", "/openapi/v2")


async def answer(api: "Api", call: "Call") -> Response:
    """`/metrics`: Prometheus' text format."""
    import prometheus_client  # 40 ms that a server without monitoring never needs

    registry = prometheus_client.CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    registry.register(_Collector(api, await _objects(api)))
    return Response(200, prometheus_client.generate_latest(registry), prometheus_client.CONTENT_TYPE_LATEST)


async def _objects(api: "Api") -> dict[str, int]:
    """How many objects of each resource are stored."""
    found = {}
    for kind in api.kinds:
        if kind.stored is None and "list" in kind.verbs:
            part = await api.store.range(kind.resource + "/", limit=1)
            found[kind.resource] = len(part.records) + part.remaining
    return found


class _Collector:
    """The counters in prometheus-client's terms."""

    def __init__(self, api: "Api", objects: dict[str, int]) -> None:
        self._api, self._objects = api, objects

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        metrics = self._api.metrics
        total = CounterMetricFamily(
            "apiserver_request_total",
            "Requests by verb, resource, scope, dry run and HTTP answer code.",
            labels=[*_LABELS, "code", "dry_run"],
        )
        for labels, series in metrics.requests.items():
            for (code, dry_run), count in series.codes.items():
                total.add_metric([*labels, code, dry_run], count)
        yield total
        yield _durations(metrics)
        yield _gauge(
            "apiserver_current_inflight_requests", "Requests being answered.", "request_kind", metrics.inflight
        )
        yield _gauge("apiserver_storage_objects", "Stored objects by resource.", "resource", self._objects)
        yield _gauge("apiserver_resource_objects", "Stored objects by resource.", "resource", self._objects)
        watches = GaugeMetricFamily("apiserver_longrunning_requests", "Watches under way.", labels=["verb"])
        watches.add_metric(["WATCH"], self._api.hub.watchers)
        yield watches
        audited = self._api.audit.written if self._api.audit else 0
        yield CounterMetricFamily("apiserver_audit_event", "Audit events written.", value=audited)
        info = GaugeMetricFamily("kubernetes_build_info", "The version.", labels=["major", "minor", "git_version"])
        info.add_metric(["1", "36", "v1.36.2+wherry"], 1)
        yield info


def _durations(metrics: Metrics) -> Any:
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(
        "apiserver_request_duration_seconds", "How long answers took, watches left out.", labels=list(_LABELS)
    )
    for labels, series in metrics.requests.items():
        if any(series.buckets):
            family.add_metric(labels, list(_cumulative(series.buckets)), series.seconds)
    return family


def _cumulative(buckets: Iterable[int]) -> Iterator[tuple[str, float]]:
    total = 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
        total += count
        yield bound, total


def _gauge(name: str, text: str, label: str, values: dict[str, int]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
