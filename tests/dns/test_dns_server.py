"""The DNS server on real sockets, against an API server, with a resolver of the machine's that the test controls."""

import asyncio
import socket
import struct
import subprocess
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from dnslib import EDNS0, QTYPE, RCODE, RR, TXT, A, DNSHeader, DNSQuestion, DNSRecord

from wherry.api import kinds
from wherry.client.rest import RestClient
from wherry.dns import upstream as upstream_module
from wherry.dns.publish import ensure_service, publish
from wherry.dns.server import DnsConfig, DnsServer
from wherry.linux import netlink, netns
from wherry.linux.netlink import Netlink
from wherry.testing.cluster import ApiServer

pytestmark = pytest.mark.root
RESOLVER = ("127.0.0.1", 53)


@pytest.fixture
def spaces() -> Iterator[tuple[str, str]]:
    """Where the server listens, and where the machine's resolver does."""
    prefix = f"t{uuid.uuid4().hex[:6]}"
    for name in (f"{prefix}-node", f"{prefix}-machine"):
        with netns.entered(netns.create(name)), Netlink() as kernel:
            kernel.apply(netlink.set_link("lo", up=True))
    yield f"{prefix}-node", f"{prefix}-machine"
    for name in netns.names(prefix):
        netns.delete(name)


class Resolver:
    """Answers by UDP and TCP as `answer` says; None is silence. `asked` are the names it heard."""

    def __init__(self, space: str) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[DNSRecord], DNSRecord | None] = lambda query: query.reply()
        with netns.entered(space):
            self._udp, self._tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for each in (self._udp, self._tcp):
            each.bind(RESOLVER)
        self._tcp.listen()
        for loop in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=loop, daemon=True).start()

    def _respond(self, data: bytes) -> bytes | None:
        query = DNSRecord.parse(data)
        self.asked.append(str(query.q.qname).rstrip("."))
        found = self.answer(query)
        return found.pack() if found else None

    def _serve_udp(self) -> None:
        while True:
            try:
                data, peer = self._udp.recvfrom(4096)
            except OSError:
                return
            if peer is None:
                return
            if (found := self._respond(data)) is not None:
                self._udp.sendto(found, peer)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection:
                data = connection.recv(4096)
                if (found := self._respond(data[2:])) is not None:
                    connection.sendall(struct.pack(">H", len(found)) + found)

    def close(self) -> None:
        for each in (self._udp, self._tcp):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()


@pytest.fixture
def resolver(spaces: tuple[str, str]) -> Iterator[Resolver]:
    resolver = Resolver(spaces[1])
    yield resolver
    resolver.close()


@pytest.fixture
async def client() -> AsyncIterator[RestClient]:
    async with ApiServer() as api:
        yield api.client


def config(spaces: tuple[str, str], tmp_path: Path, resolv_conf: str = "nameserver 127.0.0.1\n") -> DnsConfig:
    path = tmp_path / "resolv.conf"
    path.write_text(resolv_conf)
    return DnsConfig(
        listen=(("127.0.0.53", 53),),
        address="10.96.0.10",
        netns=str(netns.path_of(spaces[0])),
        resolv_conf=path,
        upstream_netns=str(netns.path_of(spaces[1])),
    )


async def start(client: RestClient, settings: DnsConfig) -> asyncio.Task[None]:
    server = DnsServer(client, settings)
    task = asyncio.create_task(server.run())
    async with asyncio.timeout(10):
        await server.ready()
    return task


@pytest.fixture
async def running(client: RestClient, spaces: tuple[str, str], tmp_path: Path) -> AsyncIterator[None]:
    task = await start(client, config(spaces, tmp_path))
    yield
    task.cancel()
    await asyncio.wait([task])


class Asker:
    def __init__(self, space: str) -> None:
        self.space = space

    async def __call__(self, name: str, type: str = "A", *, tcp: bool = False, size: int = 0) -> DNSRecord:
        query = DNSRecord(DNSHeader(rd=1), q=DNSQuestion(name, getattr(QTYPE, type)))
        if size:
            query.add_ar(EDNS0(udp_len=size))
        data = await self.send(bytes(query.pack()), tcp=tcp)
        answer = DNSRecord.parse(data)
        assert answer.header.id == query.header.id
        assert (answer.header.qr, answer.header.ra, answer.header.rd) == (1, 1, 1)
        return answer

    async def send(self, data: bytes, *, tcp: bool = False) -> bytes:
        with netns.entered(self.space):
            sock = socket.socket(type=socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(8)
            return await asyncio.to_thread(_exchange, sock, data, tcp)


def _exchange(sock: socket.socket, data: bytes, tcp: bool) -> bytes:
    sock.connect(("127.0.0.53", 53))
    if not tcp:
        sock.send(data)
        return sock.recv(65535)
    sock.sendall(struct.pack(">H", len(data)) + data)
    stream = sock.makefile("rb")
    return stream.read(struct.unpack(">H", stream.read(2))[0])


@pytest.fixture
def ask(spaces: tuple[str, str]) -> Asker:
    return Asker(spaces[0])


async def make_service(client: RestClient, name: str, ip: str = "10.96.0.50", **spec) -> None:
    spec = {"clusterIP": ip, "ports": [{"name": "http", "port": 80}], **spec}
    spec = {key: value for key, value in spec.items() if value}
    obj = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": spec}
    await client.create(kinds.SERVICE, obj)


async def make_slice(client: RestClient, service: str, *addresses: str) -> None:
    slice = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-1",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
    }
    await client.create(kinds.ENDPOINT_SLICE, slice)


async def until(ask: Asker, name: str, expected: set[str], type: str = "A") -> DNSRecord:
    async with asyncio.timeout(10):
        while True:
            answer = await ask(name, type)
            if {str(record.rdata) for record in answer.rr} == expected:
                return answer
            await asyncio.sleep(0.02)


def addresses(answer: DNSRecord) -> list[str]:
    return [str(record.rdata) for record in answer.rr]


@pytest.mark.usefixtures("running")
class TestClusterNames:
    async def test_a_service_is_known_as_soon_as_it_is_there(self, client: RestClient, ask: Asker) -> None:
        assert (await ask("web.default.svc.cluster.local")).header.rcode == RCODE.NXDOMAIN
        await make_service(client, "web")
        answer = await until(ask, "web.default.svc.cluster.local", {"10.96.0.50"})
        assert answer.header.aa == 1
        assert 5 <= answer.rr[0].ttl <= 30
        await client.delete(kinds.SERVICE, "web", "default")
        await until(ask, "web.default.svc.cluster.local", set())

    async def test_a_negative_answer_says_how_long_it_holds(self, ask: Asker) -> None:
        answer = await ask("nothing.default.svc.cluster.local")
        assert answer.header.rcode == RCODE.NXDOMAIN
        assert [QTYPE.get(record.rtype) for record in answer.auth] == ["SOA"]
        assert answer.auth[0].ttl <= 30

    async def test_no_address_of_that_family_is_no_data(self, client: RestClient, ask: Asker) -> None:
        await make_service(client, "web")
        await until(ask, "web.default.svc.cluster.local", {"10.96.0.50"})
        answer = await ask("web.default.svc.cluster.local", "AAAA")
        assert (answer.header.rcode, answer.rr) == (RCODE.NOERROR, [])
        assert [QTYPE.get(record.rtype) for record in answer.auth] == ["SOA"]

    async def test_endpoints_of_a_headless_service_take_turns(self, client: RestClient, ask: Asker) -> None:
        await make_service(client, "db", ip="None")
        await make_slice(client, "db", "10.0.0.1", "10.0.0.2", "10.0.0.3")
        await until(ask, "db.default.svc.cluster.local", {"10.0.0.1", "10.0.0.2", "10.0.0.3"})
        first = {addresses(await ask("db.default.svc.cluster.local"))[0] for _ in range(6)}
        assert first == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}

    async def test_services_by_port_and_back(self, client: RestClient, ask: Asker) -> None:
        await make_service(client, "web")
        await until(ask, "web.default.svc.cluster.local", {"10.96.0.50"})
        answer = await ask("_http._tcp.web.default.svc.cluster.local", "SRV")
        assert (answer.rr[0].rdata.port, str(answer.rr[0].rdata.target)) == (80, "web.default.svc.cluster.local.")
        assert [str(record.rdata) for record in answer.ar] == ["10.96.0.50"]
        back = await ask("50.0.96.10.in-addr.arpa", "PTR")
        assert addresses(back) == ["web.default.svc.cluster.local."]

    async def test_the_question_comes_back_as_it_was_spelled(self, client: RestClient, ask: Asker) -> None:
        await make_service(client, "web")
        await until(ask, "web.default.svc.cluster.local", {"10.96.0.50"})
        for name in ("wEb.DEFAULT.svc.cluster.LOCAL", "WEB.default.svc.cluster.local"):
            answer = await ask(name)
            assert str(answer.q.qname) == f"{name}." == str(answer.rr[0].rname)

    async def test_what_is_too_long_for_a_datagram_is_asked_again_by_tcp(
        self, client: RestClient, ask: Asker
    ) -> None:
        many = [f"10.1.{n // 200}.{n % 200}" for n in range(100)]
        await make_service(client, "db", ip="None")
        await make_slice(client, "db", *many)
        async with asyncio.timeout(10):
            while True:
                whole = await ask("db.default.svc.cluster.local", tcp=True)
                if whole.rr:
                    break
        assert set(addresses(whole)) == set(many)
        for size in (0, 1232):
            short = await ask("db.default.svc.cluster.local", size=size)
            assert (short.header.tc, short.rr) == (1, [])

    async def test_a_larger_datagram_holds_more(self, client: RestClient, ask: Asker) -> None:
        await make_service(client, "db", ip="None")
        await make_slice(client, "db", *[f"10.1.0.{n}" for n in range(40)])
        async with asyncio.timeout(10):
            while not (await ask("db.default.svc.cluster.local", size=1232)).rr:
                pass
        assert len((await ask("db.default.svc.cluster.local", size=1232)).rr) == 40
        assert (await ask("db.default.svc.cluster.local")).header.tc == 1

    async def test_the_c_library_finds_names_by_its_search_list(
        self, client: RestClient, ask: Asker, spaces: tuple[str, str], tmp_path: Path
    ) -> None:
        await make_service(client, "web")
        await until(ask, "web.default.svc.cluster.local", {"10.96.0.50"})
        conf = tmp_path / "pod-resolv.conf"
        search = "search default.svc.cluster.local svc.cluster.local cluster.local"
        conf.write_text(f"nameserver 127.0.0.53\n{search}\noptions ndots:5\n")
        for name in ("web", "web.default", "web.default.svc", "web.default.svc.cluster.local"):
            look = f"import socket; print(socket.gethostbyname('{name}'))"
            script = f'mount --bind {conf} /etc/resolv.conf && exec python3 -c "{look}"'
            command = ["ip", "netns", "exec", spaces[0], "unshare", "-m", "sh", "-c", script]
            found = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
            assert found.stdout == "10.96.0.50\n", (name, found.stderr)


class TestOtherNames:
    @pytest.mark.usefixtures("running")
    async def test_they_are_asked_of_the_machines_resolver_and_kept(self, ask: Asker, resolver: Resolver) -> None:
        resolver.answer = lambda query: _reply(query, RR(query.q.qname, QTYPE.A, ttl=20, rdata=A("192.0.2.7")))
        for _ in range(3):
            answer = await ask("www.example.org")
            assert addresses(answer) == ["192.0.2.7"]
            assert 0 < answer.rr[0].ttl <= 20
        assert resolver.asked == ["www.example.org"]

    @pytest.mark.usefixtures("running")
    async def test_equal_questions_at_once_are_asked_once(self, ask: Asker, resolver: Resolver) -> None:
        def slowly(query: DNSRecord) -> DNSRecord:
            time.sleep(0.3)
            return _reply(query, RR(query.q.qname, QTYPE.A, ttl=20, rdata=A("192.0.2.7")))

        resolver.answer = slowly
        answers = await asyncio.gather(*(ask("www.example.org") for _ in range(10)))
        assert {addresses(answer)[0] for answer in answers} == {"192.0.2.7"}
        assert resolver.asked == ["www.example.org"]

    @pytest.mark.usefixtures("running")
    async def test_a_name_that_does_not_exist(self, ask: Asker, resolver: Resolver) -> None:
        def missing(query: DNSRecord) -> DNSRecord:
            reply = query.reply()
            reply.header.rcode = RCODE.NXDOMAIN
            return reply

        resolver.answer = missing
        assert (await ask("no.example.org")).header.rcode == RCODE.NXDOMAIN

    @pytest.mark.usefixtures("running")
    async def test_long_answers_come_by_tcp(self, ask: Asker, resolver: Resolver) -> None:
        texts = [RR("long.example.org", QTYPE.TXT, ttl=20, rdata=TXT("x" * 200)) for _ in range(20)]
        resolver.answer = lambda query: _reply(query, *texts)
        assert len((await ask("long.example.org", "TXT", tcp=True)).rr) == 20

    @pytest.mark.usefixtures("running")
    async def test_an_external_name_is_followed_to_its_addresses(
        self, client: RestClient, ask: Asker, resolver: Resolver
    ) -> None:
        resolver.answer = lambda query: _reply(query, RR(query.q.qname, QTYPE.A, ttl=20, rdata=A("192.0.2.7")))
        await make_service(client, "api", ip="", type="ExternalName", externalName="www.example.org")
        answer = await until(ask, "api.default.svc.cluster.local", {"www.example.org.", "192.0.2.7"})
        assert [QTYPE.get(record.rtype) for record in answer.rr] == ["CNAME", "A"]
        assert [str(record.rname) for record in answer.rr] == ["api.default.svc.cluster.local.", "www.example.org."]

    @pytest.mark.usefixtures("running")
    async def test_a_resolver_that_refuses_is_servfail_at_once(self, ask: Asker) -> None:
        """Nothing listens: the kernel says so."""
        assert (await ask("www.example.org")).header.rcode == RCODE.SERVFAIL

    async def test_a_silent_resolver_is_servfail_and_then_left_alone(
        self, running: None, ask: Asker, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(upstream_module, "TIMEOUT", 0.2)
        resolver.answer = lambda query: None
        for n in range(4):
            assert (await ask(f"www{n}.example.org")).header.rcode == RCODE.SERVFAIL
        assert resolver.asked == ["www0.example.org"]

    async def test_it_is_asked_again_after_a_while(
        self, running: None, ask: Asker, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(upstream_module, "TIMEOUT", 0.2)
        monkeypatch.setattr(upstream_module, "SILENT", 0.0)
        resolver.answer = lambda query: None
        assert (await ask("www.example.org")).header.rcode == RCODE.SERVFAIL
        resolver.answer = lambda query: _reply(query, RR(query.q.qname, QTYPE.A, ttl=20, rdata=A("192.0.2.7")))
        assert addresses(await ask("www.example.org")) == ["192.0.2.7"]

    async def test_the_next_resolver_helps_out(
        self,
        client: RestClient,
        spaces: tuple[str, str],
        tmp_path: Path,
        ask: Asker,
        resolver: Resolver,
    ) -> None:
        resolver.answer = lambda query: _reply(query, RR(query.q.qname, QTYPE.A, ttl=20, rdata=A("192.0.2.7")))
        settings = config(spaces, tmp_path, "nameserver 127.0.0.99\nnameserver 127.0.0.1\n")
        task = await start(client, settings)
        assert addresses(await ask("www.example.org")) == ["192.0.2.7"]
        task.cancel()
        await asyncio.wait([task])

    async def test_without_any_resolver_it_is_servfail(
        self, client: RestClient, spaces: tuple[str, str], tmp_path: Path, ask: Asker
    ) -> None:
        settings = config(spaces, tmp_path, "# none\n")
        settings.resolv_conf.unlink()
        task = await start(client, settings)
        assert (await ask("www.example.org")).header.rcode == RCODE.SERVFAIL
        task.cancel()
        await asyncio.wait([task])


def _reply(query: DNSRecord, *records: RR) -> DNSRecord:
    reply = query.reply()
    for record in records:
        reply.add_answer(record)
    return reply


@pytest.mark.usefixtures("running")
class TestStrangeQuestions:
    async def test_garbage_is_a_format_error(self, ask: Asker) -> None:
        answer = await ask.send(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xff\xff\xff")
        assert answer[:2] == b"\x12\x34"
        assert answer[3] & 0xF == RCODE.FORMERR

    async def test_other_operations_are_not_implemented(self, ask: Asker) -> None:
        update = DNSRecord(DNSHeader(opcode=5), q=DNSQuestion("cluster.local", QTYPE.SOA))
        assert (await ask.send(bytes(update.pack())))[3] & 0xF == RCODE.NOTIMP

    async def test_other_classes_are_refused(self, ask: Asker) -> None:
        chaos = DNSRecord(q=DNSQuestion("version.bind", QTYPE.TXT, 3))
        assert (await ask.send(bytes(chaos.pack())))[3] & 0xF == RCODE.REFUSED

    async def test_answers_and_scraps_get_no_answer(self, ask: Asker, spaces: tuple[str, str]) -> None:
        with netns.entered(spaces[0]):
            sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.connect(("127.0.0.53", 53))
        sock.send(bytes(DNSRecord(DNSHeader(qr=1), q=DNSQuestion("cluster.local")).pack()))
        sock.send(b"x")
        sock.send(bytes(DNSRecord(DNSHeader(id=77), q=DNSQuestion("cluster.local")).pack()))
        sock.settimeout(5)
        assert struct.unpack(">H", (await asyncio.to_thread(sock.recv, 600))[:2])[0] == 77
        sock.close()

    async def test_many_questions_on_one_connection(self, ask: Asker, spaces: tuple[str, str]) -> None:
        with netns.entered(spaces[0]):
            sock = socket.socket()
        sock.settimeout(5)
        await asyncio.to_thread(sock.connect, ("127.0.0.53", 53))
        stream = sock.makefile("rwb")
        for identity in (1, 2, 3):
            data = bytes(DNSRecord(DNSHeader(id=identity), q=DNSQuestion("cluster.local", QTYPE.NS)).pack())
            stream.write(struct.pack(">H", len(data)) + data)
        stream.flush()
        for identity in (1, 2, 3):
            length = struct.unpack(">H", await asyncio.to_thread(stream.read, 2))[0]
            assert DNSRecord.parse(await asyncio.to_thread(stream.read, length)).header.id == identity
        sock.close()


async def test_until_the_cluster_is_known_its_names_are_asked_again(
    spaces: tuple[str, str], tmp_path: Path, ask: Asker, resolver: Resolver
) -> None:
    resolver.answer = lambda query: _reply(query, RR(query.q.qname, QTYPE.A, ttl=20, rdata=A("192.0.2.7")))

    class NoServer:
        async def list(self, *_: object, **__: object) -> None:
            await asyncio.Event().wait()

    settings = config(spaces, tmp_path)
    server = DnsServer(NoServer(), settings)
    task = asyncio.create_task(server.run())
    await asyncio.wait_for(server._listening.wait(), 5)
    assert (await ask("web.default.svc.cluster.local")).header.rcode == RCODE.SERVFAIL
    assert addresses(await ask("www.example.org")) == ["192.0.2.7"]
    task.cancel()
    await asyncio.wait([task])


async def test_a_port_in_use_says_so(client: RestClient, spaces: tuple[str, str], tmp_path: Path) -> None:
    with netns.entered(spaces[0]):
        taken = socket.socket(type=socket.SOCK_DGRAM)
    taken.bind(("127.0.0.53", 53))
    with pytest.raises(OSError, match="Address already in use"):
        await DnsServer(client, config(spaces, tmp_path)).run()
    taken.close()


class TestPublishing:
    async def make_node(self, client: RestClient) -> None:
        await client.create(kinds.NODE, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}})

    async def test_the_service_is_made_once(self, client: RestClient) -> None:
        for _ in range(2):
            await ensure_service(client, "10.96.0.10")
        service = await client.get(kinds.SERVICE, "kube-dns", "kube-system")
        assert service["spec"]["clusterIP"] == "10.96.0.10"
        assert {port["protocol"] for port in service["spec"]["ports"]} == {"UDP", "TCP"}

    async def test_a_node_stands_behind_it_and_may_move(self, client: RestClient) -> None:
        await self.make_node(client)
        for address in ("192.168.49.2", "192.168.49.7"):
            await publish(client, "n1", address)
            slice = await client.get(kinds.ENDPOINT_SLICE, "kube-dns-n1", "kube-system")
            (endpoint,) = slice["endpoints"]
            assert (endpoint["addresses"], endpoint["nodeName"]) == ([address], "n1")
        assert slice["metadata"]["ownerReferences"][0]["kind"] == "Node"
