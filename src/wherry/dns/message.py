"""DNS messages: questions from bytes, answers to bytes (dnslib), and what a cache must know of an answer."""

import struct
from collections.abc import Iterable, Iterator

import dnslib
from dnslib import QTYPE, RCODE, RR, DNSHeader, DNSQuestion, DNSRecord

from wherry.dns.plan import Answer, Record, Srv

TTL = 5  # seconds that clients may keep the cluster's names, negative answers too
UDP_SIZE = 512  # what every client takes by UDP
OUR_UDP_SIZE = 1232  # what passes every link whole
MAX_ROTATIONS = 8

_HEADER = struct.Struct(">HHHHHH")
_TRUNCATED = 0x0200
_MAKERS = {kind: getattr(dnslib, kind) for kind in ("A", "AAAA", "CNAME", "NS", "PTR", "TXT")}


class MalformedQuery(Exception):
    """Bytes that are no question; `reply` is what to answer, empty for nothing."""

    def __init__(self, reply: bytes) -> None:
        super().__init__("malformed query")
        self.reply = reply


class Query:
    """One question. `name` as the client wrote it, without the last dot."""

    __slots__ = ("name", "record", "size", "type")

    def __init__(self, data: bytes) -> None:
        try:
            self.record = DNSRecord.parse(data)
        except Exception as error:  # dnslib lets what it stumbles over through
            raise MalformedQuery(_error_header(data, RCODE.FORMERR)) from error
        if self.record.header.qr:
            raise MalformedQuery(b"")  # an answer: never reply to it
        if self.record.header.opcode != dnslib.OPCODE.QUERY:
            raise MalformedQuery(_error_header(data, RCODE.NOTIMP))
        if len(self.record.questions) != 1:
            raise MalformedQuery(_error_header(data, RCODE.FORMERR))
        question = self.record.q
        self.name = str(question.qname).rstrip(".")
        self.type = QTYPE.get(question.qtype)
        sizes = [extra.edns_len for extra in self.record.ar if extra.rtype == QTYPE.OPT]
        self.size = max(UDP_SIZE, min(sizes[0], OUR_UDP_SIZE)) if sizes else UDP_SIZE

    @property
    def internet(self) -> bool:
        return self.record.q.qclass == dnslib.CLASS.IN


def reply(query: Query, answer: Answer, domain: str, rotation: int = 0, upstream: Iterable[RR] = ()) -> bytes:
    """The zone's answer as bytes. `rotation`: how far records of one kind are turned, so that clients which take the
    first spread; `upstream`: what was found for an alias that leads outside."""
    message = _message(query, getattr(RCODE, answer.code), authoritative=True)
    records = _rotate(answer.records, rotation)
    for record in records:
        message.add_answer(_resource(query, record, domain))
    message.add_answer(*upstream)
    for record in answer.additional:
        message.add_ar(_resource(query, record, domain))
    if not records and answer.code in ("NOERROR", "NXDOMAIN"):
        message.add_auth(_resource(query, Record(domain, "SOA", f"ns.dns.{domain}"), domain))
    return bytes(message.pack())


def failure(query: Query, code: str) -> bytes:
    """SERVFAIL, REFUSED, ..."""
    return bytes(_message(query, getattr(RCODE, code), authoritative=False).pack())


def fit(message: bytes, size: int) -> bytes:
    """As it is, or, when it is too long for a datagram, the question alone with the mark to ask again by TCP."""
    if len(message) <= size:
        return message
    identity, flags, *_ = _HEADER.unpack_from(message)
    end = _skip_name(message, _HEADER.size) + 4
    return _HEADER.pack(identity, flags | _TRUNCATED, 1, 0, 0, 0) + message[_HEADER.size : end]


def question(name: str, type: int) -> bytes:
    """A question of our own; `type` is the number of a record type."""
    return bytes(DNSRecord(DNSHeader(rd=1), q=DNSQuestion(name, type)).pack())


def answers_in(message: bytes) -> tuple[list[RR], str]:
    """The records of an upstream answer and its code. Raises ValueError."""
    try:
        record = DNSRecord.parse(message)
    except Exception as error:
        raise ValueError("malformed answer") from error
    return list(record.rr), str(RCODE.get(record.header.rcode))


def ttl_offsets(message: bytes) -> list[int]:
    """Where the times to live stand, so that a kept answer can be aged without parsing it. Raises ValueError."""
    return [offset + 4 for offset, kind in _resources(message) if kind != QTYPE.OPT]


def lifetime(message: bytes, most: int) -> int:
    """Seconds that a whole answer may be kept."""
    times = [struct.unpack_from(">I", message, offset)[0] for offset in ttl_offsets(message)]
    return min([*times, most]) if times else 0


def aged(message: bytes, offsets: Iterable[int], seconds: int) -> bytes:
    """The same answer, `seconds` later."""
    copy = bytearray(message)
    for offset in offsets:
        (ttl,) = struct.unpack_from(">I", copy, offset)
        struct.pack_into(">I", copy, offset, max(0, ttl - seconds))
    return bytes(copy)


def code_of(message: bytes) -> int:
    return message[3] & 0xF


def is_truncated(message: bytes) -> bool:
    return bool(message[2] & 0x02)


def answers(message: bytes, query: bytes) -> bool:
    """Whether an upstream datagram answers that question: identity and question are the same."""
    if len(message) < _HEADER.size or message[:2] != query[:2] or not message[2] & 0x80:
        return False
    try:
        end = _skip_name(query, _HEADER.size) + 4
    except ValueError:
        return False
    return message[_HEADER.size : end].lower() == query[_HEADER.size : end].lower()


def _message(query: Query, code: int, *, authoritative: bool) -> DNSRecord:
    header = query.record.header
    message = DNSRecord(
        DNSHeader(id=header.id, qr=1, aa=int(authoritative), ra=1, rd=header.rd, rcode=code), q=query.record.q
    )
    if any(extra.rtype == QTYPE.OPT for extra in query.record.ar):
        message.add_ar(dnslib.EDNS0(udp_len=OUR_UDP_SIZE))
    return message


def _resource(query: Query, record: Record, domain: str) -> RR:
    value = record.value
    if isinstance(value, Srv):
        data = dnslib.SRV(value.priority, value.weight, value.port, value.target)
    elif record.type == "SOA":
        data = dnslib.SOA(value, f"hostmaster.{domain}", (1, 7200, 1800, 86400, TTL))
    else:
        data = _MAKERS[record.type](value)
    # the owner as the client spelled it: it compares, and it compresses
    owner = query.record.q.qname if record.name == query.name.lower() else record.name
    return RR(owner, getattr(QTYPE, record.type), ttl=TTL, rdata=data)


def _rotate(records: tuple[Record, ...], by: int) -> tuple[Record, ...]:
    """Aliases stay first."""
    head = tuple(record for record in records if record.type == "CNAME")
    rest = records[len(head) :]
    turn = by % len(rest) if rest else 0
    return (*head, *rest[turn:], *rest[:turn])


def _error_header(data: bytes, code: int) -> bytes:
    if len(data) < _HEADER.size or data[2] & 0x80:
        return b""
    identity, flags, *_ = _HEADER.unpack_from(data)
    return _HEADER.pack(identity, 0x8000 | (flags & 0x7900) | 0x0080 | code, 0, 0, 0, 0)


def _resources(message: bytes) -> Iterator[tuple[int, int]]:
    """Of each record after the question: where its type stands, and the type."""
    try:
        _, _, questions, *counts = _HEADER.unpack_from(message)
        offset = _HEADER.size
        for _ in range(questions):
            offset = _skip_name(message, offset) + 4
        for _ in range(sum(counts)):
            offset = _skip_name(message, offset)
            kind, _, _, length = struct.unpack_from(">HHIH", message, offset)
            yield offset, kind
            offset += 10 + length
    except struct.error as error:
        raise ValueError("malformed message") from error


def _skip_name(message: bytes, offset: int) -> int:
    while offset < len(message):
        length = message[offset]
        if length & 0xC0:
            return offset + 2
        offset += 1 + length
        if not length:
            return offset
    raise ValueError("malformed name")
