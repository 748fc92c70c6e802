"""Defaults of apps/v1."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj

VALUES: Mapping[str, Mapping[str, Any]] = {
    "apps.v1.DeploymentSpec": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
    "apps.v1.DeploymentStrategy": {"type": "RollingUpdate"},
    "apps.v1.RollingUpdateDeployment": {},
    "apps.v1.DaemonSetSpec": {"revisionHistoryLimit": 10},
    "apps.v1.DaemonSetUpdateStrategy": {"type": "RollingUpdate"},
    "apps.v1.StatefulSetSpec": {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "podManagementPolicy": "OrderedReady",
        "persistentVolumeClaimRetentionPolicy": {},
    },
    "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    "apps.v1.ReplicaSetSpec": {"replicas": 1},
}


def _rolling(strategy: Obj, values: Obj) -> None:
    """Complete the parameters of a rolling update."""
    if strategy.get("type") == "RollingUpdate":
        given = {key: value for key, value in (strategy.get("rollingUpdate") or {}).items() if value is not None}
        strategy["rollingUpdate"] = values | given


def _deployment_strategy(strategy: Obj, now: float) -> None:
    _rolling(strategy, {"maxUnavailable": "25%", "maxSurge": "25%"})


def _daemon_set_strategy(strategy: Obj, now: float) -> None:
    _rolling(strategy, {"maxUnavailable": 1, "maxSurge": 0})


def _stateful_set_strategy(strategy: Obj, now: float) -> None:
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if strategy.get("rollingUpdate") is not None:
        _rolling(strategy, {"partition": 0})


def _stateful_set_spec(spec: Obj, now: float) -> None:
    """Claim templates always say what they are."""
    for claim in spec.get("volumeClaimTemplates") or ():
        claim |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}


RULES = {
    "apps.v1.DeploymentStrategy": _deployment_strategy,
    "apps.v1.DaemonSetUpdateStrategy": _daemon_set_strategy,
    "apps.v1.StatefulSetUpdateStrategy": _stateful_set_strategy,
    "apps.v1.StatefulSetSpec": _stateful_set_spec,
}
