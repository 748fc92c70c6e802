"""Certificates are judged by who must accept them: a TLS handshake of the standard library."""

import multiprocessing
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.oid import NameOID

from wherry.pki import identities
from wherry.pki.authority import Authority, Issued, PkiError, service_account_keys


def _context(purpose: ssl.Purpose, authority: Authority, issued: Issued, directory: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(purpose, cadata=authority.certificate_pem.decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.verify_mode = ssl.CERT_REQUIRED
    issued.write(directory / "tls.crt", directory / "tls.key")
    context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    return context


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> dict[str, object]:
    """Shake hands in memory; the subject that the server sees. Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(8):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    certificate = sides[1].getpeercert()
    assert certificate is not None
    return {key: value for ((key, value),) in certificate["subject"]}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.load_or_create(tmp_path / "pki", "wherry-ca")


@pytest.mark.parametrize("host", ["kubernetes.default.svc", "10.96.0.1", "fd00::1"])
def test_server_and_client_accept_each_other_by_any_of_the_hosts(authority, tmp_path, host):
    server = authority.issue("kube-apiserver", hosts=["kubernetes.default.svc", "10.96.0.1", "fd00::1"])
    client = authority.issue_client(identities.node("m02"))
    subject = _handshake(
        _context(ssl.Purpose.CLIENT_AUTH, authority, server, tmp_path),
        _context(ssl.Purpose.SERVER_AUTH, authority, client, tmp_path),
        host,
    )
    assert subject == {"commonName": "system:node:m02", "organizationName": "system:nodes"}


def test_a_host_that_is_not_named_is_refused(authority, tmp_path):
    server = authority.issue("kube-apiserver", hosts=["10.96.0.1"])
    client = authority.issue_client(identities.ADMIN)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"10\.96\.0\.2"):
        _handshake(
            _context(ssl.Purpose.CLIENT_AUTH, authority, server, tmp_path),
            _context(ssl.Purpose.SERVER_AUTH, authority, client, tmp_path),
            "10.96.0.2",
        )


def test_a_client_certificate_is_no_server_certificate(authority, tmp_path):
    client = authority.issue("impostor", hosts=["10.96.0.1"], usages=("client",))
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        _handshake(
            _context(ssl.Purpose.CLIENT_AUTH, authority, client, tmp_path),
            _context(ssl.Purpose.SERVER_AUTH, authority, client, tmp_path),
            "10.96.0.1",
        )


def test_another_authority_of_the_same_name_is_refused(authority, tmp_path):
    other = Authority.load_or_create(tmp_path / "other", "wherry-ca")
    server = other.issue("kube-apiserver", hosts=["10.96.0.1"])
    client = authority.issue_client(identities.ADMIN)
    with pytest.raises(ssl.SSLError):
        _handshake(
            _context(ssl.Purpose.CLIENT_AUTH, authority, server, tmp_path),
            _context(ssl.Purpose.SERVER_AUTH, authority, client, tmp_path),
            "10.96.0.1",
        )


def test_several_organizations_are_several_groups(authority):
    issued = authority.issue("jane", ["developers", "testers"])
    subject = x509.load_pem_x509_certificate(issued.cert_pem).subject
    assert [o.value for o in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["developers", "testers"]


def test_an_authority_is_made_once(tmp_path):
    first = Authority.load_or_create(tmp_path, "wherry-ca")
    assert Authority.load_or_create(tmp_path, "another-name").certificate_pem == first.certificate_pem


def test_private_keys_are_for_their_owner_only(tmp_path):
    authority = Authority.load_or_create(tmp_path, "wherry-ca")
    service_account_keys(tmp_path)
    authority.issue("x").write(tmp_path / "x.crt", tmp_path / "x.key")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.key")}
    assert modes == {"ca.key": 0o600, "sa.key": 0o600, "x.key": 0o600}


def _certificate_of(directory: Path) -> bytes:
    return Authority.load_or_create(directory, "wherry-ca").certificate_pem


def test_processes_that_start_together_agree_on_one_authority(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        seen = pool.map(_certificate_of, [tmp_path / "pki"] * 4, chunksize=1)
    assert set(seen) == {(tmp_path / "pki" / "ca.crt").read_bytes()}


@pytest.mark.parametrize("damaged", ["ca.crt", "ca.key"])
def test_a_damaged_authority_is_named_and_never_replaced(tmp_path, damaged):
    Authority.load_or_create(tmp_path, "wherry-ca")
    (tmp_path / damaged).write_bytes(b"")
    with pytest.raises(PkiError, match=str(tmp_path)):
        Authority.load_or_create(tmp_path, "wherry-ca")
    assert (tmp_path / damaged).read_bytes() == b""


def test_a_key_of_another_authority_is_noticed(tmp_path):
    Authority.load_or_create(tmp_path / "a", "a")
    Authority.load_or_create(tmp_path / "b", "b")
    (tmp_path / "a" / "ca.key").write_bytes((tmp_path / "b" / "ca.key").read_bytes())
    with pytest.raises(PkiError, match="not the key of"):
        Authority.load_or_create(tmp_path / "a", "a")


def test_service_account_keys_stay_and_fit_each_other(tmp_path):
    pair = service_account_keys(tmp_path)
    assert service_account_keys(tmp_path) == pair
    assert (tmp_path / "sa.pub").read_bytes() == pair.public_pem
    private, public = load_pem_private_key(pair.private_pem, None), load_pem_public_key(pair.public_pem)
    assert isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(private.sign(b"token", ec.ECDSA(hashes.SHA256())), b"token", ec.ECDSA(hashes.SHA256()))
