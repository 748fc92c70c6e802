"""DefaultTolerationSeconds: pods stay five minutes on a node that is lost, unless they say otherwise."""

from wherry.api import kinds
from wherry.apiserver.admission.attributes import Attributes, Lister

KINDS = (kinds.POD,)

SECONDS = 300
TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def mutate(lister: Lister, attributes: Attributes) -> None:
    if not attributes.concerns(kinds.POD, "CREATE", "UPDATE") or attributes.new is None:
        return
    spec = attributes.new["spec"]
    tolerations = spec.get("tolerations") or []
    missing = [
        taint
        for taint in TAINTS
        if not any(
            each.get("key", "") in ("", taint) and each.get("effect", "") in ("", "NoExecute") for each in tolerations
        )
    ]
    if missing:
        spec["tolerations"] = tolerations + [
            {"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}
            for taint in missing
        ]
