"""Rules as elements of the table's sets and maps (pure)."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wherry.proxy.backends.nftables.chains import OWN_SLOTS, TABLE, Verdict
from wherry.proxy.plan import Frontend, Rule, Target


@dataclass(slots=True)
class Elements:
    """What a rule puts into the table: set or map -> key -> value ("" in a set); `shared`: members that other rules
    may have too."""

    own: dict[str, dict[str, str]] = field(default_factory=dict)
    shared: set[tuple[str, str]] = field(default_factory=set)
    verdict: Verdict | None = None

    def put(self, name: str, key: str, value: str = "") -> None:
        self.own.setdefault(name, {})[key] = value


NONE = Elements()


def elements(frontend: Frontend, rule: Rule) -> Elements:
    """Everything that a rule needs."""
    found = Elements()
    node = not frontend.address
    key = _key(frontend)
    if not node and not rule.external:
        found.shared.add(("cluster_ips", frontend.address))
    if rule.sources:
        found.put("restricted", key)
        for source in rule.sources:
            found.put("sources", f"{key} . {source}")
    if not rule.targets:
        verdict = "goto refuse" if rule.unreachable == "reject" else "drop"
        found.put("unserved_ports" if node else "unserved_services", key, verdict)
        return found
    found.verdict = _verdict(rule, node)
    found.put("node_ports" if node else "services", key, f"goto {found.verdict.chain}")
    _put_targets(found, key, rule.targets, False, node)
    _put_targets(found, key, rule.own or (), True, node)
    local = (target for target in (*rule.targets, *(rule.own or ())) if target.local)
    found.shared.update(("hairpin", f"{target.ip} . {target.ip}") for target in local)
    return found


def _verdict(rule: Rule, node: bool) -> Verdict:
    if rule.own is not None:
        return Verdict("kept", len(rule.targets), len(rule.own), rule.affinity, node)
    return Verdict("external" if rule.external else "internal", len(rule.targets), 0, rule.affinity, node)


def _put_targets(found: Elements, key: str, targets: Iterable[Target], own: bool, node: bool) -> None:
    """The endpoint of every slot; with affinity by way of an identity that the endpoint keeps."""
    assert found.verdict is not None
    prefix = "node_" if node else ""
    identities = _identities(targets)
    for slot, target in enumerate(targets, OWN_SLOTS if own else 0):
        real = f"{target.ip} . {target.port}"
        if found.verdict.affinity:
            identity = f"{int(own)}:{identities[target]:x}"
            found.put(f"{prefix}ids", f"{key} . 0:{slot:x}", identity)
            found.put(f"{prefix}members", f"{key} . {identity}", real)
        else:
            found.put(f"{prefix}endpoints", f"{key} . 0:{slot:x}", real)


def _identities(targets: Iterable[Target]) -> dict[Target, int]:
    """Numbers from 1 to 65535 that endpoints keep across changes and restarts."""
    taken: dict[int, Target] = {}
    for target in targets:
        number = zlib.crc32(f"{target.ip}:{target.port}".encode()) % 0xFFFF + 1
        while number in taken:
            number = number % 0xFFFF + 1
        taken[number] = target
    return {target: number for number, target in taken.items()}


def _key(frontend: Frontend) -> str:
    port = f"{frontend.protocol.lower()} . {frontend.port}"
    return f"{frontend.address} . {port}" if frontend.address else port


class Contents:
    """What the table holds. Turns changes of rules into commands."""

    def __init__(self) -> None:
        self._rules: dict[Frontend, Rule] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def change(self, changes: Mapping[Frontend, Rule | None]) -> tuple[str, set[Verdict]]:
        """The commands that follow `changes`, and the verdicts that they need. Deletions come first, so that a key
        may come back with another value in the same transaction."""
        gone: dict[str, list[str]] = {}
        new: dict[str, list[str]] = {}
        counts: dict[tuple[str, str], int] = {}
        verdicts = set()
        for frontend, rule in changes.items():
            old = self._rules.get(frontend)
            before = elements(frontend, old) if old else NONE
            after = elements(frontend, rule) if rule else NONE
            _compare(before, after, gone, new)
            for each in after.shared:
                counts[each] = counts.get(each, 0) + 1
            for each in before.shared:
                counts[each] = counts.get(each, 0) - 1
            if after.verdict:
                verdicts.add(after.verdict)
        self._remember(changes)
        self._count(counts, gone, new)
        return _commands("delete", gone) + _commands("add", new), verdicts

    def _remember(self, changes: Mapping[Frontend, Rule | None]) -> None:
        for frontend, rule in changes.items():
            if rule is None:
                self._rules.pop(frontend, None)
            else:
                self._rules[frontend] = rule

    def _count(
        self, counts: Mapping[tuple[str, str], int], gone: dict[str, list[str]], new: dict[str, list[str]]
    ) -> None:
        for member, difference in counts.items():
            name, key = member
            before = self._counts.get(member, 0)
            after = before + difference
            if after:
                self._counts[member] = after
            else:
                self._counts.pop(member, None)
            if after and not before:
                new.setdefault(name, []).append(key)
            elif before and not after:
                gone.setdefault(name, []).append(key)


def _compare(before: Elements, after: Elements, gone: dict[str, list[str]], new: dict[str, list[str]]) -> None:
    for name in before.own.keys() | after.own.keys():
        old, now = before.own.get(name, {}), after.own.get(name, {})
        gone.setdefault(name, []).extend(key for key, value in old.items() if now.get(key) != value)
        new.setdefault(name, []).extend(_element(key, value) for key, value in now.items() if old.get(key) != value)


def _element(key: str, value: str) -> str:
    return f"{key} : {value}" if value else key


def _commands(verb: str, members: Mapping[str, list[str]]) -> str:
    return "".join(
        f"{verb} element ip {TABLE} {name} {{ {', '.join(keys)} }}\n" for name, keys in members.items() if keys
    )
