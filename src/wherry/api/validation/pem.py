"""PEM and X.509 as Go reads them: requests and certificates, and what it says of those it cannot read."""

import base64
import binascii
import re
from typing import Any, NamedTuple

_BLOCK = re.compile(
    rb"^-----BEGIN (?P<type>[^\n]*?)-----[ \t]*\r?\n(?P<body>.*?)-----END (?P=type)-----[ \t]*(?:\r?\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
_HEADER = re.compile(rb"[^\n:]*:[^\n]*\n")

CERTIFICATE = "CERTIFICATE"
REQUEST = "CERTIFICATE REQUEST"


class Block(NamedTuple):
    """One block: its type, whether it has headers, and its bytes."""

    type: str
    headers: bool
    content: bytes


def blocks(data: bytes) -> list[Block]:
    """The blocks that can be read; what stands between them and what is broken is passed over."""
    found = []
    for match in _BLOCK.finditer(data):
        body = match["body"]
        headers = False
        while header := _HEADER.match(body):
            headers, body = True, body[header.end() :]
        try:
            content = base64.b64decode(re.sub(rb"\s", b"", body), validate=True)
        except binascii.Error:
            continue
        found.append(Block(match["type"].decode(errors="replace"), headers, content))
    return found


def request_error(data: bytes) -> str:
    """Why this is not a signed certificate request; empty when it is one."""
    from cryptography import x509

    block = next(iter(blocks(data)), None)
    if block is None or block.type != REQUEST:
        return "PEM block type must be CERTIFICATE REQUEST"
    try:
        request = x509.load_der_x509_csr(block.content)
        return "" if request.is_signature_valid else _unsigned(request.public_key())
    except Exception:  # the library raises what its parsers and algorithms raise
        return _not_a_sequence(block.content, "certificateRequest")


def _unsigned(key: Any) -> str:
    """Go's words for a signature that does not fit, by the kind of key."""
    kind = type(key).__name__
    if "RSA" in kind:
        return "crypto/rsa: verification error"
    return "x509: Ed25519 verification failure" if "Ed25519" in kind else "x509: ECDSA verification failure"


def certificates_error(data: bytes) -> str:
    """Why these are not certificates; empty when they are, or nothing is there."""
    from cryptography import x509

    if not data:
        return ""
    found = blocks(data)
    for block in found:
        if block.type != CERTIFICATE:
            return f'only CERTIFICATE PEM blocks are allowed, found "{block.type}"'
        if block.headers:
            return "no PEM block headers are permitted"
        if not block.content:
            return "found CERTIFICATE PEM block containing 0 certificates"
        try:
            x509.load_der_x509_certificate(block.content)
        except ValueError:
            return "x509: malformed certificate"
    return "" if found else "must contain at least one CERTIFICATE PEM block"


def bundle_error(data: bytes) -> str:
    """Why no certificate of an authority can be read here; empty when one can."""
    from cryptography import x509

    found = blocks(data)
    if not found:
        return "unable to load root certificates: unable to parse bytes as PEM block"
    for block in found:
        try:
            x509.load_der_x509_certificate(block.content)
        except ValueError:
            return "unable to load root certificates: failed to parse certificate: x509: malformed certificate"
        if block.type == CERTIFICATE and not block.headers:
            return ""
    return "unable to load root certificates: no valid certificate authority data seen"


_FIELD = (
    "{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> stringType:0 "
    "timeType:0 set:false omitEmpty:false}"
)


def _not_a_sequence(content: bytes, name: str) -> str:
    """Go's words for DER that does not begin as it must."""
    if len(content) < 2:
        return "asn1: syntax error: sequence truncated"
    tag, length, header = content[0], content[1], 2
    if length & 0x80:
        size = length & 0x7F
        length, header = int.from_bytes(content[2 : 2 + size]), 2 + size
    if tag != 0x30:
        compound = "true" if tag & 0x20 else "false"
        shown = f"{{class:{tag >> 6} tag:{tag & 0x1F} length:{length} isCompound:{compound}}}"
        return f"asn1: structure error: tags don't match (16 vs {shown}) {_FIELD} {name} @{header}"
    if header + length > len(content):
        return "asn1: syntax error: data truncated"
    return "asn1: structure error: tags don't match"
