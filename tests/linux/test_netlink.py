"""rtnetlink against the real kernel, in namespaces of the tests' own."""

import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.linux import netlink, netns
from wherry.linux.netlink import LinkOptions, Netlink, NetlinkError, Peer, Request, Route

pytestmark = pytest.mark.root


@pytest.fixture
def spaces() -> Iterator[tuple[Path, Path]]:
    prefix = f"t{uuid.uuid4().hex[:6]}"
    yield netns.create(f"{prefix}-a"), netns.create(f"{prefix}-b")
    for name in netns.names(prefix):
        netns.delete(name)


@pytest.fixture
def kernel(spaces: tuple[Path, Path]) -> Iterator[Netlink]:
    with netns.entered(spaces[0]), Netlink() as kernel:
        yield kernel


def up(name: str, index: int) -> tuple[Request, Request]:
    """A bridge without members: a link that needs nothing."""
    return netlink.add_bridge(name, LinkOptions(index=index)), netlink.set_link(index, up=True)


def test_a_socket_keeps_the_namespace_it_was_made_in(spaces: tuple[Path, Path]) -> None:
    with netns.entered(spaces[0]):
        kernel = Netlink()
    with kernel:
        kernel.apply(netlink.add_bridge("d0"))
        assert kernel.link("d0") is not None
    with Netlink() as outside:
        assert outside.link("d0") is None


def test_one_batch_makes_a_link_between_namespaces(spaces: tuple[Path, Path], kernel: Netlink) -> None:
    there = os.open(spaces[1], os.O_RDONLY)
    peer = Peer("eth0", index=2, netns=there, mac="0a:58:0a:01:00:02")
    kernel.apply(
        netlink.add_veth("pod1", peer, LinkOptions(index=5000, mtu=1400, mac="ee:ee:ee:ee:ee:ee")),
        netlink.set_link(5000, up=True),
        netlink.add_neighbour(5000, "10.1.0.2", "0a:58:0a:01:00:02"),
        netlink.add_route(Route("10.1.0.2/32", device=5000)),
    )
    os.close(there)
    link = kernel.link("pod1")
    assert link is not None
    assert (link.index, link.kind, link.mtu, link.mac, link.up) == (5000, "veth", 1400, "ee:ee:ee:ee:ee:ee", True)
    with netns.entered(spaces[1]), Netlink() as peer_kernel:
        eth0 = peer_kernel.link("eth0")
    assert eth0 is not None
    assert (eth0.index, eth0.mtu, eth0.mac) == (2, 1400, "0a:58:0a:01:00:02")


def test_routes_are_listed_as_they_were_added(kernel: Netlink) -> None:
    kernel.apply(*up("d0", 7), netlink.add_address(7, "10.2.0.1/24"))
    wanted = {
        Route("10.3.0.0/16", device=7),
        Route("10.4.0.0/16", gateway="10.2.0.9", device=7, metric=50),
        Route("10.5.0.0/24", device=7, source="10.2.0.1"),
        Route("10.6.0.0/24", unreachable=True),
        Route("0.0.0.0/0", gateway="10.2.0.8", device=7),
    }
    kernel.apply(*(netlink.add_route(route) for route in wanted))
    ours = set(kernel.routes(netlink.PROTOCOL))
    # the kernel says that an unreachable route leads to the loopback device or to none, as versions differ
    assert {r for r in ours if not r.unreachable} == {r for r in wanted if not r.unreachable}
    assert [r.destination for r in ours if r.unreachable] == ["10.6.0.0/24"]
    assert len(kernel.routes()) == len(ours) + 1, "the kernel's own route to 10.2.0.0/24 is not ours"


def test_a_route_is_replaced_not_doubled(kernel: Netlink) -> None:
    kernel.apply(*up("d0", 7), netlink.add_address(7, "10.2.0.1/24"))
    for gateway in ("10.2.0.8", "10.2.0.9"):
        kernel.apply(netlink.add_route(Route("10.4.0.0/16", gateway=gateway)))
    assert [r.gateway for r in kernel.routes(netlink.PROTOCOL)] == ["10.2.0.9"]


def test_a_gateway_off_every_network_needs_onlink(kernel: Netlink) -> None:
    kernel.apply(*up("d0", 7), netlink.add_address(7, "10.2.0.1/24"))
    route = Route("0.0.0.0/0", gateway="169.254.1.1", device=7)
    with pytest.raises(NetlinkError, match=r"add route to 0.0.0.0/0"):
        kernel.apply(netlink.add_route(route))
    kernel.apply(netlink.add_route(route, onlink=True))
    assert kernel.routes(netlink.PROTOCOL) == [route]


def test_a_failure_is_explained_and_the_rest_of_the_batch_was_tried(kernel: Netlink) -> None:
    kernel.apply(netlink.add_bridge("d0"))
    with pytest.raises(NetlinkError, match="cannot add bridge d0") as caught:
        kernel.apply(netlink.add_bridge("d0"), netlink.add_bridge("d1"))
    assert caught.value.errno == errno.EEXIST
    assert kernel.link("d1") is not None


def test_what_a_request_tolerates_is_no_failure(kernel: Netlink) -> None:
    kernel.apply(netlink.add_bridge("d0"))
    kernel.apply(netlink.add_bridge("d0").tolerating(errno.EEXIST))
    kernel.apply(netlink.delete_link("d0"))
    kernel.apply(netlink.delete_link("d0"), netlink.delete_route(Route("10.9.0.0/24")))
    assert kernel.link("d0") is None


def test_a_bridge_and_its_members(kernel: Netlink) -> None:
    kernel.apply(
        *up("br0", 20),
        netlink.add_veth("v0", Peer("v1", index=22), LinkOptions(index=21, master=20)),
        netlink.set_link("v1", master=20, mtu=1300, up=True),
    )
    found = {link.name: (link.kind, link.master, link.up) for link in kernel.links() if link.name != "lo"}
    assert found == {"br0": ("bridge", 0, True), "v0": ("veth", 20, False), "v1": ("veth", 20, True)}
    kernel.apply(netlink.set_link(22, master=0))
    released = kernel.link("v1")
    assert released is not None
    assert (released.master, released.mtu) == (0, 1300)


def test_addresses_are_added_once_and_deleted(kernel: Netlink) -> None:
    kernel.apply(*up("d0", 7))
    kernel.apply(netlink.add_address(7, "10.2.0.1/24"), netlink.add_address(7, "10.2.0.1/24"))
    assert [(a.index, a.address) for a in kernel.addresses()] == [(7, "10.2.0.1/24")]
    kernel.apply(netlink.delete_address(7, "10.2.0.1/24"), netlink.delete_address(7, "10.2.0.1/24"))
    assert kernel.addresses() == []


def test_a_link_without_ipv6_link_local(kernel: Netlink) -> None:
    kernel.apply(
        netlink.add_veth("v0", Peer("v1", index=8), LinkOptions(index=7)),
        netlink.no_link_local(7),
        netlink.set_link(7, up=True),
        netlink.set_link(8, up=True),
    )
    addresses = Path("/proc/thread-self/net/if_inet6").read_text()
    assert "v1" in addresses
    assert "v0" not in addresses


def test_large_listings_are_complete(kernel: Netlink) -> None:
    kernel.apply(*(netlink.add_bridge(f"d{n}", LinkOptions(index=100 + n)) for n in range(200)))
    kernel.apply(netlink.set_link("d0", up=True))
    kernel.apply(*(netlink.add_route(Route(f"10.{n // 250}.{n % 250}.0/24", device=100)) for n in range(3000)))
    assert len({link.name for link in kernel.links() if link.kind == "bridge"}) == 200
    assert len(kernel.routes(netlink.PROTOCOL)) == 3000
