"""The cluster's zone: Services and EndpointSlices to records, a question to an answer.

Names are lower case without the last dot. Source: Kubernetes DNS-Based Service Discovery, version 1.1.0.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from wherry.api import Obj, meta

VERSION = "1.1.0"  # of the specification, as the zone itself says
_MOST_ALIASES = 8  # followed in one answer, so that a circle ends

Code = Literal["NOERROR", "NXDOMAIN", "SERVFAIL"]


@dataclass(frozen=True, slots=True)
class Srv:
    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class Record:
    """`value`: an address, a name or a text."""

    name: str
    type: str
    value: str | Srv


@dataclass(frozen=True, slots=True)
class Answer:
    """`forward`: the name is not ours, ask upstream. `unresolved`: the alias that ends the records leads outside; ask
    upstream for it and add what comes. Without records it is a negative answer of the zone."""

    code: Code = "NOERROR"
    records: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    forward: bool = False
    unresolved: str = ""


FORWARD = Answer(forward=True)


# Records


def records(service: Obj, slices: Iterable[Obj], domain: str) -> frozenset[Record]:
    """Everything that one service puts into the zone."""
    base = f"{meta.name(service)}.{meta.namespace(service)}.svc.{domain}"
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return frozenset({Record(base, "CNAME", spec.get("externalName", "").rstrip(".").lower())})
    if spec.get("clusterIP") == "None":
        return frozenset(_headless(base, slices))
    return frozenset(_with_address(base, spec))


def _with_address(base: str, spec: Obj) -> Iterator[Record]:
    for address in spec.get("clusterIPs") or filter(None, [spec.get("clusterIP")]):
        yield _address(base, address)
        yield Record(_reverse(address), "PTR", base)
    for port in spec.get("ports") or ():
        srv = Srv(0, 100, port["port"], base)
        yield Record(base, "SRV", srv)
        if port.get("name"):
            yield Record(_port_name(port, base), "SRV", srv)


def _headless(base: str, slices: Iterable[Obj]) -> Iterator[Record]:
    """A name for each ready endpoint, and the service's name for all of them."""
    slices = [each for each in slices if each.get("addressType", "IPv4") != "FQDN"]
    for slice in slices:
        for endpoint in slice.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            for address in endpoint["addresses"]:
                yield from _endpoint(base, endpoint.get("hostname"), address, slice.get("ports") or ())


def _endpoint(base: str, hostname: str | None, address: str, ports: Iterable[Obj]) -> Iterator[Record]:
    own = f"{hostname or address.replace('.', '-').replace(':', '-')}.{base}".lower()
    yield _address(base, address)
    yield _address(own, address)
    yield Record(_reverse(address), "PTR", own)
    for port in ports:
        if port.get("port"):
            srv = Srv(0, 100, port["port"], own)
            yield Record(base, "SRV", srv)
            if port.get("name"):
                yield Record(_port_name(port, base), "SRV", srv)


def _address(name: str, address: str) -> Record:
    return Record(name, "AAAA" if ":" in address else "A", address)


def _port_name(port: Obj, base: str) -> str:
    return f"_{port['name']}._{port.get('protocol', 'TCP')}.{base}".lower()


def _reverse(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer


# The zone


class Zone:
    """All records of a cluster. `replace` one service's at a time; `answer` questions. `generation` grows with every
    change, so that answers may be kept."""

    def __init__(self, domain: str, dns_address: str = "") -> None:
        self.domain = domain.rstrip(".").lower()
        self.generation = 0
        self._services: dict[str, frozenset[Record]] = {}
        self._names: dict[str, dict[str, dict[Record, int]]] = {}
        self._above: dict[str, int] = {}  # names that have names below: how many records are there
        self._namespaces: frozenset[str] = frozenset()
        server = f"ns.dns.{self.domain}"
        self._add(Record(self.domain, "NS", server))
        self._add(Record(self.domain, "SOA", server))
        self._add(Record(f"dns-version.{self.domain}", "TXT", VERSION))
        if dns_address:
            self._add(_address(server, dns_address))

    def replace(self, service: str, new: frozenset[Record]) -> None:
        """`new` is everything that a service (by its key) has now; empty when it is gone."""
        old = self._services.pop(service, frozenset())
        if new:
            self._services[service] = new
        for record in old - new:
            self._remove(record)
        for record in new - old:
            self._add(record)
        self.generation += old != new

    def set_namespaces(self, names: Iterable[str]) -> None:
        """Names of pods exist in namespaces that do."""
        namespaces = frozenset(names)
        self.generation += namespaces != self._namespaces
        self._namespaces = namespaces

    def answer(self, name: str, type: str) -> Answer:
        """`type`: A, AAAA, SRV, PTR, CNAME, TXT, NS, SOA, ANY or any other."""
        name = name.rstrip(".").lower()
        if not self.owns(name):
            found = self._names.get(name)
            return self._positive(name, found, type) if found else FORWARD
        if pod := self._pod(name):
            return _matching([pod], type)
        found = self._names.get(name)
        if found:
            return self._positive(name, found, type)
        return Answer() if self._exists(name) else Answer("NXDOMAIN")

    def owns(self, name: str) -> bool:
        return name == self.domain or name.endswith(f".{self.domain}")

    def _positive(self, name: str, found: Mapping[str, Mapping[Record, int]], type: str) -> Answer:
        if "CNAME" in found and type not in ("CNAME", "ANY"):
            return self._follow(name, type)
        chosen = [each for kind, records in found.items() if type in (kind, "ANY") for each in records]
        return _matching(chosen, type, self._addresses(chosen))

    def _follow(self, name: str, type: str) -> Answer:
        """Aliases, and what the last one leads to."""
        aliases: list[Record] = []
        while len(aliases) < _MOST_ALIASES and "CNAME" in self._names.get(name, {}):
            aliases.append(next(iter(self._names[name]["CNAME"])))
            name = str(aliases[-1].value)
        if "CNAME" in self._names.get(name, {}):
            return Answer("SERVFAIL")
        last = self.answer(name, type)
        records = (*aliases, *last.records)
        return Answer(last.code, records, last.additional, unresolved=name if last.forward else "")

    def _addresses(self, records: Iterable[Record]) -> list[Record]:
        """Of what SRV records point to, to save the client a question."""
        targets = dict.fromkeys(record.value.target for record in records if isinstance(record.value, Srv))
        kinds = (self._names.get(target, {}) for target in targets)
        return [record for kind in kinds for type in ("A", "AAAA") for record in kind.get(type, ())]

    def _pod(self, name: str) -> Record | None:
        """`10-244-0-5.default.pod.cluster.local`: the address is in the name."""
        labels = name.removesuffix(self.domain).rstrip(".").split(".")
        if len(labels) != 3 or labels[2] != "pod" or labels[1] not in self._namespaces:
            return None
        for separator in (".", ":"):
            try:
                return _address(name, str(ipaddress.ip_address(labels[0].replace("-", separator))))
            except ValueError:
                continue
        return None

    def _exists(self, name: str) -> bool:
        """Whether there are names below it, or there would be if there were pods."""
        labels = name.removesuffix(self.domain).rstrip(".").split(".")
        if labels in ([""], ["svc"], ["pod"]):
            return True
        if len(labels) == 2 and labels[1] in ("svc", "pod"):
            return labels[0] in self._namespaces or name in self._above
        return name in self._above

    def _add(self, record: Record) -> None:
        holders = self._names.setdefault(record.name, {}).setdefault(record.type, {})
        holders[record] = holders.get(record, 0) + 1
        for above in _parents(record.name, self.domain):
            self._above[above] = self._above.get(above, 0) + 1

    def _remove(self, record: Record) -> None:
        kinds = self._names[record.name]
        kinds[record.type][record] -= 1
        if not kinds[record.type][record]:
            del kinds[record.type][record]
        if not kinds[record.type]:
            del kinds[record.type]
        if not kinds:
            del self._names[record.name]
        for above in _parents(record.name, self.domain):
            self._above[above] -= 1
            if not self._above[above]:
                del self._above[above]


def _matching(records: Iterable[Record], type: str, additional: Iterable[Record] = ()) -> Answer:
    chosen = tuple(record for record in records if type in (record.type, "ANY"))
    return Answer("NOERROR", chosen, tuple(additional) if chosen else ())


def _parents(name: str, domain: str) -> Iterator[str]:
    """The names between a name and the domain."""
    while name.endswith(f".{domain}"):
        name = name.partition(".")[2]
        yield name


# Upstream


def nameservers(resolv_conf: str, own: Iterable[str]) -> list[str]:
    """The machine's resolvers in their order, without the cluster's own DNS (it would ask itself). Addresses that
    make no sense are left out, as the C library does; at most three."""
    found = []
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and _is_address(words[1]) and words[1] not in set(own):
            found.append(words[1])
    return found[:3]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
