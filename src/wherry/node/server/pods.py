"""Finding what a path speaks of."""

from wherry.api import Obj, meta
from wherry.engine.interface import ContainerStatus, Engine
from wherry.node.agent import Agent
from wherry.node.plan.podspec import every_container
from wherry.node.records import sandbox_of
from wherry.node.server.errors import Refused


class Pods:
    """The node's pods and their containers, by name. Raises Refused."""

    def __init__(self, agent: Agent, engine: Engine) -> None:
        self._agent, self._engine = agent, engine

    def all(self) -> list[Obj]:
        """Pods of this node, with the statuses that the agent knows."""
        return [self._current(pod) for pod in self._agent.pods.store.values()]

    def find(self, namespace: str, name: str) -> Obj:
        pod = self._agent.pods.get(f"{namespace}/{name}")
        if pod is None:
            raise Refused(404, f'pod "{name}" in namespace "{namespace}" not found')
        return self._current(pod)

    def _current(self, pod: Obj) -> Obj:
        status = self._agent.status_of(meta.uid(pod))
        return {**pod, "status": status} if status else pod

    def check_container(self, pod: Obj, container: str) -> None:
        if not any(each["name"] == container for each in every_container(pod)):
            raise Refused(400, f"container {container} is not valid for pod {meta.name(pod)}")

    def running(self, namespace: str, name: str, container: str) -> ContainerStatus:
        """The container's process."""
        pod = self.find(namespace, name)
        self.check_container(pod, container)
        box = sandbox_of(self._engine, meta.uid(pod))
        attempts = [each for each in self._engine.containers(box.id) if each.spec.name == container] if box else []
        running = [each for each in attempts if each.state == "running"]
        if not running:
            raise Refused(404, f'container not found ("{container}")')
        return running[-1]
