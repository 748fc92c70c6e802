"""EndpointSlices and Endpoints: who is listed, with what, in how few writes."""

import pytest
from worldmaking import deleting, metadata, node, only, owned, pod, the

from wherry.api import meta
from wherry.api.kinds import SERVICE
from wherry.controllers.actions import Create, Delete, Update
from wherry.controllers.endpoints import plan as endpoints
from wherry.controllers.endpointslice import plan
from wherry.controllers.services import concern, find_port


def service(ports=None, **spec):
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}] if ports is None else ports
    return {
        "metadata": metadata("web", labels={"team": "a"}),
        "spec": {
            "selector": {"app": "web"}, "clusterIP": "10.96.0.5", "ipFamilies": ["IPv4"], "ports": ports, **spec,
        },
    }  # fmt: skip


def listed(of, pods, slices=(), nodes=("n1",), most=100):
    known = {name: node(name, topology__kubernetes__io__zone="") for name in nodes}
    return plan.reconcile(of, pods, list(slices), known.get, most)


def existing(of, made, name="web-abc"):
    """A slice that the plan asked for, as the server has it."""
    return {**made, "metadata": {**made["metadata"], **metadata(name, labels=made["metadata"]["labels"])}}


CONDITIONS = [
    ("ready", {}, False, (True, True, False)),
    ("not ready", {"ready": False}, False, (False, False, False)),
    ("published anyway", {"ready": False}, True, (True, False, False)),
    ("terminating but serving", {"going": True}, False, (False, True, True)),
    ("terminating and not serving", {"going": True, "ready": False}, False, (False, False, True)),
]


@pytest.mark.parametrize(
    ("facts", "publish", "expected"), [c[1:] for c in CONDITIONS], ids=[c[0] for c in CONDITIONS]
)
def test_conditions_of_an_endpoint(facts, publish, expected):
    going = facts.pop("going", False) if "going" in facts else False
    one = pod("p", node="n1", ip="10.0.0.1", **{k: v for k, v in facts.items() if k != "going"})
    one = deleting(one) if going else one
    made = the(listed(service(publishNotReadyAddresses=publish), [one]), Create).obj
    (endpoint,) = made["endpoints"]
    found = endpoint["conditions"]
    assert (found["ready"], found["serving"], found["terminating"]) == expected


def test_a_slice_says_whose_it_is():
    of = service()
    made = the(listed(of, [pod("p", node="n1", ip="10.0.0.1")]), Create).obj
    assert made["metadata"]["labels"] == {
        "team": "a",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert meta.controller_of(made)["uid"] == meta.uid(of)
    assert made["addressType"] == "IPv4"
    assert made["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    (endpoint,) = made["endpoints"]
    assert endpoint["nodeName"] == "n1" and endpoint["addresses"] == ["10.0.0.1"]
    assert endpoint["targetRef"]["name"] == "p"


def test_a_headless_service_is_labelled_so_and_names_hosts():
    of = service(clusterIP="None")
    member = pod("p", node="n1", ip="10.0.0.1", hostname="p", subdomain="web")
    made = the(listed(of, [member]), Create).obj
    assert made["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
    assert made["endpoints"][0]["hostname"] == "p"


@pytest.mark.parametrize(
    "absent",
    [
        pod("no-address", node="n1"),
        pod("finished", node="n1", ip="10.0.0.9", phase="Succeeded"),
        pod("unknown-node", node="elsewhere", ip="10.0.0.9"),
    ],
    ids=meta.name,
)
def test_who_is_not_listed(absent):
    made = the(listed(service(), [absent, pod("p", node="n1", ip="10.0.0.1")]), Create).obj
    assert [each["targetRef"]["name"] for each in made["endpoints"]] == ["p"]


def test_a_service_without_pods_has_one_empty_slice():
    of = service()
    made = the(listed(of, []), Create).obj
    assert made["endpoints"] == [] and made["ports"] == []
    assert listed(of, [], [existing(of, made)]) == []


def test_nothing_is_written_when_nothing_changed():
    of = service()
    pods = [pod(f"p{i}", node="n1", ip=f"10.0.0.{i}") for i in range(3)]
    have = existing(of, the(listed(of, pods), Create).obj)
    assert listed(of, list(reversed(pods)), [have]) == []


def test_a_new_pod_joins_the_slice_that_has_room():
    of = service()
    pods = [pod(f"p{i}", node="n1", ip=f"10.0.0.{i}") for i in range(3)]
    have = existing(of, the(listed(of, pods[:2]), Create).obj)
    actions = listed(of, pods, [have])
    assert len(the(actions, Update).obj["endpoints"]) == 3


def test_many_pods_fill_several_slices():
    of = service()
    pods = [pod(f"p{i}", node="n1", ip=f"10.0.1.{i}") for i in range(7)]
    sizes = [len(each.obj["endpoints"]) for each in only(listed(of, pods, most=3), Create)]
    assert sizes == [3, 3, 1]


def test_the_last_pod_of_a_slice_empties_it_by_reuse():
    of = service()
    have = existing(of, the(listed(of, [pod("p", node="n1", ip="10.0.0.1")]), Create).obj)
    actions = listed(of, [], [have])
    assert not only(actions, Delete)
    changed = the(actions, Update).obj
    assert meta.name(changed) == meta.name(have) and changed["endpoints"] == []


def test_slices_of_a_family_that_the_service_left_are_deleted():
    of = service()
    have = existing(of, the(listed(of, []), Create).obj)
    stale = existing(of, {**have, "addressType": "IPv6"}, "web-v6")
    assert [meta.name(each.obj) for each in only(listed(of, [], [have, stale]), Delete)] == ["web-v6"]


def test_a_named_port_may_be_another_number_on_each_pod():
    of = service(ports=[{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}])
    pods = []
    for number, port in ((1, 8080), (2, 9090), (3, 8080)):
        each = pod(f"p{number}", node="n1", ip=f"10.0.0.{number}")
        each["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": port}]
        pods.append(each)
    found = {each.obj["ports"][0]["port"]: len(each.obj["endpoints"]) for each in only(listed(of, pods), Create)}
    assert found == {8080: 2, 9090: 1}


def test_a_port_that_the_pod_does_not_name_is_not_found():
    one = pod("p")
    one["spec"]["containers"][0]["ports"] = [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]
    assert find_port(one, {"targetPort": "dns", "protocol": "TCP"}) is None
    assert find_port(one, {"targetPort": "dns", "protocol": "UDP"}) == 53


def test_both_families_get_their_slices():
    of = service(ipFamilies=["IPv4", "IPv6"])
    one = pod("p", node="n1", ip="10.0.0.1")
    one["status"]["podIPs"].append({"ip": "FD00::0001"})
    made = {
        each.obj["addressType"]: each.obj["endpoints"][0]["addresses"] for each in only(listed(of, [one]), Create)
    }
    assert made == {"IPv4": ["10.0.0.1"], "IPv6": ["fd00::1"]}


def test_traffic_kept_close_gets_hints():
    near = node("n1", **{"topology.kubernetes.io/zone": "z1"})
    of = service(trafficDistribution="PreferSameNode")
    actions = plan.reconcile(of, [pod("p", node="n1", ip="10.0.0.1")], [], {"n1": near}.get)
    (endpoint,) = the(actions, Create).obj["endpoints"]
    assert endpoint["zone"] == "z1"
    assert endpoint["hints"] == {"forZones": [{"name": "z1"}], "forNodes": [{"name": "n1"}]}


def test_a_slice_that_is_not_owned_by_this_service_is_replaced():
    of = service()
    have = existing(of, the(listed(of, []), Create).obj)
    have = owned(have, SERVICE, service())
    actions = listed(of, [], [have])
    assert only(actions, Delete) and only(actions, Create)


def test_what_of_a_pod_matters_to_services():
    base = pod("p", node="n1", ip="10.0.0.1")
    restarted = {**base, "status": {**base["status"], "containerStatuses": [{"name": "c", "restartCount": 1}]}}
    assert concern(base) == concern(restarted)
    assert concern(base) != concern(deleting(pod("p", node="n1", ip="10.0.0.1")))
    assert concern(pod("p")) is None


# Endpoints


def addresses(of, pods):
    subsets = the(endpoints.reconcile(of, "web", pods, None), Create).obj.get("subsets", [])
    return [
        (
            [each["ip"] for each in subset.get("addresses", ())],
            [each["ip"] for each in subset.get("notReadyAddresses", ())],
            [port["port"] for port in subset.get("ports", ())],
        )
        for subset in subsets
    ]


def test_endpoints_group_addresses_by_ports():
    ready = [pod(f"p{i}", node="n1", ip=f"10.0.0.{i}") for i in (2, 1)]
    assert addresses(service(), [*ready, pod("sick", node="n1", ip="10.0.0.3", ready=False)]) == [
        (["10.0.0.1", "10.0.0.2"], ["10.0.0.3"], [8080])
    ]
    assert addresses(service(), []) == []


def test_terminating_pods_are_in_endpoints_only_if_not_ready_ones_are_published():
    going = deleting(pod("p", node="n1", ip="10.0.0.1"))
    assert addresses(service(), [going]) == []
    assert addresses(service(publishNotReadyAddresses=True), [going]) == [(["10.0.0.1"], [], [8080])]


def test_a_headless_service_without_ports_lists_addresses_alone():
    of = service(ports=[], clusterIP="None")
    assert addresses(of, [pod("p", node="n1", ip="10.0.0.1")]) == [(["10.0.0.1"], [], [])]


def test_endpoints_are_written_only_when_they_change():
    of = service()
    pods = [pod("p", node="n1", ip="10.0.0.1")]
    made = the(endpoints.reconcile(of, "web", pods, None), Create).obj
    have = {**made, "metadata": {**metadata("web"), **made["metadata"]}}
    assert endpoints.reconcile(of, "web", pods, have) == []
    assert the(endpoints.reconcile(of, "web", [], have), Update).obj["subsets"] == []


def test_endpoints_without_a_service_go_and_those_without_a_selector_are_the_users():
    have = {"metadata": metadata("web"), "subsets": []}
    assert the(endpoints.reconcile(None, "web", [], have), Delete).obj is have
    assert endpoints.reconcile(service(selector=None), "web", [], have) == []


def test_too_many_addresses_are_cut_ready_ones_first():
    pods = [pod(f"p{i}", node="n1", ip=f"10.0.0.{i}", ready=i < 3) for i in range(6)]
    made = the(endpoints.reconcile(service(), "web", pods, None, most=4), Create).obj
    (subset,) = made["subsets"]
    assert (len(subset["addresses"]), len(subset["notReadyAddresses"])) == (3, 1)
    assert made["metadata"]["annotations"][endpoints.OVER_CAPACITY] == "truncated"
