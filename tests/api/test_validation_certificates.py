"""What is wrong with CertificateSigningRequests, in upstream's words."""

import base64

import pytest
from apitools import LABEL, alone, change_problems, kinds, problems
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

SUBJECT = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")])
SIGNED = x509.CertificateSigningRequestBuilder().subject_name(SUBJECT).sign(Ed25519PrivateKey.generate(), None)
PEM = SIGNED.public_bytes(Encoding.PEM).decode()


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def request(text=PEM, **spec):
    return alone(spec={"request": encoded(text), "signerName": "e.x/s", "usages": ["client auth"], **spec})


def approved(*types, **status):
    conditions = [{"type": kind, "status": "True"} for kind in types]
    return request() | {"status": {"conditions": conditions, **status}}


NEW = [
    (kinds.CERTIFICATE_SIGNING_REQUEST, request(),
     []),
    (kinds.CERTIFICATE_SIGNING_REQUEST, request("x"),
     ['spec.request: Invalid value: "eA==": PEM block type must be CERTIFICATE REQUEST']),
    (kinds.CERTIFICATE_SIGNING_REQUEST, request("-----BEGIN X-----\nAAAA\n-----END X-----\n"),
     ['spec.request: Invalid value: "LS0tLS1CRUdJTiBYLS0tLS0KQUFBQQotLS0tLUVORCBYLS0tLS0K": PEM block '
      "type must be CERTIFICATE REQUEST"]),
    (kinds.CERTIFICATE_SIGNING_REQUEST,
     request("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
     ["spec.request: Invalid value: "
      '"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KQUFBQQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0'
      "tLS0K\": asn1: structure error: tags don't match (16 vs {class:0 tag:0 length:0 "
      "isCompound:false}) {optional:false explicit:false application:false private:false "
      "defaultValue:<nil> tag:<nil> stringType:0 timeType:0 set:false omitEmpty:false} "
      "certificateRequest @2"]),
    (kinds.CERTIFICATE_SIGNING_REQUEST, request(usages=["client auth", "tea", "client auth"], signerName=""),
     ['spec.usages[1]: Unsupported value: "tea": supported values: "any", "cert sign", "client auth", '
      '"code signing", "content commitment", "crl sign", "data encipherment", "decipher only", '
      '"digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", '
      '"ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp '
      'signing", "s/mime", "server auth", "signing", "timestamping"',
      'spec.usages[2]: Duplicate value: "client auth"',
      "spec.signerName: Required value"]),
    (kinds.CERTIFICATE_SIGNING_REQUEST, request(signerName="kubernetes.io/legacy-unknown", expirationSeconds=1),
     ['spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not '
      "allowed via this API version",
      "spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 600 seconds (10 "
      "minutes)"]),
    (kinds.CERTIFICATE_SIGNING_REQUEST, request(signerName="no-slash"),
     ['spec.signerName: Invalid value: "no-slash": must be a fully qualified domain and path of the '
      "form 'example.com/signer-name'"]),
    (kinds.CERTIFICATE_SIGNING_REQUEST, request(signerName="A.x/s"),
     ['spec.signerName: Invalid value: "A.x": validating label "A": ' + LABEL]),
]  # fmt: skip

CHANGED = [
    (kinds.CERTIFICATE_SIGNING_REQUEST, approved("Approved", "Denied"), approved(), "approval",
     ['status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually '
      "exclusive"]),
    (kinds.CERTIFICATE_SIGNING_REQUEST, approved(), approved("Approved"), "approval",
     ['status.conditions: Forbidden: updates may not remove a condition of type "Approved"']),
    (kinds.CERTIFICATE_SIGNING_REQUEST,
     approved("Approved", "Failed", certificate=encoded("x")), approved("Approved"), "status",
     ['status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE '
      "PEM block"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected


@pytest.mark.parametrize(("kind", "new", "old", "subresource", "expected"), CHANGED)
def test_what_is_wrong_with_changes(kind, new, old, subresource, expected):
    assert change_problems(kind, new, old, subresource) == expected
