"""Which connections go where, decided from Services and EndpointSlices."""

from dataclasses import dataclass

import pytest
from proxytest import ending, endpoint, port, service, slice_of

from wherry.api.slices import service_of
from wherry.proxy.plan import Frontend, Rule, Table, Target, ThisNode, rules, stale_flows

HERE = ThisNode("here", "z1")
CLUSTER = Frontend("10.96.0.5", "TCP", 80)


def ips(rule: Rule) -> list[str]:
    return [target.ip for target in rule.targets]


def own(rule: Rule) -> list[str] | None:
    return None if rule.own is None else [target.ip for target in rule.own]


def test_a_cluster_ip_leads_to_the_ready_endpoints() -> None:
    slices = [slice_of(endpoint("10.0.0.2", "here"), endpoint("10.0.0.1"), endpoint("10.0.0.3", ready=False))]
    assert rules(service(), slices, HERE) == {
        CLUSTER: Rule((Target("10.0.0.1", 8080), Target("10.0.0.2", 8080, local=True)))
    }


def test_conditions_that_are_not_known_count_as_ready() -> None:
    unknown = {"addresses": ["10.0.0.1"]}
    assert ips(rules(service(), [slice_of(unknown)], HERE)[CLUSTER]) == ["10.0.0.1"]


def test_several_slices_are_one_service() -> None:
    slices = [slice_of(endpoint("10.0.0.1")), slice_of(endpoint("10.0.0.2"), endpoint("10.0.0.1"), suffix="b")]
    assert ips(rules(service(), slices, HERE)[CLUSTER]) == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize(
    "unproxied",
    [
        service(ip="None"),
        service(ip=""),
        service(type="ExternalName", externalName="example.org"),
        service(labels={"service.kubernetes.io/service-proxy-name": "mine"}),
    ],
)
def test_what_is_not_for_the_proxy(unproxied: dict) -> None:
    assert rules(unproxied, [slice_of(endpoint("10.0.0.1"))], HERE) == {}


def test_ports_are_matched_by_name_and_protocol() -> None:
    ports = [port(80, name="http"), port(53, name="dns", protocol="UDP"), port(53, name="dns-tcp")]
    slices = [
        slice_of(endpoint("10.0.0.1"), name="http", number=8080),
        slice_of(endpoint("10.0.0.2"), name="dns", number=5353, protocol="UDP"),
        slice_of(endpoint("10.0.0.3"), name="dns-tcp", number=5353),
    ]
    found = rules(service(ports=ports), slices, HERE)
    assert {frontend: rule.targets[0].ip for frontend, rule in found.items()} == {
        Frontend("10.96.0.5", "TCP", 80): "10.0.0.1",
        Frontend("10.96.0.5", "UDP", 53): "10.0.0.2",
        Frontend("10.96.0.5", "TCP", 53): "10.0.0.3",
    }


def test_slices_of_one_port_may_have_different_numbers() -> None:
    slices = [slice_of(endpoint("10.0.0.1"), number=8080), slice_of(endpoint("10.0.0.2"), number=9090, suffix="b")]
    targets = rules(service(), slices, HERE)[CLUSTER].targets
    assert [(target.ip, target.port) for target in targets] == [("10.0.0.1", 8080), ("10.0.0.2", 9090)]


def test_slices_of_ipv6_are_not_ours() -> None:
    six = slice_of(endpoint("fd00::1")) | {"addressType": "IPv6"}
    assert rules(service(clusterIPs=["10.96.0.5", "fd00::5"]), [six], HERE) == {CLUSTER: Rule(())}


def test_every_way_in() -> None:
    wide = service(
        type="LoadBalancer",
        ports=[port(80, node_port=30080)],
        externalIPs=["192.0.2.10"],
        ingress=[
            {"ip": "192.0.2.20"},
            {"ip": "192.0.2.21", "ipMode": "Proxy"},
            {"hostname": "lb.example.org"},
            {"ip": "fd00::20"},
        ],
    )
    found = rules(wide, [slice_of(endpoint("10.0.0.1"))], HERE)
    assert {(frontend.address, frontend.port): rule.external for frontend, rule in found.items()} == {
        ("10.96.0.5", 80): False,
        ("", 30080): True,
        ("192.0.2.10", 80): True,
        ("192.0.2.20", 80): True,
    }
    assert all(ips(rule) == ["10.0.0.1"] and rule.own is None for rule in found.values())


class TestEndingPods:
    def test_they_serve_when_nobody_else_does(self) -> None:
        slices = [slice_of(ending("10.0.0.1"), ending("10.0.0.2", serving=False))]
        assert ips(rules(service(), slices, HERE)[CLUSTER]) == ["10.0.0.1"]

    def test_one_ready_endpoint_relieves_them(self) -> None:
        slices = [slice_of(ending("10.0.0.1"), endpoint("10.0.0.3"))]
        assert ips(rules(service(), slices, HERE)[CLUSTER]) == ["10.0.0.3"]

    def test_an_address_given_anew_belongs_to_the_living_pod(self) -> None:
        for endpoints in ([ending("10.0.0.1"), endpoint("10.0.0.1")], [endpoint("10.0.0.1"), ending("10.0.0.1")]):
            slices = [slice_of(*endpoints)]
            assert ips(rules(service(), slices, HERE)[CLUSTER]) == ["10.0.0.1"]


class TestTrafficPolicy:
    MIXED = (endpoint("10.0.0.1"), endpoint("10.0.0.2", "here"))

    @pytest.mark.parametrize(
        ("endpoints", "expected", "unreachable"),
        [
            (MIXED, ["10.0.0.2"], "drop"),
            ((endpoint("10.0.0.1"),), [], "drop"),
            ((endpoint("10.0.0.1"), ending("10.0.0.2", "here")), ["10.0.0.2"], "drop"),
            ((), [], "reject"),
            ((endpoint("10.0.0.1", ready=False),), [], "reject"),
        ],
    )
    def test_internal_local(self, endpoints: tuple[dict, ...], expected: list[str], unreachable: str) -> None:
        rule = rules(service(internalTrafficPolicy="Local"), [slice_of(*endpoints)], HERE)[CLUSTER]
        assert (ips(rule), rule.unreachable) == (expected, unreachable)

    @pytest.mark.parametrize(
        ("endpoints", "everyone", "outsiders"),
        [
            (MIXED, ["10.0.0.1", "10.0.0.2"], ["10.0.0.2"]),
            ((endpoint("10.0.0.1"),), ["10.0.0.1"], []),
            ((endpoint("10.0.0.1"), ending("10.0.0.2", "here")), ["10.0.0.1"], ["10.0.0.2"]),
            ((ending("10.0.0.1"), ending("10.0.0.2", "here")), ["10.0.0.1", "10.0.0.2"], ["10.0.0.2"]),
            ((), [], []),
        ],
    )
    def test_external_local(self, endpoints: tuple, everyone: list[str], outsiders: list[str]) -> None:
        exposed = service(type="NodePort", ports=[port(80, node_port=30080)], externalTrafficPolicy="Local")
        found = rules(exposed, [slice_of(*endpoints)], HERE)
        assert ips(found[Frontend("", "TCP", 30080)]) == everyone
        assert own(found[Frontend("", "TCP", 30080)]) == outsiders
        assert own(found[CLUSTER]) is None, "inside the cluster nothing changes"


class TestHints:
    @pytest.mark.parametrize(
        ("endpoints", "expected"),
        [
            ([endpoint("1", zones=["z1"]), endpoint("2", zones=["z2"])], ["1"]),
            ([endpoint("1", zones=["z1", "z2"]), endpoint("2", zones=["z2"])], ["1"]),
            ([endpoint("1", zones=["z2"]), endpoint("2", zones=["z3"])], ["1", "2"]),
            ([endpoint("1", zones=["z1"]), endpoint("2")], ["1", "2"]),
            ([endpoint("1", zones=["z1"]), endpoint("2", ready=False)], ["1"]),
            ([endpoint("1", nodes=["here"]), endpoint("2", nodes=["there"])], ["1"]),
            ([endpoint("1", nodes=["there"]), endpoint("2", nodes=["else"])], ["1", "2"]),
            (
                [endpoint("1", nodes=["here"], zones=["z1"]), endpoint("2", nodes=["there"], zones=["z1"])],
                ["1"],
            ),
            (
                [endpoint("1", nodes=["there"], zones=["z1"]), endpoint("2", nodes=["else"], zones=["z2"])],
                ["1"],
            ),
        ],
    )
    def test_near_endpoints_are_preferred(self, endpoints: list[dict], expected: list[str]) -> None:
        assert ips(rules(service(), [slice_of(*endpoints)], HERE)[CLUSTER]) == expected

    def test_without_a_zone_of_our_own_all_are_used(self) -> None:
        slices = [slice_of(endpoint("1", zones=["z1"]), endpoint("2", zones=["z2"]))]
        assert ips(rules(service(), slices, ThisNode("here"))[CLUSTER]) == ["1", "2"]


class TestOptions:
    @pytest.mark.parametrize(
        ("spec", "seconds"),
        [
            ({}, 0),
            ({"sessionAffinity": "None"}, 0),
            ({"sessionAffinity": "ClientIP"}, 10800),
            ({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 5}}}, 5),
        ],
    )
    def test_affinity(self, spec: dict, seconds: int) -> None:
        assert rules(service(**spec), [], HERE)[CLUSTER].affinity == seconds

    @pytest.mark.parametrize(
        ("ranges", "expected"),
        [
            (["10.0.0.0/8"], ("10.0.0.0/8",)),
            ([" 10.0.0.0/8 ", "10.1.0.0/16"], ("10.0.0.0/8",)),
            (["10.0.0.0/8", "0.0.0.0/0"], ()),
            (["192.0.2.1/24"], ("192.0.2.0/24",)),
            (["fd00::/8"], ()),
        ],
    )
    def test_source_ranges_are_for_the_balancers_address_only(self, ranges: list[str], expected: tuple) -> None:
        balanced = service(
            type="LoadBalancer",
            ports=[port(80, node_port=30080)],
            ingress=[{"ip": "192.0.2.20"}],
            loadBalancerSourceRanges=ranges,
        )
        found = rules(balanced, [slice_of(endpoint("10.0.0.1"))], HERE)
        assert found[Frontend("192.0.2.20", "TCP", 80)].sources == expected
        assert found[Frontend("", "TCP", 30080)].sources == ()

    def test_only_udp_remembers_who_may_hold_a_flow(self) -> None:
        ports = [port(53, name="u", protocol="UDP"), port(53, name="t")]
        slices = [
            slice_of(endpoint("1"), ending("2"), ending("3", serving=False), name="u", protocol="UDP"),
            slice_of(endpoint("1"), name="t", suffix="b"),
        ]
        found = rules(service(ports=ports), slices, HERE)
        assert [target.ip for target in found[Frontend("10.96.0.5", "UDP", 53)].serving] == ["1", "2"]
        assert found[Frontend("10.96.0.5", "TCP", 53)].serving == ()


def test_the_service_of_a_slice() -> None:
    assert service_of(slice_of()) == "default/web"
    assert service_of({"metadata": {"name": "x", "namespace": "default"}}) is None


class TestTable:
    A, B = Rule((Target("10.0.0.1", 80),)), Rule((Target("10.0.0.2", 80),))

    def test_it_tells_what_changed(self) -> None:
        table = Table()
        other = Frontend("10.96.0.6", "TCP", 80)
        assert table.replace("default/web", {CLUSTER: self.A}) == {CLUSTER: self.A}
        assert table.replace("default/web", {CLUSTER: self.A}) == {}
        assert table.replace("default/web", {CLUSTER: self.B, other: self.A}) == {CLUSTER: self.B, other: self.A}
        assert table.all == {CLUSTER: self.B, other: self.A}
        assert table.replace("default/web", {}) == {CLUSTER: None, other: None}
        assert table.all == {}
        assert table.replace("default/never-was", {}) == {}

    @pytest.mark.parametrize("order", [("default/a", "default/b"), ("default/b", "default/a")])
    def test_two_claims_are_settled_whatever_their_order(self, order: tuple[str, str]) -> None:
        table, claims = Table(), {"default/a": self.A, "default/b": self.B}
        for key in order:
            table.replace(key, {CLUSTER: claims[key]})
        assert table.all == {CLUSTER: self.A}
        assert table.replace("default/a", {}) == {CLUSTER: self.B}
        assert table.replace("default/b", {}) == {CLUSTER: None}

    def test_a_change_of_the_losing_claim_changes_nothing(self) -> None:
        table = Table()
        table.replace("default/a", {CLUSTER: self.A})
        assert table.replace("default/b", {CLUSTER: self.B}) == {}
        assert table.replace("default/b", {}) == {}


@dataclass(frozen=True)
class Flow:
    destination: str
    destination_port: int
    answers_from: str
    answers_port: int = 53


class TestStaleFlows:
    UDP, PORT = Frontend("10.96.0.10", "UDP", 53), Frontend("", "UDP", 30053)
    RULE = Rule((Target("10.0.0.1", 53),), serving=(Target("10.0.0.1", 53), Target("10.0.0.2", 53)))

    @pytest.mark.parametrize(
        ("flow", "stale"),
        [
            (Flow("10.96.0.10", 53, "10.0.0.1"), False),
            (Flow("10.96.0.10", 53, "10.0.0.2"), False),
            (Flow("10.96.0.10", 53, "10.0.0.9"), True),
            (Flow("10.96.0.10", 53, "10.0.0.1", 5353), True),
            (Flow("10.96.0.10", 53, "10.96.0.10"), True),
            (Flow("10.96.0.10", 54, "10.0.0.9"), False),
            (Flow("192.168.49.2", 30053, "10.0.0.9"), True),
            (Flow("192.168.49.2", 30053, "10.0.0.1"), False),
            (Flow("192.168.49.2", 53, "8.8.8.8"), False),
        ],
    )
    def test_those_that_lead_to_nobody_who_serves(self, flow: Flow, stale: bool) -> None:
        table = {self.UDP: self.RULE, self.PORT: self.RULE}
        assert stale_flows([flow], table, table) == ([flow] if stale else [])

    def test_only_of_what_changed(self) -> None:
        flow = Flow("10.96.0.10", 53, "10.0.0.9")
        assert stale_flows([flow], {self.UDP: self.RULE, self.PORT: self.RULE}, [self.PORT]) == []

    def test_a_service_without_any_endpoint_keeps_its_flows(self) -> None:
        flow = Flow("10.96.0.10", 53, "10.0.0.9")
        assert stale_flows([flow], {self.UDP: Rule(())}, [self.UDP]) == []
        assert stale_flows([flow], {}, [self.UDP]) == []
