"""Which nodes each plug-in allows, and which it prefers."""

import pytest
from schedulertest import Cluster, affinity, container, expression, node, pod

from wherry.api import Obj

DEDICATED = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
FAILING = {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}
DISLIKED = {"key": "old", "effect": "PreferNoSchedule"}


def tolerating(*tolerations: Obj) -> Obj:
    return pod("p", tolerations=list(tolerations))


@pytest.mark.parametrize(
    ("tolerations", "allowed"),
    [
        ([], {"plain", "disliked"}),
        ([{"key": "dedicated", "value": "db"}], {"plain", "disliked", "dedicated"}),
        ([{"key": "dedicated", "value": "web"}], {"plain", "disliked"}),
        ([{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}], {"plain", "disliked", "dedicated"}),
        ([{"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}], {"plain", "disliked"}),
        ([{"operator": "Exists"}], {"plain", "disliked", "dedicated", "failing", "cordoned"}),
        ([{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}], {"plain", "disliked", "cordoned"}),
    ],
)
def test_taints_and_cordons(tolerations: list[Obj], allowed: set[str]) -> None:
    cluster = Cluster(
        node("plain"),
        node("disliked", taints=[DISLIKED]),
        node("dedicated", taints=[DEDICATED]),
        node("failing", taints=[FAILING]),
        node("cordoned", unschedulable=True),
    )
    assert cluster.allowed(tolerating(*tolerations)) == allowed


def test_prefer_no_schedule_is_a_last_resort() -> None:
    cluster = Cluster(node("disliked", cpu="64", taints=[DISLIKED]), node("plain", cpu="2"))
    assert cluster.place(tolerating()) == ["plain"]
    assert cluster.place(tolerating({"key": "old", "operator": "Exists"}) | {"metadata": pod("q")["metadata"]}) == [
        "disliked"
    ]


NODES = [
    node("a1", labels={"zone": "a", "disk": "ssd", "cores": "16"}),
    node("a2", labels={"zone": "a", "cores": "x"}),
    node("b1", labels={"zone": "b", "disk": "hdd", "cores": "8"}),
]


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"nodeSelector": {"zone": "a"}}, {"a1", "a2"}),
        ({"nodeSelector": {"zone": "a", "disk": "ssd"}}, {"a1"}),
        ({"nodeSelector": {"zone": "c"}}, set()),
        ({"affinity": affinity({"matchExpressions": [expression("zone", "In", "b", "c")]})}, {"b1"}),
        ({"affinity": affinity({"matchExpressions": [expression("disk", "NotIn", "ssd")]})}, {"a2", "b1"}),
        ({"affinity": affinity({"matchExpressions": [expression("disk", "Exists")]})}, {"a1", "b1"}),
        ({"affinity": affinity({"matchExpressions": [expression("disk", "DoesNotExist")]})}, {"a2"}),
        ({"affinity": affinity({"matchExpressions": [expression("cores", "Gt", "8")]})}, {"a1"}),
        ({"affinity": affinity({"matchExpressions": [expression("cores", "Lt", "9")]})}, {"b1"}),
        ({"affinity": affinity({"matchExpressions": [expression("zone", "Is", "a")]})}, set()),
        (  # requirements of a term must all hold
            {
                "affinity": affinity(
                    {"matchExpressions": [expression("zone", "In", "a"), expression("disk", "Exists")]}
                )
            },
            {"a1"},
        ),
        (  # terms are alternatives
            {
                "affinity": affinity(
                    {"matchExpressions": [expression("zone", "In", "b")]},
                    {"matchFields": [expression("metadata.name", "In", "a2")]},
                )
            },
            {"a2", "b1"},
        ),
        ({"affinity": affinity({"matchFields": [expression("metadata.name", "NotIn", "a2")]})}, {"a1", "b1"}),
        ({"affinity": affinity({})}, set()),
        ({"nodeSelector": {"zone": "a"}, "affinity": affinity({"matchExpressions": [expression("disk", "Exists")]})},
         {"a1"}),
    ],
)  # fmt: skip
def test_node_selectors_and_required_affinity(spec: Obj, allowed: set[str]) -> None:
    assert Cluster(*NODES).allowed(pod("p", **spec)) == allowed


def test_labels_are_followed_when_nodes_change() -> None:
    cluster = Cluster(*NODES)
    wants = pod("p", nodeSelector={"zone": "a"})
    assert cluster.allowed(wants) == {"a1", "a2"}
    cluster.put(node("b1", labels={"zone": "a"}))
    cluster.put(node("a1", labels={"zone": "z"}))
    cluster.put(node("new", labels={"zone": "a"}))
    assert cluster.allowed(wants) == {"a2", "b1", "new"}
    cluster.snapshot.remove_node("a2")
    assert cluster.allowed(wants) == {"b1", "new"}


def test_preferred_affinity_adds_up_its_weights() -> None:
    def wants(*weights: tuple[int, str]) -> Obj:
        terms = [
            {"weight": weight, "preference": {"matchExpressions": [expression("zone", "In", zone)]}}
            for weight, zone in weights
        ]
        return affinity(preferred=terms)

    assert Cluster(*NODES).place(pod("p", affinity=wants((50, "a"), (60, "b")))) == ["b1"]
    assert Cluster(*NODES).place(pod("p", affinity=wants((50, "a"), (60, "b"), (20, "a")))) == ["a1"]


@pytest.mark.parametrize(
    ("used", "wanted", "free"),
    [
        (("TCP", 80, ""), ("TCP", 80, ""), False),
        (("TCP", 80, ""), ("UDP", 80, ""), True),
        (("TCP", 80, ""), ("TCP", 81, ""), True),
        (("TCP", 80, ""), ("TCP", 80, "10.0.0.1"), False),
        (("TCP", 80, "10.0.0.1"), ("TCP", 80, ""), False),
        (("TCP", 80, "10.0.0.1"), ("TCP", 80, "10.0.0.2"), True),
        (("TCP", 80, "10.0.0.1"), ("TCP", 80, "10.0.0.1"), False),
    ],
)
def test_host_ports(used: tuple[str, int, str], wanted: tuple[str, int, str], free: bool) -> None:
    def listening(name: str, protocol: str, port: int, address: str) -> Obj:
        ports = [{"protocol": protocol, "hostPort": port, "containerPort": port, "hostIP": address}]
        return pod(name, containers=[container() | {"ports": ports}])

    cluster = Cluster(node("n"))
    cluster.run(listening("first", *used), "n")
    second = listening("second", *wanted)
    assert cluster.allowed(second) == ({"n"} if free else set())
    cluster.snapshot.remove_pod("uid-first")
    assert cluster.allowed(second) == {"n"}


@pytest.mark.parametrize(
    ("requests", "fits"),
    [
        ({"cpu": "3"}, True),
        ({"cpu": "3001m"}, False),
        ({"memory": "7Gi"}, True),
        ({"memory": "7169Mi"}, False),
        ({"example_gpu": "1"}, True),
        ({"example_gpu": "2"}, False),
        ({"other_gpu": "1"}, False),
        ({}, True),
    ],
)
def test_resources(requests: dict[str, str], fits: bool) -> None:
    cluster = Cluster(node("n", cpu="4", memory="8Gi", resources={"example/gpu": "2"}))
    cluster.run(pod("there", containers=[container(cpu="1", memory="1Gi", example_gpu="1")]), "n")
    assert bool(cluster.allowed(pod("p", containers=[container(**requests)]))) == fits


def test_the_number_of_pods_is_limited() -> None:
    cluster = Cluster(node("n", pods="1"))
    assert cluster.place(pod("a", containers=[container()])) == ["n"]
    assert cluster.allowed(pod("b", containers=[container()])) == set()


def test_pods_spread_over_equal_nodes_also_when_they_request_nothing() -> None:
    cluster = Cluster(node("n1"), node("n2"), node("n3"))
    placed = cluster.place(*[pod(f"p{n}", containers=[container()]) for n in range(9)])
    assert {name: placed.count(name) for name in placed} == {"n1": 3, "n2": 3, "n3": 3}


def test_the_emptier_node_is_better() -> None:
    cluster = Cluster(node("small", cpu="4"), node("large", cpu="16", memory="32Gi"))
    assert cluster.place(*[pod(f"p{n}") for n in range(3)]) == ["large"] * 3
    cluster.run(pod("hog", containers=[container(cpu="15", memory="30Gi")]), "large")
    assert cluster.place(pod("next")) == ["small"]


def test_even_use_of_cpu_and_memory_is_better() -> None:
    cluster = Cluster(node("busy-cpu"), node("busy-memory"))
    cluster.run(pod("c", containers=[container(cpu="2", memory="1Gi")]), "busy-cpu")
    cluster.run(pod("m", containers=[container(cpu="500m", memory="4Gi")]), "busy-memory")
    assert cluster.place(pod("p", containers=[container(cpu="1500m", memory="100Mi")])) == ["busy-memory"]


def test_images_that_are_there_count() -> None:
    large = [{"names": ["app:latest"], "sizeBytes": 900 << 20}]
    small = [{"names": ["app:latest"], "sizeBytes": 10 << 20}]
    wants = pod("p", containers=[container(image="app")])
    assert Cluster(node("without"), node("with", images=large)).place(wants) == ["with"]
    assert Cluster(node("without"), node("with", images=small)).place(wants) == ["without"]
