"""Connection tracking against the real kernel, in a namespace of the test's own."""

import socket
import uuid
from collections.abc import Iterator

import pytest

from wherry.linux import netlink, netns
from wherry.linux.conntrack import UDP, Conntrack, Flow
from wherry.linux.netlink import Netlink
from wherry.linux.nft import Nft

pytestmark = pytest.mark.root

# a connection is tracked only where a rule asks for it
TRACKING = """
table ip t {
  chain c { type nat hook output priority -100; ip daddr 127.0.0.9 udp dport 53 dnat to 127.0.0.1:5353; }
}
"""


@pytest.fixture
def space() -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:6]}-ct"
    with netns.entered(netns.create(name)):
        with Netlink() as kernel:
            kernel.apply(netlink.set_link("lo", up=True))
        nft = Nft()
        nft.run(TRACKING)
        nft.close()
        yield name
    netns.delete(name)


def send(source_port: int, destination: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", source_port))
        client.sendto(b"x", destination)


def test_a_translated_flow_shows_both_its_ends(space: str) -> None:
    send(4001, ("127.0.0.9", 53))
    with Conntrack() as conntrack:
        assert conntrack.flows(UDP) == [Flow(17, "127.0.0.1", 4001, "127.0.0.9", 53, "127.0.0.1", 5353)]


def test_only_the_protocol_asked_for(space: str) -> None:
    send(4001, ("127.0.0.9", 53))
    with Conntrack() as conntrack:
        assert conntrack.flows(socket.IPPROTO_TCP) == []


def test_forgetting_some(space: str) -> None:
    for port in (4001, 4002, 4003):
        send(port, ("127.0.0.9", 53))
    with Conntrack() as conntrack:
        flows = {flow.source_port: flow for flow in conntrack.flows(UDP)}
        assert conntrack.forget([flows[4001], flows[4003]]) == 2
        assert conntrack.flows(UDP) == [flows[4002]]


def test_forgetting_what_has_ended(space: str) -> None:
    send(4001, ("127.0.0.9", 53))
    with Conntrack() as conntrack:
        flows = conntrack.flows(UDP)
        assert conntrack.forget(flows) == 1
        assert conntrack.forget(flows) == 0


def test_thousands_are_listed_and_forgotten(space: str) -> None:
    for port in range(10000, 12000):
        send(port, ("127.0.0.9", 53))
    with Conntrack() as conntrack:
        flows = conntrack.flows(UDP)
        assert len(flows) == 2000
        assert conntrack.forget(flows) == 2000
