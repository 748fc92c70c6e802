"""Which addresses a node's kernel must translate, from Services and EndpointSlices.

A **frontend** is what clients connect to: an address (or every address of the node), a protocol and a port. Its
**rule** says where connections go. Source of the semantics: KEP-1669 (terminating endpoints), KEP-2433 and KEP-3015
(topology hints), KEP-2086 (internal traffic policy), and kube-proxy v1.36.
"""

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from wherry.api import Obj, meta

OTHER_PROXY = "service.kubernetes.io/service-proxy-name"
ZONE = "topology.kubernetes.io/zone"
_DEFAULT_AFFINITY_SECONDS = 10800


@dataclass(frozen=True, slots=True)
class Frontend:
    """`address` "" is every address of the node (a node port). `protocol`: TCP, UDP or SCTP."""

    address: str
    protocol: str
    port: int


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """A real address. `local`: on this node."""

    ip: str
    port: int
    local: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Where connections to a frontend go.

    `external` frontends are meant for clients outside: their connections get the node's address on the way (the
    answer must come back through this node), unless `own` is not None: then clients outside are sent to these targets
    of this node with their address kept, and only clients on this node get `targets`. `affinity`: seconds that a
    client stays with its target, 0 for none. `unreachable`: what happens when there is no target. `sources`: networks
    that may connect, empty for all. `serving`: every target that may still hold a UDP flow.
    """

    targets: tuple[Target, ...]
    external: bool = False
    own: tuple[Target, ...] | None = None
    affinity: int = 0
    unreachable: str = "reject"  # or drop
    sources: tuple[str, ...] = ()
    serving: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class ThisNode:
    """What of the own Node matters."""

    name: str
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of one slice, for one port."""

    target: Target
    ready: bool
    serving: bool
    terminating: bool
    zones: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()


def is_proxied(service: Obj) -> bool:
    """Headless services, external names and those of another proxy are not ours."""
    spec = service["spec"]
    has_address = spec.get("clusterIP") not in (None, "", "None")
    return has_address and spec.get("type") != "ExternalName" and OTHER_PROXY not in meta.labels(service)


def rules(service: Obj, slices: Iterable[Obj], node: ThisNode) -> dict[Frontend, Rule]:
    """Everything that one service needs on this node."""
    if not is_proxied(service):
        return {}
    slices = [each for each in slices if each.get("addressType", "IPv4") == "IPv4"]
    found: dict[Frontend, Rule] = {}
    for port in service["spec"].get("ports") or ():
        protocol = port.get("protocol", "TCP")
        endpoints = _endpoints(slices, port.get("name", ""), protocol, node.name)
        found.update(_port_rules(service, port, protocol, _Choice(endpoints, node)))
    return found


class _Choice:
    """Which endpoints of a service port are used, by traffic policy."""

    def __init__(self, endpoints: list[Endpoint], node: ThisNode) -> None:
        self.cluster = _preferring_ready(endpoints, node, everywhere=True)
        self.own = _preferring_ready([each for each in endpoints if each.target.local], node, everywhere=False)
        self.serving = tuple(sorted(each.target for each in endpoints if each.serving))
        self.anywhere = any(each.ready or (each.serving and each.terminating) for each in endpoints)


def _port_rules(service: Obj, port: Obj, protocol: str, choice: _Choice) -> Iterator[tuple[Frontend, Rule]]:
    spec = service["spec"]
    affinity = _affinity(spec)
    serving = choice.serving if protocol == "UDP" else ()
    own_only = spec.get("internalTrafficPolicy") == "Local"
    inside = Rule(
        targets=choice.own if own_only else choice.cluster,
        affinity=affinity,
        unreachable="drop" if own_only and choice.anywhere else "reject",
        serving=serving,
    )
    for address in _ipv4(spec.get("clusterIPs") or [spec["clusterIP"]]):
        yield Frontend(address, protocol, port["port"]), inside
    local = spec.get("externalTrafficPolicy") == "Local"
    outside = Rule(choice.cluster, True, choice.own if local else None, affinity, "reject", (), serving)
    if port.get("nodePort"):
        yield Frontend("", protocol, port["nodePort"]), outside
    for address in _ipv4(spec.get("externalIPs") or ()):
        yield Frontend(address, protocol, port["port"]), outside
    sources = _sources(spec)
    balanced = Rule(outside.targets, True, outside.own, affinity, "reject", sources, serving) if sources else outside
    for address in _ipv4(_balancer_addresses(service)):
        yield Frontend(address, protocol, port["port"]), balanced


def _affinity(spec: Obj) -> int:
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return int(config.get("timeoutSeconds") or _DEFAULT_AFFINITY_SECONDS)


def _balancer_addresses(service: Obj) -> list[str]:
    """Addresses whose packets arrive unchanged; a balancer of mode Proxy sends to node ports itself."""
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [entry["ip"] for entry in ingress if entry.get("ip") and entry.get("ipMode", "VIP") == "VIP"]


def _sources(spec: Obj) -> tuple[str, ...]:
    """Empty: everybody. Validation lets blanks through around the networks."""
    wanted = [text.strip() for text in spec.get("loadBalancerSourceRanges") or ()]
    networks = [ipaddress.IPv4Network(text, strict=False) for text in wanted if ":" not in text]
    if any(network.prefixlen == 0 for network in networks):
        return ()
    return tuple(str(network) for network in ipaddress.collapse_addresses(networks))


def _ipv4(addresses: Iterable[str]) -> list[str]:
    return [address for address in addresses if ":" not in address]


# Endpoints


def _endpoints(slices: Iterable[Obj], port_name: str, protocol: str, node_name: str) -> list[Endpoint]:
    """Those of a service port, one for each address and port. Two pods may show the same address for a moment (it
    was given anew before the old pod's object went): the one that is not terminating counts."""
    found: dict[tuple[str, int], Endpoint] = {}
    for slice in slices:
        for port in slice.get("ports") or ():
            if (
                (port.get("name") or "") != port_name
                or port.get("protocol", "TCP") != protocol
                or not port.get("port")
            ):
                continue
            for obj in slice.get("endpoints") or ():
                endpoint = _endpoint(obj, port["port"], node_name)
                key = (endpoint.target.ip, endpoint.target.port)
                if key not in found or not endpoint.terminating:
                    found[key] = endpoint
    return list(found.values())


def _endpoint(obj: Obj, port: int, node_name: str) -> Endpoint:
    conditions = obj.get("conditions") or {}
    hints = obj.get("hints") or {}
    return Endpoint(
        target=Target(obj["addresses"][0], port, obj.get("nodeName") == node_name),
        ready=conditions.get("ready") is not False,
        serving=conditions.get("serving") is not False,
        terminating=conditions.get("terminating") is True,
        zones=frozenset(zone["name"] for zone in hints.get("forZones") or ()),
        nodes=frozenset(node["name"] for node in hints.get("forNodes") or ()),
    )


def _preferring_ready(endpoints: Collection[Endpoint], node: ThisNode, *, everywhere: bool) -> tuple[Target, ...]:
    """The ready ones, near ones if hints say so; when there are none, those that still serve while they end."""
    ready = [each for each in endpoints if each.ready]
    chosen = _near(ready, node) if everywhere else ready
    if not chosen:
        chosen = [each for each in endpoints if each.serving and each.terminating]
    return tuple(sorted(each.target for each in chosen))


def _near(ready: list[Endpoint], node: ThisNode) -> list[Endpoint]:
    """Hints count only if every endpoint has them and one is for us; those for nodes before those for zones."""
    if all(each.nodes for each in ready) and (here := [each for each in ready if node.name in each.nodes]):
        return here
    if (
        node.zone
        and all(each.zones for each in ready)
        and (here := [each for each in ready if node.zone in each.zones])
    ):
        return here
    return ready


# All services together


class Table:
    """The rules of all services, replaced one service at a time. Where two claim one frontend, the one whose key
    sorts first has it, whatever the order they came in."""

    def __init__(self) -> None:
        self._by_service: dict[str, Mapping[Frontend, Rule]] = {}
        self._claims: dict[Frontend, list[str]] = {}
        self._all: dict[Frontend, Rule] = {}

    @property
    def all(self) -> Mapping[Frontend, Rule]:
        return self._all

    def replace(self, service: str, new: Mapping[Frontend, Rule]) -> dict[Frontend, Rule | None]:
        """What changed by it: the rule that a frontend now has, None for none."""
        old = self._by_service.pop(service, {})
        if new:
            self._by_service[service] = new
        for frontend in old.keys() - new.keys():
            self._claims[frontend].remove(service)
        for frontend in new.keys() - old.keys():
            self._claims.setdefault(frontend, []).append(service)
        changes = {}
        for frontend in old.keys() | new.keys():
            before, after = self._all.get(frontend), self._winner(frontend)
            if before != after:
                changes[frontend] = after
                self._set(frontend, after)
        return changes

    def _winner(self, frontend: Frontend) -> Rule | None:
        claims = self._claims[frontend]
        if not claims:
            del self._claims[frontend]
            return None
        return self._by_service[min(claims)][frontend]

    def _set(self, frontend: Frontend, rule: Rule | None) -> None:
        if rule is None:
            del self._all[frontend]
        else:
            self._all[frontend] = rule


# UDP flows


class Flow(Protocol):
    """A tracked connection: where its client sent it, and who answers."""

    @property
    def destination(self) -> str: ...
    @property
    def destination_port(self) -> int: ...
    @property
    def answers_from(self) -> str: ...
    @property
    def answers_port(self) -> int: ...


F = TypeVar("F", bound=Flow)


def stale_flows(flows: Iterable[F], table: Mapping[Frontend, Rule], changed: Collection[Frontend]) -> list[F]:
    """UDP flows to `changed` frontends that go to nobody, or to a target that serves no more. They would go on for as
    long as their client sends. A frontend without any target keeps its flows: there is nowhere better to go."""
    wanted = {
        (frontend.address, frontend.port): {(target.ip, target.port) for target in table[frontend].serving}
        for frontend in changed
        if frontend.protocol == "UDP" and frontend in table and table[frontend].serving
    }
    if not wanted:
        return []
    return [flow for flow in flows if _is_stale(flow, wanted)]


def _is_stale(flow: Flow, wanted: Mapping[tuple[str, int], set[tuple[str, int]]]) -> bool:
    port = flow.destination_port
    targets = wanted.get((flow.destination, port)) or wanted.get(("", port))
    return targets is not None and (flow.answers_from, flow.answers_port) not in targets
