"""What is measured, what upstream v1.36.2 did on a two-core machine of the same kind, and what wherry promises."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """One row. `at_most`: smaller is better. `unit` is printed behind our figure."""

    key: str
    title: str
    upstream: str
    promise: float
    unit: str
    at_most: bool = True

    def kept(self, figure: float) -> bool:
        return figure <= self.promise if self.at_most else figure >= self.promise


PROMISES = (
    Promise("first_app", "nothing to a first app answering, image present", "10.4-11.4 s", 3, "s"),
    Promise("api_ready", "API ready, cold", "2.34 s", 0.4, "s"),
    Promise("default_account", "default ServiceAccount there", "9.9 s", 0.8, "s"),
    Promise("memory", "control plane memory, idle", "494 MB", 120, "MB"),
    Promise("configmap_creates", "durable ConfigMap creates, 64 clients, TLS", "2,650/s", 8_000, "/s", False),
    Promise("pod_creates", "durable Pod creates, 64 clients, TLS", "1,600/s", 5_000, "/s", False),
    Promise("gets", "GETs, 64 clients, TLS", "6,430/s", 25_000, "/s", False),
    Promise("list", "LIST of 10,000 pods", "238 ms", 40, "ms"),
    Promise("watch", "watch: 100 watchers x 1,000 creates", "97 k events/s", 300_000, "events/s", False),
    Promise("binds", "pods bound at 5,000 nodes, end to end", "350-400/s", 3_000, "/s", False),
    Promise("deployment", "Deployment of 1,000: all pods created", "0.76 s", 0.4, "s"),
    Promise("pod_ready", "one pod: API create to Ready, median of 20", "472 ms", 80, "ms"),
    Promise("pods_100", "100 pods at once: all Ready", "16.5 s", 3, "s"),
    Promise("node_memory", "node daemons idle, one node", "198 MB", 70, "MB"),
    Promise("pod_memory", "more for each pod", "14 MB", 3, "MB"),
    Promise("services_load", "10,000 services into the kernel", "8.6 s", 1.6, "s"),
    Promise("services_change", "one change among them", "", 50, "ms"),
)
