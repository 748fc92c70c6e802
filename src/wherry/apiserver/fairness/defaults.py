"""The flow schemas and priority levels that every cluster has. Source: apiserver, apis/flowcontrol/bootstrap."""

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind
from wherry.apiserver.authn.user import AUTHENTICATED, MASTERS, NODES, UNAUTHENTICATED

ANNOTATIONS = {"apf.kubernetes.io/autoupdate-spec": "true"}
CONTROLLERS, SCHEDULER = "system:kube-controller-manager", "system:kube-scheduler"
USER, NAMESPACE = "ByUser", "ByNamespace"


def _level(name: str, spec: Obj) -> tuple[Kind, Obj]:
    return kinds.PRIORITY_LEVEL_CONFIGURATION, {"metadata": _metadata(name), "spec": spec}


def _metadata(name: str) -> Obj:
    return {"name": name, "annotations": dict(ANNOTATIONS)}


def _queued(name: str, shares: int, lendable: int, queues: int, hand: int) -> tuple[Kind, Obj]:
    queuing = {"queues": queues, "handSize": hand, "queueLengthLimit": 50}
    response = {"type": "Queue", "queuing": queuing}
    limited = {"nominalConcurrencyShares": shares, "limitResponse": response, "lendablePercent": lendable}
    return _level(name, {"type": "Limited", "limited": limited})


def _groups(*names: str) -> list[Obj]:
    return [{"kind": "Group", "group": {"name": name}} for name in names]


def _users(*names: str) -> list[Obj]:
    return [{"kind": "User", "user": {"name": name}} for name in names]


def _system_accounts() -> list[Obj]:
    return [{"kind": "ServiceAccount", "serviceAccount": {"namespace": "kube-system", "name": "*"}}]


def _rule(verbs: list[str], group: str, resources: list[str], cluster: bool) -> Obj:
    rule: Obj = {"verbs": verbs, "apiGroups": [group], "resources": resources}
    return rule | ({"clusterScope": True} if cluster else {}) | {"namespaces": ["*"]}


_EVERYTHING = {
    "resourceRules": [_rule(["*"], "*", ["*"], True)],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
}
_PROBES = {"nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]}]}
_LEADERSHIP = {"resourceRules": [_rule(["get", "create", "update"], "coordination.k8s.io", ["leases"], False)]}
_NODE_HEALTH = {
    "resourceRules": [
        _rule(["*"], "", ["nodes", "nodes/status"], True),
        _rule(["*"], "coordination.k8s.io", ["leases"], False),
    ]
}


def _schema(name: str, level: str, precedence: int, by: str, subjects: list[Obj], rules: Obj) -> tuple[Kind, Obj]:
    spec: Obj = {"priorityLevelConfiguration": {"name": level}, "matchingPrecedence": precedence}
    if by:
        spec["distinguisherMethod"] = {"type": by}
    spec["rules"] = [{"subjects": subjects, **rules}]
    return kinds.FLOW_SCHEMA, {"metadata": _metadata(name), "spec": spec}


_EVERYBODY = _groups(UNAUTHENTICATED, AUTHENTICATED)
_EXEMPT = {"nominalConcurrencyShares": 0, "lendablePercent": 0}
_REJECTING = {"nominalConcurrencyShares": 5, "limitResponse": {"type": "Reject"}, "lendablePercent": 0}

DEFAULTS: tuple[tuple[Kind, Obj], ...] = (
    _level("exempt", {"type": "Exempt", "exempt": _EXEMPT}),
    _level("catch-all", {"type": "Limited", "limited": _REJECTING}),
    _queued("system", 30, 33, 64, 6),
    _queued("node-high", 40, 25, 64, 6),
    _queued("leader-election", 10, 0, 16, 4),
    _queued("workload-high", 40, 50, 128, 6),
    _queued("workload-low", 100, 90, 128, 6),
    _queued("global-default", 20, 50, 128, 6),
    _schema("exempt", "exempt", 1, "", _groups(MASTERS), _EVERYTHING),
    _schema("probes", "exempt", 2, "", _EVERYBODY, _PROBES),
    _schema(
        "system-leader-election",
        "leader-election",
        100,
        USER,
        _users(CONTROLLERS, SCHEDULER) + _system_accounts(),
        _LEADERSHIP,
    ),
    _schema("system-node-high", "node-high", 400, USER, _groups(NODES), _NODE_HEALTH),
    _schema("system-nodes", "system", 500, USER, _groups(NODES), _EVERYTHING),
    _schema("kube-controller-manager", "workload-high", 800, NAMESPACE, _users(CONTROLLERS), _EVERYTHING),
    _schema("kube-scheduler", "workload-high", 800, NAMESPACE, _users(SCHEDULER), _EVERYTHING),
    _schema("kube-system-service-accounts", "workload-high", 900, NAMESPACE, _system_accounts(), _EVERYTHING),
    _schema("service-accounts", "workload-low", 9000, USER, _groups("system:serviceaccounts"), _EVERYTHING),
    _schema("global-default", "global-default", 9900, USER, _EVERYBODY, _EVERYTHING),
    _schema("catch-all", "catch-all", 10000, USER, _EVERYBODY, _EVERYTHING),
)
