"""A machine with two nodes, inside network namespaces of the tests' own, and small servers to put into pods."""

import contextlib
import socket
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from wherry.linux import netlink, netns
from wherry.linux.netlink import LinkOptions, Netlink, Peer, Route
from wherry.local.network import LocalNode, MachineNetwork, ensure, remove
from wherry.local.network import kernel as local_kernel


@dataclass
class Lab:
    """`machine` is the namespace that plays the machine, `nodes` are those of the nodes. Everything in it is closed
    at the end of the test."""

    machine: str
    network: MachineNetwork
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def nodes(self) -> tuple[LocalNode, ...]:
        return self.network.nodes

    def serve(self, space: str, name: str, port: int, *, udp: bool = False) -> None:
        """A server in `space` that answers with `name` and the address that it was asked from."""
        with netns.entered(space):
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", port))
        loop = _answer_datagrams if udp else _answer_connections
        if not udp:
            listener.listen(64)
        thread = threading.Thread(target=loop, args=(listener, name), daemon=True)
        thread.start()
        self.stack.callback(_end, listener, thread)


def _answer_connections(listener: socket.socket, name: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, peer = listener.accept()
            with connection:
                connection.sendall(f"{name} {peer[0]}".encode())


def _answer_datagrams(listener: socket.socket, name: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            _, peer = listener.recvfrom(2048)
            if peer is None:  # shut down
                return
            listener.sendto(f"{name} {peer[0]}".encode(), peer)


def _end(listener: socket.socket, thread: threading.Thread) -> None:
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(2)


def ask(space: str, address: str, port: int, *, timeout: float = 2) -> tuple[str, str]:
    """Connect from `space`: who answered, and as whom it saw the caller. Raises OSError, TimeoutError."""
    with netns.entered(space):
        client = socket.socket()
    with client:
        client.settimeout(timeout)
        client.connect((address, port))
        name, _, source = client.makefile().read().partition(" ")
    return name, source


def ask_udp(
    space: str, address: str, port: int, *, client: socket.socket | None = None, timeout: float = 2
) -> tuple[str, str]:
    """The same by one datagram; `client` keeps its source port between calls."""
    client = client or udp_client(space)
    client.settimeout(timeout)
    client.connect((address, port))
    client.send(b"hello")
    name, _, source = client.recv(2048).decode().partition(" ")
    return name, source


def udp_client(space: str) -> socket.socket:
    with netns.entered(space):
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def run(*command: str, space: str | None = None) -> str:
    prefix = ("ip", "netns", "exec", space) if space else ()
    return subprocess.run([*prefix, *command], capture_output=True, text=True, check=True).stdout


def outside(lab: Lab) -> str:
    """A namespace beyond the machine's uplink that has 198.51.100.1 and knows no route back into the cluster."""
    space = f"{lab.machine}-outside"
    netns.create(space)
    lab.stack.callback(netns.delete, space)
    run("ip", "link", "set", "outside", "netns", space, space=lab.machine)
    run("ip", "addr", "add", "198.51.100.1/24", "dev", "outside", space=space)
    run("ip", "link", "set", "outside", "up", space=space)
    run("ip", "link", "set", "lo", "up", space=space)
    return space


def _make_machine(name: str) -> None:
    with netns.entered(netns.create(name)), Netlink() as kernel:
        kernel.apply(
            netlink.set_link("lo", up=True),
            netlink.add_veth("uplink", Peer("outside", index=11), LinkOptions(index=10, mtu=1400)),
            netlink.set_link(10, up=True),
            netlink.set_link(11, up=True),
            netlink.add_address(10, "198.51.100.2/24"),
            netlink.add_route(Route("0.0.0.0/0", gateway="198.51.100.1", protocol=3)),
        )


def make_lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lab]:
    """For a fixture: two nodes, 192.168.230.2 and .3, whose pods are 10.230.0.0/24 and 10.230.1.0/24."""
    monkeypatch.setattr(local_kernel, "_FORWARD_BEFORE", tmp_path / "run" / "ip_forward")
    profile = f"t{uuid.uuid4().hex[:6]}"
    machine = f"{profile}-machine"
    nodes = tuple(
        LocalNode(name, f"wherry-{profile}-{name}", f"192.168.230.{n + 2}", f"10.230.{n}.0/24")
        for n, name in enumerate([profile, f"{profile}-m02"])
    )
    network = MachineNetwork(profile, "wherry96", "192.168.230.1", "192.168.230.0/24", "10.96.0.0/12", nodes)
    lab = Lab(machine, network)
    try:
        _make_machine(machine)
        with netns.entered(machine):
            ensure(network)
        yield lab
    finally:
        lab.stack.close()
        with netns.entered(machine):
            remove(network)
        netns.delete(machine)
