import pytest
from schedulertest import container, pod

from wherry.api import Obj
from wherry.scheduler.demand import Demands, HostPort, parse, pod_requests

MIB = 1024 * 1024


def sidecar(name: str, **requests: str) -> Obj:
    return container(name, **requests) | {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("spec", "requests"),
    [
        (
            {"containers": [container(cpu="1500m"), container(cpu="0.5", memory="1Gi")]},
            {"cpu": 2000, "memory": 1 << 30},
        ),
        (
            {"containers": [container(cpu="1")], "initContainers": [container(cpu="3"), container(cpu="2")]},
            {"cpu": 3000},
        ),
        (  # the second init container runs beside the sidecar
            {
                "containers": [container(cpu="1")],
                "initContainers": [sidecar("s", cpu="1"), container(cpu="3")],
            },
            {"cpu": 4000},
        ),
        (  # a sidecar that starts later is not there yet for the first
            {
                "containers": [container(cpu="1")],
                "initContainers": [container(cpu="3"), sidecar("s", cpu="1")],
            },
            {"cpu": 3000},
        ),
        (
            {"containers": [container(cpu="1")], "overhead": {"cpu": "250m", "memory": "1Mi"}},
            {"cpu": 1250, "memory": MIB},
        ),
        (
            {"containers": [container(cpu="1", memory="1Mi")], "resources": {"requests": {"cpu": "5"}}},
            {"cpu": 5000, "memory": MIB},
        ),
        ({"containers": [container(example_gpu="2", unknown="3", cpu="0")]}, {"example/gpu": 2}),
        ({"containers": [container(**{"hugepages-2Mi": "4Mi", "ephemeral-storage": "1k"})]},
         {"hugepages-2Mi": 4 * MIB, "ephemeral-storage": 1000}),
        ({"containers": [container(cpu="1n")]}, {"cpu": 1}),
        ({"containers": [container()]}, {}),
    ],
)  # fmt: skip
def test_requests_of_a_pod(spec: Obj, requests: dict[str, int]) -> None:
    assert pod_requests(spec) == requests


def test_containers_that_ask_for_nothing_count_with_a_default_where_nodes_are_compared() -> None:
    demand = parse({"containers": [container(), container(cpu="0", memory="1Mi")]})
    assert demand.requests == {"memory": MIB}
    assert demand.usual == {"cpu": 100, "memory": 201 * MIB}


def test_pods_of_one_shape_have_one_demand() -> None:
    demands = Demands()
    one, same, other = pod("a"), pod("b"), pod("c", nodeSelector={"a": "b"})
    assert demands.of(one["spec"]) is demands.of(same["spec"])
    assert demands.of(one["spec"]) is not demands.of(other["spec"])


def test_host_ports_of_containers_and_sidecars() -> None:
    with_ports = container() | {"ports": [{"containerPort": 1}, {"hostPort": 80, "hostIP": "10.0.0.1"}]}
    later = sidecar("s") | {"ports": [{"hostPort": 53, "protocol": "UDP"}]}
    passing = container("init") | {"ports": [{"hostPort": 99}]}
    demand = parse({"containers": [with_ports], "initContainers": [later, passing]})
    assert demand.ports == (HostPort("UDP", 53, "0.0.0.0"), HostPort("TCP", 80, "10.0.0.1"))
