"""Client certificates: the common name is the user, the organizations are the groups."""

from functools import lru_cache

from wherry.aio.http.messages import Request
from wherry.apiserver.authn.user import AUTHENTICATED, User


async def by_certificate(request: Request) -> User | None:
    """The server has verified the certificate already; here it is only read."""
    return _read(request.peer_certificate) if request.peer_certificate else None


@lru_cache(4096)
def _read(der: bytes) -> User | None:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = x509.load_der_x509_certificate(der).subject
    names = [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return User(names[0], (*groups, AUTHENTICATED)) if names else None
