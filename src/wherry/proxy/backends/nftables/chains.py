"""The proxy's nftables table: its fixed part, and the chains that verdicts name (pure).

The way of a packet to a service: `firewall` (who may connect), `nat` (which endpoint), and on the way out
`postrouting` (whether it gets the node's address, by a bit in its mark). What should have been translated and was
not, because there is no endpoint, ends in `unserved`.

Bit 0x4000 of a packet's mark says "give it the node's address" (as kube-proxy's does). A drawn slot or a remembered
endpoint needs a register of a type that map keys can have: it is the first packet's priority, which the kernel sets
anew when it forwards; marks are other programs' business.
"""

from collections.abc import Iterable
from dataclasses import dataclass

TABLE = "wherry-proxy"
OWN_SLOTS = 0x8000  # slots from here on are the endpoints of this node only
MARK = "0x00004000"

_KEY = "ip daddr . meta l4proto . th dport"
_NODE_KEY = "meta l4proto . th dport"
_TYPE = "ipv4_addr . inet_proto . inet_service"
_NODE_TYPE = "inet_proto . inet_service"
_REAL = "ipv4_addr . inet_service"
_DRAWN = "classid"  # the type of a packet's priority

# name -> definition; those of `CONTENTS` are filled from rules, `affinity` is the kernel's own memory.
_SETS = {
    "own_pods": "set own_pods { type ipv4_addr; flags interval; }",
    "services": f"map services {{ type {_TYPE} : verdict; }}",
    "node_ports": f"map node_ports {{ type {_NODE_TYPE} : verdict; }}",
    "endpoints": f"map endpoints {{ type {_TYPE} . {_DRAWN} : {_REAL}; }}",
    "node_endpoints": f"map node_endpoints {{ type {_NODE_TYPE} . {_DRAWN} : {_REAL}; }}",
    "ids": f"map ids {{ type {_TYPE} . {_DRAWN} : {_DRAWN}; }}",
    "node_ids": f"map node_ids {{ type {_NODE_TYPE} . {_DRAWN} : {_DRAWN}; }}",
    "members": f"map members {{ type {_TYPE} . {_DRAWN} : {_REAL}; }}",
    "node_members": f"map node_members {{ type {_NODE_TYPE} . {_DRAWN} : {_REAL}; }}",
    "affinity": f"map affinity {{ type ipv4_addr . {_TYPE} : {_DRAWN}; flags dynamic,timeout; size 65536; }}",
    "unserved_services": f"map unserved_services {{ type {_TYPE} : verdict; }}",
    "unserved_ports": f"map unserved_ports {{ type {_NODE_TYPE} : verdict; }}",
    "cluster_ips": "set cluster_ips { type ipv4_addr; }",
    "hairpin": "set hairpin { type ipv4_addr . ipv4_addr; }",
    "restricted": f"set restricted {{ type {_TYPE}; }}",
    "sources": f"set sources {{ type {_TYPE} . ipv4_addr; flags interval; }}",
}
MAPS = frozenset(name for name, text in _SETS.items() if text.startswith("map"))
CONTENTS = tuple(name for name in _SETS if name not in ("affinity", "own_pods"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is done with a connection; there is one chain for each that occurs.

    `kind`: internal, external (always with the node's address) or kept (clients outside keep their address and get
    only the endpoints of this node). `count` endpoints in all, `own` of this node. `affinity` in seconds. `node`: for
    node ports."""

    kind: str
    count: int
    own: int = 0
    affinity: int = 0
    node: bool = False

    @property
    def chain(self) -> str:
        parts = ["port" if self.node else "service", self.kind, str(self.count)]
        parts += [f"own{self.own}"] if self.kind == "kept" else []
        parts += [f"for{self.affinity}s"] if self.affinity else []
        return "-".join(parts)


def table(node_ip: str, pods: Iterable[str]) -> str:
    """The fixed part, replacing every rule; elements of CONTENTS are gone, affinity stays."""
    sets = "\n".join(f"  {definition}" for definition in _SETS.values())
    flushes = "\n".join(f"flush {_what(name)} ip {TABLE} {name}" for name in (*CONTENTS, "own_pods"))
    members = ", ".join(sorted(pods))
    own_pods = f"add element ip {TABLE} own_pods {{ {members} }}\n" if members else ""
    return f"""table ip {TABLE} {{
{sets}
}}
flush table ip {TABLE}
{flushes}
{own_pods}table ip {TABLE} {{
  chain prerouting {{ type nat hook prerouting priority -100; policy accept; jump nat; }}
  chain output {{ type nat hook output priority -100; policy accept; jump nat; }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    meta mark & {MARK} != 0 jump as_node
    ct status dnat ip saddr . ip daddr @hairpin snat to {node_ip}
  }}
  chain firewall_prerouting {{ type filter hook prerouting priority -110; policy accept; jump firewall; }}
  chain firewall_output {{ type filter hook output priority -110; policy accept; jump firewall; }}
  chain filter_input {{
    type filter hook input priority 0; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 ct state invalid,new,untracked drop
    ct state new jump unserved
  }}
  chain filter_forward {{ type filter hook forward priority 0; policy accept; ct state new jump unserved; }}
  chain filter_output {{ type filter hook output priority 0; policy accept; ct state new jump unserved; }}
  chain nat {{
    {_KEY} vmap @services
    fib daddr type local {_NODE_KEY} vmap @node_ports
  }}
  chain firewall {{
    {_KEY} @restricted ip daddr . meta l4proto . th dport . ip saddr != @sources drop
  }}
  chain unserved {{
    {_KEY} vmap @unserved_services
    fib daddr type local {_NODE_KEY} vmap @unserved_ports
    ip daddr @cluster_ips goto refuse
  }}
  chain refuse {{
    meta l4proto tcp reject with tcp reset
    reject
  }}
  chain as_node {{
    meta mark set meta mark & 0xffffbfff
    snat to {node_ip} fully-random
  }}
}}
"""


def chains(verdicts: Iterable[Verdict]) -> dict[str, str]:
    """Definitions of the chains that `verdicts` name, and of those that these go to, by name; each before any that
    goes to it."""
    picks, entries = {}, {}
    for verdict in verdicts:
        entries[verdict.chain] = _entry(verdict)
        for own in (False, True) if verdict.kind == "kept" and verdict.own else (False,):
            picks[_pick_name(verdict, own)] = _pick(verdict, own)
    return picks | entries


def define(chains: Iterable[str]) -> str:
    """The command that makes chains of these definitions."""
    text = "".join(chains)
    return f"table ip {TABLE} {{\n{text}}}\n" if text else ""


def _entry(verdict: Verdict) -> str:
    """Who gets the node's address, and whose endpoints."""
    mark = f"meta mark set meta mark | {MARK}"
    pick = f"goto {_pick_name(verdict, False)}"
    lines = {
        "internal": [f"ip saddr != @own_pods {mark}", pick],
        "external": [mark, pick],
        "kept": [
            f"ip saddr @own_pods {pick}",
            f"fib saddr type local {mark}",
            f"fib saddr type local {pick}",
            f"goto {_pick_name(verdict, True)}" if verdict.own else "drop",
        ],
    }[verdict.kind]
    return _chain(verdict.chain, lines)


def _pick_name(verdict: Verdict, own: bool) -> str:
    parts = ["pick", "port" if verdict.node else "service", str(verdict.own if own else verdict.count)]
    parts += ["own"] if own else []
    parts += [f"for{verdict.affinity}s"] if verdict.affinity else []
    return "-".join(parts)


def _pick(verdict: Verdict, own: bool) -> str:
    """Draw a slot and go to its endpoint. With affinity: the endpoint that this client had, as long as it is a
    member, else draw one and remember it."""
    key, prefix = (_NODE_KEY, "node_") if verdict.node else (_KEY, "")
    count, offset = (verdict.own, OWN_SLOTS) if own else (verdict.count, 0)
    draw = f"meta priority set numgen random mod {count} offset {offset}"
    if not verdict.affinity:
        return _chain(_pick_name(verdict, own), [draw, f"dnat ip to {key} . meta priority map @{prefix}endpoints"])
    client = "ip saddr . ip daddr . meta l4proto . th dport"
    remember = f"update @affinity {{ {client} timeout {verdict.affinity}s : meta priority }}"
    go = f"dnat ip to {key} . meta priority map @{prefix}members"
    known = [
        "meta priority set 0",
        f"meta priority set {client} map @affinity",
        f"{key} . meta priority @{prefix}members {remember}",
        go,
    ]
    drawn = [draw, f"meta priority set {key} . meta priority map @{prefix}ids", remember, go]
    return _chain(_pick_name(verdict, own), known + drawn)


def _chain(name: str, lines: Iterable[str]) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"  chain {name} {{\n{body}  }}\n"


def _what(name: str) -> str:
    return "map" if name in MAPS else "set"
