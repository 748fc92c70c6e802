"""What a request handler works with: the server's parts, and one request on its way through the pipeline."""

import secrets
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from wherry.aio.http.messages import Request
from wherry.api.kinds import KINDS, Kind, Registry
from wherry.apiserver.authn.user import ANONYMOUS, User
from wherry.apiserver.hub import Hub
from wherry.apiserver.locks import Locks
from wherry.apiserver.metrics import Metrics
from wherry.apiserver.mirror import Mirror
from wherry.apiserver.nodes import Tunnel
from wherry.apiserver.podindex import PodIndex
from wherry.apiserver.routes import Query, Target
from wherry.apiserver.services import Services
from wherry.lib.clock import Clock, SystemClock
from wherry.store import Store

if TYPE_CHECKING:
    from wherry.apiserver.audit import Audit, Record
    from wherry.apiserver.authn import Authenticator
    from wherry.apiserver.authn.accounts import Accounts
    from wherry.apiserver.authz import Authorizer
    from wherry.apiserver.authz.rbac import Rbac
    from wherry.apiserver.fairness import Fairness, Place


@dataclass(frozen=True, slots=True)
class Settings:
    """What flags decide. `service_cidr`: where cluster IPs come from. `node_ports`: first and last. `seats`: requests
    that are worked on at once (`fairness`)."""

    service_cidr: str = "10.96.0.0/12"
    node_ports: tuple[int, int] = (30000, 32767)
    issuer: str = "https://kubernetes.default.svc.cluster.local"
    advertise_address: str = "127.0.0.1"
    port: int = 8443
    event_ttl: int = 3600
    seats: int = 120


@dataclass(slots=True)
class Api:
    """The parts. `kinds` are those that the server knows now, custom resources included."""

    store: Store
    hub: Hub
    mirror: Mirror
    pods: PodIndex
    authenticator: "Authenticator"
    authorizer: "Authorizer"
    rbac: "Rbac"
    accounts: "Accounts"
    fairness: "Fairness"
    services: Services
    tunnel: Tunnel = field(default_factory=Tunnel)
    settings: Settings = field(default_factory=Settings)
    metrics: Metrics = field(default_factory=Metrics)
    quotas: Locks = field(default_factory=Locks)
    kinds: Registry = field(default_factory=lambda: Registry(KINDS))
    clock: Clock = field(default_factory=SystemClock)
    random: Random = field(default_factory=lambda: Random(secrets.randbits(64)))
    audit: "Audit | None" = None


@dataclass(slots=True)
class Call:
    """One request. The pipeline fills in who asks and what for; handlers add `warnings`."""

    request: Request
    query: Query
    target: Target
    user: User = ANONYMOUS
    warnings: list[str] = field(default_factory=list)
    audit: "Record | None" = None  # if it is to be in the audit log
    place: "Place | None" = None

    @property
    def kind(self) -> Kind:
        assert self.target.kind is not None
        return self.target.kind

    def warn(self, text: str) -> None:
        """Add a Warning header, once."""
        if text not in self.warnings:
            self.warnings.append(text)
