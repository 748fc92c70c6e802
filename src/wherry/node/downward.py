"""Values of a pod and of its containers' resources, as environment variables and files show them (pure)."""

import json
import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

from wherry.api import Obj, meta
from wherry.lib import quantity

_SUBSCRIPT = re.compile(r"(.+)\['(.*)'\]")


class UnsupportedField(ValueError):
    """No such field can be shown."""


def field(pod: Obj, path: str, host_ip: str = "", pod_ips: tuple[str, ...] = ()) -> str:
    """A `fieldRef`. Addresses are arguments: a pod that starts has none in its status yet."""
    metadata, spec = pod["metadata"], pod["spec"]
    simple = {
        "metadata.name": lambda: metadata.get("name", ""),
        "metadata.namespace": lambda: metadata.get("namespace", ""),
        "metadata.uid": lambda: metadata.get("uid", ""),
        "metadata.labels": lambda: format_map(meta.labels(pod)),
        "metadata.annotations": lambda: format_map(meta.annotations(pod)),
        "spec.nodeName": lambda: spec.get("nodeName", ""),
        "spec.serviceAccountName": lambda: spec.get("serviceAccountName", ""),
        "status.hostIP": lambda: host_ip,
        "status.hostIPs": lambda: host_ip,
        "status.podIP": lambda: pod_ips[0] if pod_ips else "",
        "status.podIPs": lambda: ",".join(pod_ips),
    }
    if path in simple:
        return str(simple[path]())
    subscripted = _SUBSCRIPT.fullmatch(path)
    if subscripted and subscripted[1] == "metadata.labels":
        return meta.labels(pod).get(subscripted[2], "")
    if subscripted and subscripted[1] == "metadata.annotations":
        return meta.annotations(pod).get(subscripted[2], "")
    raise UnsupportedField(f"unsupported fieldPath: {path}")


def format_map(values: Mapping[str, str]) -> str:
    """Labels and annotations as a file: a line each, values quoted."""
    return "\n".join(f"{key}={json.dumps(values[key], ensure_ascii=False)}" for key in sorted(values))


def resource(container: Obj, reference: Obj, allocatable: Mapping[str, str]) -> str:
    """A `resourceFieldRef`: an amount in units of its divisor, rounded up. A limit that is not set is what the node
    has to give."""
    kind, _, name = reference["resource"].partition(".")
    if kind not in ("limits", "requests") or not name:
        raise UnsupportedField(f"unsupported container resource : {reference['resource']}")
    resources = container.get("resources") or {}
    amount = (resources.get(kind) or {}).get(name)
    if amount is None and kind == "limits":
        amount = allocatable.get(name)
    divisor = quantity.parse(reference.get("divisor") or "1") or Decimal(1)
    units = quantity.parse(amount if amount is not None else "0") / divisor
    return str(int(units.to_integral_value(rounding=ROUND_CEILING)))
