"""A Service being written: what it takes from the pools."""

import uuid
from dataclasses import dataclass, field
from random import Random

from wherry.api import Obj, errors, kinds
from wherry.api.errors import StatusError
from wherry.apiserver import encoding
from wherry.apiserver.services import families
from wherry.apiserver.services.pool import Addresses, Full, PoolError, Ports
from wherry.lib.timestamps import rfc3339
from wherry.store import Delete, Put, Store

Operation = Put | Delete


@dataclass(slots=True)
class Claim:
    """What one write takes, and what becomes free when it is stored. End it with `keep` or `give_back`, once."""

    services: "Services"
    dry_run: bool
    addresses: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    freed_addresses: list[str] = field(default_factory=list)
    freed_ports: list[int] = field(default_factory=list)

    def operations(self, service: Obj, now: float) -> list[Operation]:
        """What else belongs to the Service's commit: the objects of its addresses."""
        made: list[Operation] = [Put(_key(each), _ip_address(each, service, now)) for each in self.addresses]
        return made + [Delete(_key(each)) for each in self.freed_addresses]

    def keep(self) -> None:
        """The Service was stored."""
        if self.dry_run:
            self.give_back()
        else:
            self.services.free(self.freed_addresses, self.freed_ports)

    def give_back(self) -> None:
        """The Service was not stored."""
        self.services.free(self.addresses, self.ports)


def _key(address: str) -> str:
    return f"{kinds.IP_ADDRESS.resource}/{address}"


def _ip_address(address: str, service: Obj, now: float) -> bytes:
    labels = {
        "ipaddress.kubernetes.io/ip-family": families.family_of(address),
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
    }
    stamp = rfc3339(now)
    managed = {
        "manager": "kube-apiserver",
        "operation": "Update",
        "apiVersion": "networking.k8s.io/v1",
        "time": stamp,
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, **{f"f:{label}": {} for label in labels}}},
            "f:spec": {"f:parentRef": {".": {}, "f:name": {}, "f:namespace": {}, "f:resource": {}}},
        },
    }
    metadata = service["metadata"]
    parent = {"resource": "services", "namespace": metadata["namespace"], "name": metadata["name"]}
    return encoding.encode(
        {
            "metadata": {
                "name": address,
                "uid": str(uuid.uuid4()),
                "creationTimestamp": stamp,
                "labels": labels,
                "managedFields": [managed],
            },
            "spec": {"parentRef": parent},
        }
    )


class Services:
    """The pools of one cluster."""

    def __init__(self, cidr: str, node_ports: tuple[int, int], random: Random) -> None:
        self.addresses = [Addresses(each, random) for each in cidr.split(",")]
        self.ports = Ports(*node_ports, random)

    @property
    def configured(self) -> list[str]:
        return [each.family for each in self.addresses]

    async def load(self, store: Store) -> None:
        """Take what the stored Services have."""
        for record in (await store.range(f"{kinds.SERVICE.resource}/")).records:
            addresses, ports = _allocated(encoding.decode(kinds.SERVICE, record)["spec"])
            for address in addresses:
                self._take_quietly(address)
            for port in ports:
                self._take_port_quietly(port)

    def _take_quietly(self, address: str) -> None:
        try:
            self._pool(families.family_of(address)).take(address)
        except PoolError:
            pass  # from an earlier range, or one that two Services share: theirs all the same

    def _take_port_quietly(self, port: int) -> None:
        try:
            self.ports.take(port)
        except PoolError:
            pass

    def _pool(self, family: str) -> Addresses:
        for addresses in self.addresses:
            if addresses.family == family:
                return addresses
        raise PoolError("the provided network does not match the current range")

    def free(self, addresses: list[str], ports: list[int]) -> None:
        for address in addresses:
            for pool in self.addresses:
                pool.free(address)
        for port in ports:
            self.ports.free(port)

    def deleted(self, service: Obj) -> Claim:
        """What becomes free with a Service."""
        addresses, ports = _allocated(service["spec"])
        return Claim(self, False, freed_addresses=addresses, freed_ports=ports)

    def claim(self, new: Obj, old: Obj | None, dry_run: bool) -> Claim:
        """Complete a new or changed Service with what it needs. Raises StatusError."""
        name, spec = new["metadata"].get("name", ""), new["spec"]
        before = old["spec"] if old else None
        if before is not None:
            families.keep_allocated(spec, before)
        families.link_cluster_ips(spec, before)
        families.complete(name, spec, before, self.configured)
        claim = Claim(self, dry_run)
        try:
            self._claim_addresses(claim, name, spec, before)
            self._claim_ports(claim, name, spec, before)
        except StatusError:
            claim.give_back()
            raise
        if before is not None:
            _note_freed(claim, spec, before)
        return claim

    def _claim_addresses(self, claim: Claim, name: str, spec: Obj, before: Obj | None) -> None:
        if not families.needs_cluster_ip(spec) or families.headless(spec):
            return
        if before is not None and families.needs_cluster_ip(before):
            if families.headless(before) or len(before.get("ipFamilies") or ()) != 1:
                return
            start = 1  # the first address never changes; a second may come
        else:
            start = 0
        chosen: list[str] = list(spec.get("clusterIPs") or [])
        for index, family in enumerate(spec.get("ipFamilies") or ()):
            if index < start:
                continue
            wanted = chosen[index] if index < len(chosen) else ""
            address = self._take_address(name, spec, family, wanted)
            claim.addresses.append(address)
            chosen[index : index + 1] = [address]
        if chosen:
            spec["clusterIPs"], spec["clusterIP"] = chosen, chosen[0]

    def _take_address(self, name: str, spec: Obj, family: str, wanted: str) -> str:
        try:
            pool = self._pool(family)
            if not wanted:
                return pool.take_any()
            pool.take(wanted)
            return wanted
        except Full as error:
            raise errors.internal(f'failed to allocate a serviceIP for Service "{name}": {error}') from None
        except PoolError as error:
            why = f"failed to allocate IP {wanted}: {error}"
            found = errors.invalid_value("spec.clusterIPs", spec.get("clusterIPs") or [], why)
            raise errors.invalid(kinds.SERVICE, name, [found]) from None

    def _claim_ports(self, claim: Claim, name: str, spec: Obj, before: Obj | None) -> None:
        kept = set(_allocated(before)[1]) if before else set()
        if families.needs_node_ports(spec):
            self._claim_node_ports(claim, name, spec, kept)
        if families.needs_health_check_port(spec) and not (before and families.needs_health_check_port(before)):
            self._claim_health_check_port(claim, spec)

    def _claim_node_ports(self, claim: Claim, name: str, spec: Obj, kept: set[int]) -> None:
        """One node port serves a port number in both protocols."""
        automatic = spec["type"] == "NodePort" or spec.get("allocateLoadBalancerNodePorts", True)
        ports = spec.get("ports") or []
        mine: dict[int, int] = {}  # port -> node port
        for index, port in enumerate(ports):
            if not port.get("nodePort") and not automatic:
                continue
            number = port["port"]
            wanted = port.get("nodePort") or mine.get(number) or _requested(number, ports)
            if wanted and (wanted in kept or wanted == mine.get(number)):
                port["nodePort"] = mine[number] = wanted
                continue
            port["nodePort"] = mine[number] = self._take_port(claim, name, index, wanted)

    def _take_port(self, claim: Claim, name: str, index: int, wanted: int) -> int:
        try:
            if wanted:
                self.ports.take(wanted)
            else:
                wanted = self.ports.take_any()
        except Full as error:
            raise errors.internal(f"failed to allocate a nodePort: {error}") from None
        except PoolError as error:
            found = errors.invalid_value(f"spec.ports[{index}].nodePort", wanted, str(error))
            raise errors.invalid(kinds.SERVICE, name, [found]) from None
        claim.ports.append(wanted)
        return wanted

    def _claim_health_check_port(self, claim: Claim, spec: Obj) -> None:
        wanted = spec.get("healthCheckNodePort") or 0
        try:
            if wanted:
                self.ports.take(wanted)
            else:
                wanted = self.ports.take_any()
        except PoolError as error:
            requested = "requested " if spec.get("healthCheckNodePort") else "a "
            what = f"failed to allocate {requested}HealthCheck NodePort {wanted}: {error}"
            raise errors.internal(what) from None
        claim.ports.append(wanted)
        spec["healthCheckNodePort"] = wanted


def _requested(number: int, ports: list[Obj]) -> int:
    """The node port that the client named for another port of this number."""
    return next((port["nodePort"] for port in ports if port["port"] == number and port.get("nodePort")), 0)


def _allocated(spec: Obj) -> tuple[list[str], list[int]]:
    """The addresses and ports that a stored Service has."""
    addresses = [] if families.headless(spec) or not families.needs_cluster_ip(spec) else spec.get("clusterIPs") or []
    ports = [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]
    if spec.get("healthCheckNodePort"):
        ports.append(spec["healthCheckNodePort"])
    return list(addresses), ports


def _note_freed(claim: Claim, spec: Obj, before: Obj) -> None:
    """What the old Service had and the new one, once its type has taken effect, has not."""
    after: Obj = {**spec, "ports": [dict(port) for port in spec.get("ports") or ()]}
    families.drop_by_type(after, before)
    addresses, ports = _allocated(after)
    old_addresses, old_ports = _allocated(before)
    claim.freed_addresses = [each for each in old_addresses if each not in addresses]
    claim.freed_ports = list(dict.fromkeys(each for each in old_ports if each not in ports))
