"""Objects for the tests of controllers, as the API server would hand them out."""

from copy import deepcopy
from itertools import count
from typing import Any

from wherry.api import Obj, meta
from wherry.api.kinds import DEPLOYMENT, REPLICA_SET, Kind
from wherry.controllers.actions import Together
from wherry.lib.timestamps import rfc3339

NOW = 1_767_225_600.0
_numbers = count(1)


def metadata(name: str, namespace: str = "default", age: float = 0, **rest: Any) -> Obj:
    number = next(_numbers)
    made: Obj = {
        "name": name,
        "uid": f"uid-{name}-{number}",
        "resourceVersion": str(number),
        "generation": 1,
        "creationTimestamp": rfc3339(NOW - age),
    }
    if namespace:
        made["namespace"] = namespace
    return made | {key: value for key, value in rest.items() if value is not None}


def owned(obj: Obj, kind: Kind, owner: Obj) -> Obj:
    obj["metadata"]["ownerReferences"] = [meta.owner_reference(kind, owner)]
    return obj


def deleting(obj: Obj, *finalizers: str) -> Obj:
    obj["metadata"]["deletionTimestamp"] = rfc3339(NOW)
    if finalizers:
        obj["metadata"]["finalizers"] = list(finalizers)
    return obj


def pod(
    name: str = "p",
    *,
    labels: Obj | None = None,
    node: str = "",
    phase: str = "Running",
    ready: bool | None = True,
    ready_for: float = 1000,
    ip: str = "",
    **rest: Any,
) -> Obj:
    """`ready_for`: seconds since the pod became (not) ready. `rest`: spec fields, but `age`, `namespace`,
    `annotations` are of the metadata."""
    of_metadata = {key: rest.pop(key) for key in ("age", "namespace", "annotations") if key in rest}
    status: Obj = {"phase": phase}
    if ready is not None:
        since = rfc3339(NOW - ready_for)
        status["conditions"] = [{"type": "Ready", "status": str(ready), "lastTransitionTime": since}]
    if ip:
        status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    spec = {"containers": [{"name": "c", "image": "i"}]} | ({"nodeName": node} if node else {}) | rest
    return {
        "metadata": metadata(name, labels=labels or {"app": "web"}, **of_metadata),
        "spec": spec,
        "status": status,
    }


def template(image: str = "web:1", labels: Obj | None = None) -> Obj:
    return {
        "metadata": {"labels": labels or {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }


def replica_set(name: str = "web-1", replicas: int = 3, *, image: str = "web:1", **rest: Any) -> Obj:
    """`rest`: status counts by their field names; `age` and `annotations` of the metadata; else spec fields."""
    of_metadata = {key: rest.pop(key) for key in ("age", "annotations") if key in rest}
    counts = {key: rest.pop(key) for key in list(rest) if key.endswith("Replicas") or key == "current"}
    status = {"replicas": counts.pop("current", replicas), "observedGeneration": 1, **counts}
    return {
        "metadata": metadata(name, labels={"app": "web"}, **of_metadata),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(image),
            **rest,
        },
        "status": {key: value for key, value in status.items() if value or key == "replicas"},
    }


def deployment(name: str = "web", replicas: int = 3, *, image: str = "web:1", **spec: Any) -> Obj:
    strategy = spec.pop("strategy", {"type": "RollingUpdate", "rollingUpdate": spec.pop("rolling", None) or {
        "maxSurge": "25%", "maxUnavailable": "25%",
    }})  # fmt: skip
    status = spec.pop("status", {})
    return {
        "metadata": metadata(name),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(image),
            "strategy": strategy,
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
            **spec,
        },
        "status": status,
    }


def of_deployment(replica_set: Obj, owner: Obj, revision: int = 1, desired: int | None = None) -> Obj:
    """A replica set as the deployment controller left it."""
    wanted = owner["spec"]["replicas"] if desired is None else desired
    found = owned(replica_set, DEPLOYMENT, owner)
    found["metadata"].setdefault("annotations", {}).update(
        {
            "deployment.kubernetes.io/revision": str(revision),
            "deployment.kubernetes.io/desired-replicas": str(wanted),
        }
    )
    return found


def pods_of(owner: Obj, number: int, kind: Kind = REPLICA_SET, **rest: Any) -> list[Obj]:
    return [owned(pod(f"{meta.name(owner)}-{i}", **deepcopy(rest)), kind, owner) for i in range(number)]


def node(name: str = "n1", *, ready: str | None = "True", taints: list[Obj] | None = None, **labels: str) -> Obj:
    spec: Obj = {"taints": taints} if taints else {}
    conditions = []
    if ready is not None:
        conditions.append(
            {
                "type": "Ready",
                "status": ready,
                "lastHeartbeatTime": rfc3339(NOW - 5),
                "lastTransitionTime": rfc3339(NOW - 500),
            }
        )
    made = metadata(name, namespace="", labels={key.replace("__", "/"): value for key, value in labels.items()})
    return {"metadata": made, "spec": spec, "status": {"conditions": conditions}}


def flat(actions: list[Any]) -> list[Any]:
    """Actions with what runs together in a row."""
    return [inner for action in actions for inner in (action.actions if isinstance(action, Together) else [action])]


def only(actions: list[Any], kind: type) -> list[Any]:
    return [action for action in flat(actions) if isinstance(action, kind)]


def the(actions: list[Any], kind: type) -> Any:
    """The single action of that type."""
    found = only(actions, kind)
    assert len(found) == 1, found
    return found[0]
