"""/etc/hosts, /etc/resolv.conf and the names of a pod."""

from collections.abc import Iterable
from dataclasses import dataclass

from wherry.api import Obj, meta
from wherry.node.plan.podspec import host_network

_MANAGED = "# Kubernetes-managed hosts file.\n"
_MANAGED_HOST_NETWORK = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL = """\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""
_MAX_NAMESERVERS = 3
_MAX_SEARCHES = 32
_HOSTNAME_LIMIT = 63


def hostname(pod: Obj, cluster_domain: str) -> tuple[str, str]:
    """The pod's host name and its domain (empty without a subdomain)."""
    spec = pod["spec"]
    if spec.get("hostnameOverride"):
        return str(spec["hostnameOverride"]), ""
    name = spec.get("hostname") or meta.name(pod)
    short = name[:_HOSTNAME_LIMIT].rstrip("-.")
    subdomain = spec.get("subdomain")
    domain = f"{subdomain}.{meta.namespace(pod)}.svc.{cluster_domain}" if subdomain else ""
    return short, domain


def hosts(pod: Obj, addresses: Iterable[str], cluster_domain: str, of_node: str) -> str:
    """`of_node`: the node's own file, for pods in its network."""
    if host_network(pod):
        return _MANAGED_HOST_NETWORK + of_node + _aliases(pod)
    name, domain = hostname(pod, cluster_domain)
    names = f"{name}.{domain}\t{name}" if domain else name
    return _MANAGED + _LOCAL + "".join(f"{address}\t{names}\n" for address in addresses) + _aliases(pod)


def _aliases(pod: Obj) -> str:
    aliases = pod["spec"].get("hostAliases") or []
    if not aliases:
        return ""
    lines = "".join(f"{each['ip']}\t" + "\t".join(each.get("hostnames") or []) + "\n" for each in aliases)
    return "\n# Entries added by HostAliases.\n" + lines


@dataclass(frozen=True, slots=True)
class Resolver:
    """The contents of a resolv.conf."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def text(self) -> str:
        lines = [f"nameserver {each}" for each in self.nameservers[:_MAX_NAMESERVERS]]
        if self.searches:
            lines.insert(0, "search " + " ".join(self.searches[:_MAX_SEARCHES]))
        if self.options:
            lines.append("options " + " ".join(self.options))
        return "".join(line + "\n" for line in lines)


def parse_resolver(text: str) -> Resolver:
    """A resolv.conf; the last `search` and `options` count."""
    nameservers, searches, options = [], [], []
    for line in text.splitlines():
        key, *values = line.split() or [""]
        if key == "nameserver" and values:
            nameservers.append(values[0])
        elif key == "search":
            searches = [each.rstrip(".") or "." for each in values]
        elif key == "options":
            options = values
    return Resolver(tuple(nameservers), tuple(searches), tuple(options))


def resolver(pod: Obj, of_node: Resolver, cluster_dns: str, cluster_domain: str) -> Resolver:
    """By the pod's dnsPolicy and dnsConfig."""
    policy = pod["spec"].get("dnsPolicy") or "ClusterFirst"
    if policy == "ClusterFirst" and host_network(pod):
        policy = "Default"
    base = of_node
    if policy == "None":
        base = Resolver()
    elif policy in ("ClusterFirst", "ClusterFirstWithHostNet") and cluster_dns:
        namespace = meta.namespace(pod)
        own = (f"{namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain)
        base = Resolver((cluster_dns,), _unique([*own, *of_node.searches]), ("ndots:5",))
    config = pod["spec"].get("dnsConfig") or {}
    return Resolver(
        _unique([*base.nameservers, *(config.get("nameservers") or [])]),
        _unique([*base.searches, *(config.get("searches") or [])]),
        _merge_options(base.options, config.get("options") or []),
    )


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))


def _merge_options(options: Iterable[str], more: Iterable[Obj]) -> tuple[str, ...]:
    merged = dict(each.partition(":")[::2] for each in options)
    merged |= {each["name"]: each.get("value") or "" for each in more}
    return tuple(f"{name}:{value}" if value else name for name, value in merged.items())
