"""`/healthz`, `/livez` and `/readyz`: one answer for all checks, one for each, and the list with `?verbose`.

The checks have upstream's names, since monitoring asks for them by name. Whatever upstream does in hooks after its
start is done here before the server answers at all, so those are well as soon as anybody can ask; `etcd` is the
store.
"""

from wherry.aio.http.messages import Response
from wherry.apiserver.core import Api, Call
from wherry.store import StoreError

TEXT = "text/plain; charset=utf-8"
NOSNIFF = [("X-Content-Type-Options", "nosniff")]

_HOOKS = (
    "start-apiserver-admission-initializer",
    "generic-apiserver-start-informers",
    "priority-and-fairness-config-consumer",
    "priority-and-fairness-filter",
    "storage-object-count-tracker-hook",
    "start-apiextensions-informers",
    "start-apiextensions-controllers",
    "crd-informer-synced",
    "start-system-namespaces-controller",
    "peer-endpoint-reconciler-controller",
    "start-cluster-authentication-info-controller",
    "start-kube-apiserver-identity-lease-controller",
    "start-kube-apiserver-identity-lease-garbage-collector",
    "storage-readiness",
    "start-legacy-token-tracking-controller",
    "start-service-ip-repair-controllers",
    "rbac/bootstrap-roles",
    "scheduling/bootstrap-system-priority-classes",
    "priority-and-fairness-config-producer",
    "bootstrap-controller",
    "start-kubernetes-service-cidr-controller",
    "start-kube-aggregator-informers",
    "apiservice-status-local-available-controller",
    "apiservice-status-remote-available-controller",
    "apiservice-registration-controller",
    "apiservice-wait-for-first-sync",
    "apiservice-discovery-controller",
    "kube-apiserver-autoregistration",
)

_AFTER_START = [
    *(f"poststarthook/{hook}" for hook in _HOOKS),
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
]
CHECKS = {
    "healthz": ["ping", "log", "loopback-serving-certificate", "etcd", *_AFTER_START],
    "livez": ["ping", "log", "loopback-serving-certificate", "etcd", *_AFTER_START],
    "readyz": [
        *("ping", "log", "loopback-serving-certificate", "etcd", "etcd-readiness", "informer-sync"),
        *_AFTER_START,
        "shutdown",
    ],
}


def concerns(path: str) -> bool:
    """Whether a path is one of these."""
    endpoint, _, check = path.strip("/").partition("/")
    return endpoint in CHECKS and (not check or check in CHECKS[endpoint])


async def answer(api: Api, call: Call) -> Response:
    endpoint, _, check = call.target.path.strip("/").partition("/")
    failed = await _failed(api)
    if check:
        return _one(check, failed)
    excluded = set(call.query.all("exclude"))
    checks = [each for each in CHECKS[endpoint] if each not in excluded]
    unknown = sorted(excluded - set(CHECKS[endpoint]))
    well = not any(each in failed for each in checks)
    if well and "verbose" not in call.query:
        return Response(200, b"ok", TEXT, NOSNIFF)
    lines = [f"[-]{each} failed: reason withheld" if each in failed else f"[+]{each} ok" for each in checks]
    if unknown:
        lines.append("warn: some health checks cannot be excluded: no matches for " + ", ".join(_quote(unknown)))
    lines.append(f"{endpoint} check {'passed' if well else 'failed'}")
    return Response(200 if well else 500, ("\n".join(lines) + "\n").encode(), TEXT, NOSNIFF)


def _quote(names: list[str]) -> list[str]:
    return [f'"{name}"' for name in names]


def _one(check: str, failed: set[str]) -> Response:
    if check in failed:
        return Response(500, b"internal server error: reason withheld\n", TEXT, NOSNIFF)
    return Response(200, b"ok", TEXT, NOSNIFF)


async def _failed(api: Api) -> set[str]:
    try:
        await api.store.revision()
    except StoreError:
        return {"etcd", "etcd-readiness"}
    return set()
