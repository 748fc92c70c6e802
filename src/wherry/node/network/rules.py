"""The node's nftables table for pods, as text (pure).

cluster     all nodes' pod CIDRs: traffic of pods to anywhere else leaves with the node's address
hostports   ports of the node that lead to pods; `hostports_at`: those of one address only
hairpin     pods that reach themselves through their host port: the answer has to come back through the node

The rules come before those of services (-100), as upstream's host ports do.
"""

import ipaddress
from collections.abc import Iterable

from wherry.node.network.plan import HostPort, Record

TABLE = "wherry-pods"

_SETS = f"""
table ip {TABLE} {{
  set cluster {{ type ipv4_addr; flags interval; }}
  map hostports {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
  map hostports_at {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}
  set hairpin {{ type ipv4_addr . ipv4_addr; }}
}}
"""


def table(pod_cidr: str, node_ip: str, records: Iterable[Record]) -> str:
    """The whole table, replacing what stands there but the members of `cluster`."""
    return f"""{_SETS}
flush table ip {TABLE}
table ip {TABLE} {{
  chain prerouting {{
    type nat hook prerouting priority -105; policy accept;
    fib daddr type local jump to_pods
  }}
  chain output {{
    type nat hook output priority -105; policy accept;
    fib daddr type local jump to_pods
  }}
  chain to_pods {{
    dnat ip to ip daddr . meta l4proto . th dport map @hostports_at
    dnat ip to meta l4proto . th dport map @hostports
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr . ip daddr @hairpin snat to {node_ip}
    ct status dnat ip saddr 127.0.0.0/8 snat to {node_ip}
    ip saddr {pod_cidr} ip daddr != @cluster ip daddr != 224.0.0.0/4 snat to {node_ip}
  }}
}}
add element ip {TABLE} cluster {{ {pod_cidr} }}
{host_ports(records)}"""


def host_ports(records: Iterable[Record]) -> str:
    """Replace all host ports by those of `records`."""
    flush = "".join(f"flush {what} ip {TABLE} {name}\n" for what, name in _CONTENTS)
    return flush + "".join(_elements(record) for record in records if record.host_ports)


def cluster(pod_cidrs: Iterable[str]) -> str:
    """Replace the members of `cluster`. Neighbours stay apart: `table` adds this node's own network, which nftables
    takes again if it is the same, and refuses if it is a part of a larger one."""
    networks = sorted({ipaddress.IPv4Network(cidr) for cidr in pod_cidrs})
    apart = [one for one in networks if not any(one != other and one.subnet_of(other) for other in networks)]
    members = ", ".join(str(network) for network in apart)
    add = f"add element ip {TABLE} cluster {{ {members} }}\n" if members else ""
    return f"{_SETS}flush set ip {TABLE} cluster\n{add}"


_CONTENTS = (("map", "hostports"), ("map", "hostports_at"), ("set", "hairpin"))


def _elements(record: Record) -> str:
    lines = [f"add element ip {TABLE} hairpin {{ {record.ip} . {record.ip} }}\n"]
    for port in record.host_ports:
        name, key = _key(port)
        lines.append(f"add element ip {TABLE} {name} {{ {key} : {record.ip} . {port.container_port} }}\n")
    return "".join(lines)


def _key(port: HostPort) -> tuple[str, str]:
    """The map that a port belongs to, and its key there."""
    key = f"{port.protocol.lower()} . {port.host_port}"
    if port.host_ip in ("", "0.0.0.0"):
        return "hostports", key
    return "hostports_at", f"{port.host_ip} . {key}"
