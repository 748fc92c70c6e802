"""Pull secrets, and which of them fit an image."""

import base64
import json

import pytest

from wherry.engine.interface import Credentials
from wherry.node import pulling


def secret(auths, key=".dockerconfigjson"):
    body = {"auths": auths} if key == ".dockerconfigjson" else auths
    return {"data": {key: base64.b64encode(json.dumps(body).encode()).decode()}}


AUTH = {"username": "u", "password": "p"}


@pytest.mark.parametrize(
    ("address", "reference", "fits"),
    [
        ("registry.example", "registry.example/a/b:1", True),
        ("https://registry.example/v2/", "registry.example/a", True),
        ("registry.example:5000", "registry.example/a", False),
        ("registry.example/team", "registry.example/team/a", True),
        ("registry.example/team", "registry.example/other/a", False),
        ("https://index.docker.io/v1/", "busybox", True),
        ("docker.io", "library/busybox:1", True),
        ("registry.example", "busybox", False),
    ],
)
def test_credentials_are_for_their_registry(address, reference, fits):
    assert bool(pulling.credentials(reference, [secret({address: AUTH})])) is fits


def test_forms_of_secrets():
    packed = {"auth": base64.b64encode(b"u:p:q").decode()}
    assert pulling.credentials("r.io/a", [secret({"r.io": packed}, ".dockercfg")]) == [Credentials("u", "p:q")]
    broken = {"data": {".dockerconfigjson": base64.b64encode(b"{").decode()}}
    assert pulling.credentials("r.io/a", [broken]) == []


def test_the_most_specific_entry_goes_first():
    found = pulling.credentials("r.io/team/a", [secret({"r.io": AUTH, "r.io/team": {"username": "t"}})])
    assert [each.username for each in found] == ["t", "u"]
