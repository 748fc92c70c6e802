"""Service-account tokens: JSON web tokens that this server signs and trusts (RFC 7519, ES256).

`cryptography` is imported when the first token is signed or checked.
"""

import base64
import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

VERIFIED_KEPT = 4096  # tokens whose signature need not be checked again
COORDINATE = 32  # bytes of a coordinate on P-256

Claims = dict[str, Any]


class Keys(NamedTuple):
    """PEM: the key that signs (PKCS#8) and the one that verifies."""

    private_pem: bytes
    public_pem: bytes


def new_keys() -> Keys:
    """A pair for a server that keeps nothing."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return Keys(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )


def encode(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Signer:
    """Signs claims and checks signatures."""

    def __init__(self, keys: Keys | None = None) -> None:
        self._keys = keys
        self._key: EllipticCurvePrivateKey | None = None
        self._id = ""
        self._verified: OrderedDict[str, Claims] = OrderedDict()

    def _load(self) -> "EllipticCurvePrivateKey":
        if self._key is None:
            from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
            from cryptography.hazmat.primitives.serialization import (
                Encoding,
                PublicFormat,
                load_pem_private_key,
            )

            key = load_pem_private_key((self._keys or new_keys()).private_pem, None)
            assert isinstance(key, EllipticCurvePrivateKey)
            der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            self._id = encode(hashlib.sha256(der).digest())
            self._key = key
        return self._key

    def sign(self, claims: Claims) -> str:
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        key = self._load()
        head = encode(orjson.dumps({"alg": "ES256", "kid": self._id}))
        signed = f"{head}.{encode(orjson.dumps(claims))}"
        r, s = decode_dss_signature(key.sign(signed.encode(), ECDSA(SHA256())))
        return f"{signed}.{encode(r.to_bytes(COORDINATE) + s.to_bytes(COORDINATE))}"

    def verify(self, token: str) -> Claims | None:
        """The claims of a token that this server signed; whether they still hold is another question."""
        known = self._verified.get(token)
        if known is not None:
            self._verified.move_to_end(token)
            return known
        claims = self._check(token)
        if claims is not None:
            self._verified[token] = claims
            if len(self._verified) > VERIFIED_KEPT:
                self._verified.popitem(last=False)
        return claims

    def _check(self, token: str) -> Claims | None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
        from cryptography.hazmat.primitives.hashes import SHA256

        signed, _, signature = token.rpartition(".")
        try:
            head, body = signed.split(".")
            header, claims, raw = orjson.loads(decode(head)), orjson.loads(decode(body)), decode(signature)
            if header.get("alg") != "ES256" or len(raw) != 2 * COORDINATE or not isinstance(claims, dict):
                return None
            der = encode_dss_signature(int.from_bytes(raw[:COORDINATE]), int.from_bytes(raw[COORDINATE:]))
            self._load().public_key().verify(der, signed.encode(), ECDSA(SHA256()))
        except (ValueError, AttributeError, InvalidSignature):
            return None
        return claims

    def jwks(self) -> Claims:
        """The public key, for those who check tokens themselves (RFC 7517)."""
        numbers = self._load().public_key().public_numbers()
        return {
            "keys": [
                {
                    "use": "sig",
                    "kty": "EC",
                    "kid": self._id,
                    "crv": "P-256",
                    "alg": "ES256",
                    "x": encode(numbers.x.to_bytes(COORDINATE)),
                    "y": encode(numbers.y.to_bytes(COORDINATE)),
                }
            ]
        }
