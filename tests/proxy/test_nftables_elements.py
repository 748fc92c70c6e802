"""Rules as elements and chains, without a kernel."""

import pytest

from wherry.proxy.backends.nftables.chains import Verdict, chains, define
from wherry.proxy.backends.nftables.elements import Contents, elements
from wherry.proxy.plan import Frontend, Rule, Target

A, B, HERE = Target("10.0.0.1", 8080), Target("10.0.0.2", 8080), Target("10.0.0.3", 8080, local=True)
VIP, PORT = Frontend("10.96.0.5", "TCP", 80), Frontend("", "UDP", 30053)


def test_a_service_is_one_element_and_one_more_an_endpoint() -> None:
    found = elements(VIP, Rule((A, B)))
    assert found.own == {
        "services": {"10.96.0.5 . tcp . 80": "goto service-internal-2"},
        "endpoints": {
            "10.96.0.5 . tcp . 80 . 0:0": "10.0.0.1 . 8080",
            "10.96.0.5 . tcp . 80 . 0:1": "10.0.0.2 . 8080",
        },
    }
    assert found.shared == {("cluster_ips", "10.96.0.5")}


def test_endpoints_of_this_node_have_slots_of_their_own() -> None:
    found = elements(PORT, Rule((A, HERE), external=True, own=(HERE,)))
    assert found.own == {
        "node_ports": {"udp . 30053": "goto port-kept-2-own1"},
        "node_endpoints": {
            "udp . 30053 . 0:0": "10.0.0.1 . 8080",
            "udp . 30053 . 0:1": "10.0.0.3 . 8080",
            "udp . 30053 . 0:8000": "10.0.0.3 . 8080",
        },
    }
    assert found.shared == {("hairpin", "10.0.0.3 . 10.0.0.3")}


def test_with_affinity_endpoints_have_identities_that_stay() -> None:
    before, after = (elements(VIP, Rule(targets, affinity=9)).own for targets in ((A, B), (B,)))
    (identity,) = after["ids"].values()
    assert identity in before["ids"].values()
    assert after["members"] == {f"10.96.0.5 . tcp . 80 . {identity}": "10.0.0.2 . 8080"}
    assert before["services"] == {"10.96.0.5 . tcp . 80": "goto service-internal-2-for9s"}


@pytest.mark.parametrize(
    ("frontend", "rule", "expected"),
    [
        (VIP, Rule(()), {"unserved_services": {"10.96.0.5 . tcp . 80": "goto refuse"}}),
        (VIP, Rule((), unreachable="drop"), {"unserved_services": {"10.96.0.5 . tcp . 80": "drop"}}),
        (PORT, Rule((), external=True), {"unserved_ports": {"udp . 30053": "goto refuse"}}),
    ],
)
def test_a_frontend_without_endpoints(frontend: Frontend, rule: Rule, expected: dict) -> None:
    assert elements(frontend, rule).own == expected


def test_restricted_sources() -> None:
    found = elements(VIP, Rule((A,), external=True, sources=("10.0.0.0/8", "192.0.2.0/24"))).own
    assert found["restricted"] == {"10.96.0.5 . tcp . 80": ""}
    assert list(found["sources"]) == ["10.96.0.5 . tcp . 80 . 10.0.0.0/8", "10.96.0.5 . tcp . 80 . 192.0.2.0/24"]


class TestChanges:
    def change(self, contents: Contents, changes: dict) -> list[str]:
        return contents.change(changes)[0].splitlines()

    def test_one_endpoint_more_adds_its_slot_and_renames_the_verdict(self) -> None:
        contents = Contents()
        self.change(contents, {VIP: Rule((A,))})
        assert sorted(self.change(contents, {VIP: Rule((A, B))})) == [
            "add element ip wherry-proxy endpoints { 10.96.0.5 . tcp . 80 . 0:1 : 10.0.0.2 . 8080 }",
            "add element ip wherry-proxy services { 10.96.0.5 . tcp . 80 : goto service-internal-2 }",
            "delete element ip wherry-proxy services { 10.96.0.5 . tcp . 80 }",
        ]

    def test_deletions_come_first(self) -> None:
        contents = Contents()
        self.change(contents, {VIP: Rule((A,))})
        verbs = [line.split()[0] for line in self.change(contents, {VIP: Rule((B,))})]
        assert verbs == ["delete", "add"]

    def test_nothing_new_is_nothing_to_do(self) -> None:
        contents = Contents()
        self.change(contents, {VIP: Rule((A,))})
        assert self.change(contents, {VIP: Rule((A,))}) == []
        assert self.change(contents, {PORT: None}) == []

    def test_shared_members_stay_until_their_last_user_goes(self) -> None:
        contents = Contents()
        other = Frontend("10.96.0.5", "TCP", 443)
        first = self.change(contents, {VIP: Rule((HERE,)), other: Rule((HERE,))})
        assert len([line for line in first if "cluster_ips" in line or "hairpin" in line]) == 2
        assert not [line for line in self.change(contents, {VIP: None}) if "cluster_ips" in line or "hairpin" in line]
        last = self.change(contents, {other: None})
        assert [line for line in last if line.endswith("hairpin { 10.0.0.3 . 10.0.0.3 }")]
        assert [line for line in last if line.endswith("cluster_ips { 10.96.0.5 }")]

    def test_a_shared_member_may_move_between_rules_in_one_change(self) -> None:
        contents = Contents()
        self.change(contents, {VIP: Rule((HERE,))})
        moved = self.change(contents, {VIP: None, Frontend("10.96.0.5", "TCP", 443): Rule((HERE,))})
        assert not [line for line in moved if "hairpin" in line or "cluster_ips" in line]

    def test_the_verdicts_that_are_needed(self) -> None:
        _, verdicts = Contents().change(
            {
                VIP: Rule((A, B), affinity=5),
                PORT: Rule((A,), external=True),
            }
        )
        assert verdicts == {Verdict("internal", 2, affinity=5), Verdict("external", 1, node=True)}


def test_ten_thousand_services_need_few_chains() -> None:
    rules = {
        Frontend(f"10.96.{n // 250}.{n % 250}", "TCP", 80): Rule((A, B) if n % 2 else (A,)) for n in range(10_000)
    }
    _, verdicts = Contents().change(rules)
    assert len(chains(verdicts)) == 4


def test_a_chain_is_defined_before_it_is_gone_to() -> None:
    text = define(chains([Verdict("kept", 3, 1), Verdict("internal", 3)]).values())
    for line in text.splitlines():
        if "goto" in line:
            assert text.index(f"chain {line.split('goto ')[1]} {{") < text.index(line)
