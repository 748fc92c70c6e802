"""What a controller is built with."""

from dataclasses import dataclass, field

from wherry.aio.clock import WaitableClock
from wherry.client.interface import Client
from wherry.controllers.caches import Caches


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of single controllers. `root_certificate`: the cluster's root CA in PEM, published to every namespace;
    empty: not published."""

    root_certificate: str = ""
    terminated_pods: int = 12500


@dataclass(frozen=True, slots=True)
class Context:
    client: Client
    caches: Caches
    clock: WaitableClock
    options: Options = field(default_factory=Options)
