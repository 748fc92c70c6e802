"""A certificate authority that lives in a directory, and the key pair that signs service-account tokens.

    ca.crt  ca.key    the authority, made once and kept for ten years
    sa.key  sa.pub    the service-account key pair

Keys are ECDSA P-256: they are made in 0.1 ms where RSA takes 100. Times are the system clock's; certificates start
an hour early so that machines with slightly different clocks agree that they are valid.
"""

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from wherry.pki.files import locked, write_atomically, write_private
from wherry.pki.identities import Identity

if TYPE_CHECKING:  # cryptography takes 75 ms to import
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

Usage = Literal["client", "server"]
BOTH: frozenset[Usage] = frozenset({"client", "server"})
AUTHORITY_DAYS = 3650
EARLY = timedelta(hours=1)


class PkiError(Exception):
    """A key or certificate on disk cannot be used; the message names the file."""


class Issued(NamedTuple):
    """A certificate and its private key, both PEM."""

    cert_pem: bytes
    key_pem: bytes

    def write(self, certificate: Path, key: Path) -> None:
        """Put both on disk, the key first, so that a certificate that is there always has its key."""
        write_private(key, self.key_pem)
        write_atomically(certificate, self.cert_pem)


class KeyPair(NamedTuple):
    """PEM: PKCS#8 and SubjectPublicKeyInfo."""

    private_pem: bytes
    public_pem: bytes


class Authority:
    """Issues certificates. `certificate_pem` is what everyone else must trust."""

    def __init__(
        self, certificate_pem: bytes, certificate: "x509.Certificate", key: "EllipticCurvePrivateKey"
    ) -> None:
        self.certificate_pem = certificate_pem
        self._certificate, self._key = certificate, key

    @classmethod
    def load_or_create(cls, directory: Path, common_name: str) -> "Authority":
        """The authority in `directory`, made if there is none yet. Safe among processes. Raises PkiError."""
        certificate_path, key_path = directory / "ca.crt", directory / "ca.key"
        with locked(directory / ".lock"):
            if not certificate_path.exists():
                _self_signed(common_name).write(certificate_path, key_path)
        return cls._load(certificate_path, key_path)

    @classmethod
    def _load(cls, certificate_path: Path, key_path: Path) -> "Authority":
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            pem = certificate_path.read_bytes()
            certificate = x509.load_pem_x509_certificate(pem)
            key = load_pem_private_key(key_path.read_bytes(), None)
        except (OSError, ValueError) as error:
            raise PkiError(
                f"the certificate authority in {certificate_path.parent} cannot be read: {error}"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise PkiError(f"{key_path} is not the key of {certificate_path}")
        return cls(pem, certificate, key)

    def issue(
        self,
        common_name: str,
        organizations: Iterable[str] = (),
        hosts: Iterable[str] = (),
        usages: Iterable[Usage] = BOTH,
        days: int = 365,
    ) -> Issued:
        """A new key and a certificate for it. `hosts` are DNS names and IP addresses, mixed."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID

        oids = {"client": ExtendedKeyUsageOID.CLIENT_AUTH, "server": ExtendedKeyUsageOID.SERVER_AUTH}
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_name(common_name, organizations), self._certificate.subject, key, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([oids[usage] for usage in sorted(usages)]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        names = [_general_name(host) for host in dict.fromkeys(hosts)]
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return _signed(builder, self._key, key)

    def issue_client(self, identity: Identity, days: int = 365) -> Issued:
        """A client certificate for one of `identities`."""
        return self.issue(identity.common_name, identity.organizations, usages=("client",), days=days)


def service_account_keys(directory: Path) -> KeyPair:
    """The pair that signs (ES256) and verifies service-account tokens, made if there is none yet. Raises PkiError."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    private_path, public_path = directory / "sa.key", directory / "sa.pub"
    with locked(directory / ".lock"):
        if not private_path.exists():
            write_private(private_path, _private_pem(ec.generate_private_key(ec.SECP256R1())))
        try:
            private_pem = private_path.read_bytes()
            public = load_pem_private_key(private_pem, None).public_key()
        except (OSError, ValueError) as error:
            raise PkiError(f"the service-account key {private_path} cannot be read: {error}") from error
        public_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        if not public_path.exists():
            write_atomically(public_path, public_pem)
    return KeyPair(private_pem, public_pem)


def _self_signed(common_name: str) -> Issued:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name, ())
    builder = (
        _builder(name, name, key, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
    )
    return _signed(builder, key, key)


def _builder(
    subject: "x509.Name", issuer: "x509.Name", key: "EllipticCurvePrivateKey", days: int
) -> "x509.CertificateBuilder":
    from cryptography import x509

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _signed(
    builder: "x509.CertificateBuilder", signer: "EllipticCurvePrivateKey", key: "EllipticCurvePrivateKey"
) -> Issued:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    return Issued(builder.sign(signer, SHA256()).public_bytes(Encoding.PEM), _private_pem(key))


def _private_pem(key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(common_name: str, organizations: Iterable[str]) -> "x509.Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, value) for value in organizations]
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, authority: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
