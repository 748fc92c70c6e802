"""Defaults of networking.k8s.io/v1."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj

VALUES: Mapping[str, Mapping[str, Any]] = {
    "networking.v1.NetworkPolicyPort": {"protocol": "TCP"},
    "networking.v1.IngressClassParametersReference": {"scope": "Cluster"},
}


def _network_policy(policy: Obj, now: float) -> None:
    spec = policy["spec"]
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


RULES = {"networking.v1.NetworkPolicy": _network_policy}
