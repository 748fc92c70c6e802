"""Records of the cluster's zone and answers from it, without a message or a socket."""

import pytest

from wherry.dns.plan import Answer, Record, Srv, Zone, nameservers, records

DOMAIN = "cluster.local"


def service(name: str = "web", namespace: str = "shop", ip: str = "10.96.0.5", **spec) -> dict:
    ports = spec.pop("ports", [{"name": "http", "port": 80, "protocol": "TCP"}])
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": ip, "clusterIPs": [ip] if ip else [], "ports": ports, **spec},
    }


def slice_of(*endpoints: dict, type: str = "IPv4") -> dict:
    return {"addressType": type, "endpoints": list(endpoints), "ports": [{"name": "http", "port": 8080}]}


def endpoint(ip: str, hostname: str = "", ready: bool | None = True) -> dict:
    found = {"addresses": [ip], "conditions": {} if ready is None else {"ready": ready}}
    return found | ({"hostname": hostname} if hostname else {})


def zone(*services: tuple[dict, list[dict]]) -> Zone:
    zone = Zone(DOMAIN, "10.96.0.10")
    for obj, slices in services:
        zone.replace(f"{obj['metadata']['namespace']}/{obj['metadata']['name']}", records(obj, slices, DOMAIN))
    zone.set_namespaces({"shop", "default"})
    return zone


WEB = (service(), [])
DB = (
    service("db", ip="None"),
    [slice_of(endpoint("10.0.0.1", "db-0"), endpoint("10.0.0.2", "db-1"), endpoint("10.0.0.3", "db-2", ready=False))],
)


def values(answer: Answer) -> list:
    assert answer.code == "NOERROR"
    return sorted(record.value for record in answer.records)


class TestServiceWithAddress:
    def test_its_name_is_its_cluster_ip(self) -> None:
        assert values(zone(WEB).answer("web.shop.svc.cluster.local", "A")) == ["10.96.0.5"]

    def test_both_families(self) -> None:
        dual = service(clusterIPs=["10.96.0.5", "fd00::5"])
        assert values(zone((dual, [])).answer("web.shop.svc.cluster.local", "AAAA")) == ["fd00::5"]

    def test_a_named_port_has_an_srv_record_with_the_address_beside_it(self) -> None:
        answer = zone(WEB).answer("_http._tcp.web.shop.svc.cluster.local", "SRV")
        assert values(answer) == [Srv(0, 100, 80, "web.shop.svc.cluster.local")]
        assert answer.additional == (Record("web.shop.svc.cluster.local", "A", "10.96.0.5"),)

    def test_a_port_without_a_name_has_none_of_its_own(self) -> None:
        plain = service(ports=[{"port": 80}])
        assert zone((plain, [])).answer("_._tcp.web.shop.svc.cluster.local", "SRV").code == "NXDOMAIN"

    def test_its_address_leads_back(self) -> None:
        assert values(zone(WEB).answer("5.0.96.10.in-addr.arpa", "PTR")) == ["web.shop.svc.cluster.local"]

    def test_case_and_the_last_dot_do_not_matter(self) -> None:
        assert values(zone(WEB).answer("Web.SHOP.svc.Cluster.Local.", "A")) == ["10.96.0.5"]


class TestHeadlessService:
    def test_its_name_is_every_ready_endpoint(self) -> None:
        assert values(zone(DB).answer("db.shop.svc.cluster.local", "A")) == ["10.0.0.1", "10.0.0.2"]

    def test_an_endpoint_of_unknown_readiness_counts(self) -> None:
        unknown = (service("db", ip="None"), [slice_of(endpoint("10.0.0.1", ready=None))])
        assert values(zone(unknown).answer("db.shop.svc.cluster.local", "A")) == ["10.0.0.1"]

    def test_each_host_has_a_name(self) -> None:
        found = zone(DB)
        assert values(found.answer("db-1.db.shop.svc.cluster.local", "A")) == ["10.0.0.2"]
        assert found.answer("db-2.db.shop.svc.cluster.local", "A").code == "NXDOMAIN"
        assert values(found.answer("1.0.0.10.in-addr.arpa", "PTR")) == ["db-0.db.shop.svc.cluster.local"]

    def test_without_a_hostname_the_address_is_the_name(self) -> None:
        plain = zone((service("db", ip="None"), [slice_of(endpoint("10.0.0.1"))]))
        assert values(plain.answer("10-0-0-1.db.shop.svc.cluster.local", "A")) == ["10.0.0.1"]

    def test_a_named_port_leads_to_every_host(self) -> None:
        answer = zone(DB).answer("_http._tcp.db.shop.svc.cluster.local", "SRV")
        targets = sorted((record.value.target, record.value.port) for record in answer.records)
        assert targets == [("db-0.db.shop.svc.cluster.local", 8080), ("db-1.db.shop.svc.cluster.local", 8080)]
        assert {record.value for record in answer.additional} == {"10.0.0.1", "10.0.0.2"}

    def test_without_endpoints_the_name_does_not_exist(self) -> None:
        empty = zone((service("db", ip="None"), []))
        assert empty.answer("db.shop.svc.cluster.local", "A").code == "NXDOMAIN"

    def test_slices_of_names_are_not_used(self) -> None:
        named = zone((service("db", ip="None"), [slice_of(endpoint("db.example.org"), type="FQDN")]))
        assert named.answer("db.shop.svc.cluster.local", "A").code == "NXDOMAIN"


class TestExternalName:
    OUTSIDE = (service("api", ip="", type="ExternalName", externalName="API.example.org."), [])
    INSIDE = (service("alias", ip="", type="ExternalName", externalName="web.shop.svc.cluster.local"), [])
    NOWHERE = (service("gone", ip="", type="ExternalName", externalName="no.shop.svc.cluster.local"), [])

    def test_it_is_an_alias_for_the_client_to_follow_with_our_help(self) -> None:
        answer = zone(self.OUTSIDE).answer("api.shop.svc.cluster.local", "A")
        assert [(record.type, record.value) for record in answer.records] == [("CNAME", "api.example.org")]
        assert answer.unresolved == "api.example.org"

    def test_one_that_leads_inside_is_followed(self) -> None:
        answer = zone(WEB, self.INSIDE).answer("alias.shop.svc.cluster.local", "A")
        assert [(record.type, record.value) for record in answer.records] == [
            ("CNAME", "web.shop.svc.cluster.local"),
            ("A", "10.96.0.5"),
        ]
        assert answer.unresolved == ""

    def test_one_that_leads_to_nothing(self) -> None:
        answer = zone(self.NOWHERE).answer("gone.shop.svc.cluster.local", "A")
        assert (answer.code, len(answer.records)) == ("NXDOMAIN", 1)

    def test_asked_for_the_alias_itself_nothing_is_followed(self) -> None:
        answer = zone(self.OUTSIDE).answer("api.shop.svc.cluster.local", "CNAME")
        assert (values(answer), answer.unresolved) == (["api.example.org"], "")

    def test_a_circle_ends(self) -> None:
        a = (service("a", ip="", type="ExternalName", externalName="b.shop.svc.cluster.local"), [])
        b = (service("b", ip="", type="ExternalName", externalName="a.shop.svc.cluster.local"), [])
        assert zone(a, b).answer("a.shop.svc.cluster.local", "A").code == "SERVFAIL"


class TestPods:
    @pytest.mark.parametrize(
        ("name", "type", "code", "expected"),
        [
            ("10-244-0-5.default.pod.cluster.local", "A", "NOERROR", ["10.244.0.5"]),
            ("10-244-0-5.default.pod.cluster.local", "AAAA", "NOERROR", []),
            ("fd00--5.default.pod.cluster.local", "AAAA", "NOERROR", ["fd00::5"]),
            ("10-244-0-5.nowhere.pod.cluster.local", "A", "NXDOMAIN", []),
            ("10-244-0-999.default.pod.cluster.local", "A", "NXDOMAIN", []),
            ("web.default.pod.cluster.local", "A", "NXDOMAIN", []),
        ],
    )
    def test_the_address_is_in_the_name(self, name: str, type: str, code: str, expected: list[str]) -> None:
        answer = zone(WEB).answer(name, type)
        assert (answer.code, [record.value for record in answer.records]) == (code, expected)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "type", "code"),
        [
            ("web.shop.svc.cluster.local", "AAAA", "NOERROR"),
            ("web.shop.svc.cluster.local", "MX", "NOERROR"),
            ("_tcp.web.shop.svc.cluster.local", "A", "NOERROR"),
            ("shop.svc.cluster.local", "A", "NOERROR"),
            ("default.svc.cluster.local", "A", "NOERROR"),
            ("svc.cluster.local", "A", "NOERROR"),
            ("pod.cluster.local", "A", "NOERROR"),
            ("default.pod.cluster.local", "A", "NOERROR"),
            ("cluster.local", "A", "NOERROR"),
            ("nowhere.svc.cluster.local", "A", "NXDOMAIN"),
            ("other.shop.svc.cluster.local", "A", "NXDOMAIN"),
            ("x.web.shop.svc.cluster.local", "A", "NXDOMAIN"),
            ("example.com.shop.svc.cluster.local", "A", "NXDOMAIN"),
            ("other.cluster.local", "A", "NXDOMAIN"),
        ],
    )
    def test_no_data_is_not_no_name(self, name: str, type: str, code: str) -> None:
        answer = zone(WEB).answer(name, type)
        assert (answer.code, answer.records, answer.forward) == (code, (), False)

    @pytest.mark.parametrize("name", ["example.com", "notcluster.local", "local", "9.9.9.9.in-addr.arpa", ""])
    def test_other_names_are_for_upstream(self, name: str) -> None:
        assert zone(WEB).answer(name, "A").forward

    def test_the_zone_speaks_of_itself(self) -> None:
        found = zone()
        assert values(found.answer("dns-version.cluster.local", "TXT")) == ["1.1.0"]
        assert values(found.answer("cluster.local", "NS")) == ["ns.dns.cluster.local"]
        assert values(found.answer("ns.dns.cluster.local", "A")) == ["10.96.0.10"]
        assert found.answer("cluster.local", "SOA").records

    def test_another_domain(self) -> None:
        other = Zone("k8s.example.")
        other.replace("shop/web", records(service(), [], "k8s.example"))
        assert values(other.answer("web.shop.svc.k8s.example", "A")) == ["10.96.0.5"]
        assert other.answer("web.shop.svc.cluster.local", "A").forward


class TestChanges:
    def test_what_a_service_had_goes_with_it(self) -> None:
        found = zone(WEB, DB)
        for key in ("shop/web", "shop/db"):
            found.replace(key, frozenset())
        for name in (
            "web.shop.svc.cluster.local",
            "db-0.db.shop.svc.cluster.local",
            "_tcp.web.shop.svc.cluster.local",
        ):
            assert found.answer(name, "A").code == "NXDOMAIN"
        assert found.answer("5.0.96.10.in-addr.arpa", "PTR").forward

    def test_endpoints_come_and_go(self) -> None:
        found = zone(DB)
        found.replace("shop/db", records(DB[0], [slice_of(endpoint("10.0.0.2", "db-1"))], DOMAIN))
        assert values(found.answer("db.shop.svc.cluster.local", "A")) == ["10.0.0.2"]
        assert found.answer("db-0.db.shop.svc.cluster.local", "A").code == "NXDOMAIN"

    def test_a_record_of_two_services_stays_until_both_are_gone(self) -> None:
        twin = service("twin", ip="10.96.0.5")
        found = zone(WEB, (twin, []))
        assert len(values(found.answer("5.0.96.10.in-addr.arpa", "PTR"))) == 2
        found.replace("shop/twin", frozenset())
        assert values(found.answer("5.0.96.10.in-addr.arpa", "PTR")) == ["web.shop.svc.cluster.local"]

    def test_the_generation_grows_only_with_real_changes(self) -> None:
        found = zone(WEB)
        before = found.generation
        found.replace("shop/web", records(*WEB, DOMAIN))
        found.set_namespaces({"default", "shop"})
        assert found.generation == before
        found.replace("shop/web", frozenset())
        assert found.generation > before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nameserver 192.0.2.1\nnameserver 192.0.2.2\n", ["192.0.2.1", "192.0.2.2"]),
        ("# nameserver 1.1.1.1\nsearch example.org\n  nameserver\t127.0.0.53 \noptions edns0\n", ["127.0.0.53"]),
        ("nameserver 10.96.0.10\nnameserver 192.0.2.1\n", ["192.0.2.1"]),
        ("nameserver fd00::1\nnameserver nonsense\nnameserver\n", ["fd00::1"]),
        ("nameserver 1.1.1.1\n" * 5, ["1.1.1.1"] * 3),
        ("", []),
    ],
)
def test_the_machines_resolvers(text: str, expected: list[str]) -> None:
    assert nameservers(text, ["10.96.0.10"]) == expected
