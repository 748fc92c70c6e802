"""How fast nodes of a zone may be given up: fast one by one, slowly or not at all when many fail at once.

Source: upstream's pkg/controller/nodelifecycle (handleDisruption) and its defaults.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from wherry.api import Obj, meta

# Nodes a second that may be tainted NoExecute.
RATE, SECONDARY_RATE = 0.1, 0.01
LARGE_ZONE = 50
UNHEALTHY_PART = 0.55
EXCLUDED = "node.kubernetes.io/exclude-disruption"

State = Literal["Normal", "PartialDisruption", "FullDisruption"]


def zone_of(node: Obj) -> str:
    """Region and zone, empty for a node without either."""
    labels = meta.labels(node)
    region = labels.get("topology.kubernetes.io/region", labels.get("failure-domain.beta.kubernetes.io/region", ""))
    zone = labels.get("topology.kubernetes.io/zone", labels.get("failure-domain.beta.kubernetes.io/zone", ""))
    return f"{region}:\0:{zone}" if region or zone else ""


@dataclass(frozen=True, slots=True)
class Zone:
    ready: int = 0
    not_ready: int = 0

    @property
    def state(self) -> State:
        if self.not_ready and not self.ready:
            return "FullDisruption"
        if self.not_ready > 2 and self.not_ready / (self.not_ready + self.ready) >= UNHEALTHY_PART:
            return "PartialDisruption"
        return "Normal"

    @property
    def rate(self) -> float:
        if self.state == "PartialDisruption":
            return SECONDARY_RATE if self.ready + self.not_ready > LARGE_ZONE else 0.0
        return RATE


@dataclass(slots=True)
class Tally:
    """Ready and other nodes by zone, kept up to date by events: a survey at each would be quadratic in an outage."""

    zones: dict[str, Zone] = field(default_factory=dict)

    def change(self, old: Obj | None, new: Obj | None) -> None:
        """A node came (old is None), changed or went (new is None)."""
        for node, step in ((old, -1), (new, 1)):
            if node is None or EXCLUDED in meta.labels(node):
                continue
            zone = self.zones.get(zone_of(node), Zone())
            ready = meta.is_true(node, "Ready")
            changed = Zone(zone.ready + step * ready, zone.not_ready + step * (not ready))
            self.zones[zone_of(node)] = changed
            if not changed.ready and not changed.not_ready:
                del self.zones[zone_of(node)]

    @property
    def all_disrupted(self) -> bool:
        """No node anywhere is ready: more likely the fault is on this side, and nobody is evicted."""
        return bool(self.zones) and all(zone.state == "FullDisruption" for zone in self.zones.values())

    def rate(self, zone: str) -> float:
        return self.zones.get(zone, Zone()).rate


@dataclass(frozen=True, slots=True)
class Licence:
    """To evict a node's pods. `halted`: nobody's, and evictions under way end. `wait`: seconds until a further node
    may be given up, infinite for not at all; 0 takes the permission."""

    halted: bool
    wait: Callable[[], float]


@dataclass(slots=True)
class Pace:
    """Permissions to give up a node, one bucket of one token a zone."""

    _ready_at: dict[str, float] = field(default_factory=dict)

    def wait(self, zone: str, rate: float, now: float) -> float:
        if rate <= 0:
            return float("inf")
        ready_at = self._ready_at.get(zone, now)
        if ready_at > now:
            return ready_at - now
        self._ready_at[zone] = now + 1 / rate
        return 0.0
