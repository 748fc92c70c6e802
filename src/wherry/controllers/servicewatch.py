"""Which services a pod's event concerns, and a service's pods: for both endpoint controllers."""

from collections.abc import Iterable

from wherry.api import Obj, meta
from wherry.client.informer import Informer
from wherry.controllers import services
from wherry.controllers.watching import NAMESPACE, by_namespace

SELECTOR = "selector"


class ServiceWatch:
    def __init__(self, of_services: Informer, of_pods: Informer) -> None:
        self._services, self._pods = of_services, of_pods
        of_services.index(SELECTOR, services.selector_index)
        of_pods.index(NAMESPACE, by_namespace)

    def keys(self, old: Obj | None, new: Obj | None) -> Iterable[str]:
        """Keys of the services that select the pod as it was or is; none if what changed matters to no service."""
        if services.concern(old) == services.concern(new):
            return set()
        found = set()
        for pod in (old, new):
            if pod is not None:
                found |= {meta.key(service) for service in self._selecting(pod)}
        return found

    def _selecting(self, pod: Obj) -> Iterable[Obj]:
        for label in services.label_keys(pod):
            for service in self._services.by(SELECTOR, label):
                if services.selects(service, pod):
                    yield service

    def pods(self, service: Obj) -> list[Obj]:
        return [pod for pod in self._pods.by(NAMESPACE, meta.namespace(service)) if services.selects(service, pod)]
