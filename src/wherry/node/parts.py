"""What the agent is made of, handed to everything that works for one pod."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wherry.aio.clock import WaitableClock
from wherry.api import Obj
from wherry.client.events import Recorder
from wherry.client.interface import Client
from wherry.engine.interface import Engine
from wherry.node.config import NodeConfig
from wherry.node.network import PodNetwork
from wherry.node.objects import Objects
from wherry.node.pulling import Puller
from wherry.node.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Parts:
    """`services`: those of all namespaces, as far as known; `pods`: this node's. `machine_hostname`: for pods in the
    node's network."""

    config: NodeConfig
    client: Client
    engine: Engine
    network: PodNetwork
    clock: WaitableClock
    recorder: Recorder
    objects: Objects
    tokens: Tokens
    puller: Puller
    services: Callable[[], Iterable[Obj]]
    pods: Callable[[], Iterable[Obj]]
    machine_hostname: str
