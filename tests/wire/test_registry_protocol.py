"""References, challenges, manifests: tables."""

import hashlib

import pytest

from wherry.wire.registry import (
    Challenge,
    Descriptor,
    ManifestError,
    ReferenceError,
    chain_ids,
    choose,
    is_index,
    parse_challenge,
    parse_manifest,
    parse_reference,
)

D1, D2 = "sha256:" + "1" * 64, "sha256:" + "2" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("library/busybox", "docker.io/library/busybox:latest"),
        ("user/app", "docker.io/user/app:latest"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("index.docker.io/busybox:x", "docker.io/library/busybox:x"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        ("registry.k8s.io/e2e-test-images/agnhost:2.53", "registry.k8s.io/e2e-test-images/agnhost:2.53"),
        ("a.b/c/d/e__f/g-h.i", "a.b/c/d/e__f/g-h.i:latest"),
        (f"app@{D1}", f"docker.io/library/app@{D1}"),
        (f"app:1@{D1}", f"docker.io/library/app:1@{D1}"),
    ],
)
def test_references(text, expected):
    assert str(parse_reference(text)) == expected
    assert str(parse_reference(expected)) == expected


@pytest.mark.parametrize(
    "text",
    ["", ":tag", "App", "a..b", "-a", "a/", "/a", "a:", "a:-x", "a b", "a@sha256:123", "a@md5:x", "a//b",
     "a:" + "x" * 129, "host:5000:6000/a", "ex ample.com/a", "a" * 256],
)  # fmt: skip
def test_what_is_no_reference(text):
    with pytest.raises(ReferenceError, match="invalid reference format"):
        parse_reference(text)


def test_parts_of_a_reference():
    reference = parse_reference(f"host:5000/a/b:v1@{D1}")
    assert (reference.domain, reference.path, reference.tag, reference.digest) == ("host:5000", "a/b", "v1", D1)
    assert reference.tagged == "host:5000/a/b:v1"
    assert reference.pinned == f"host:5000/a/b@{D1}"
    assert reference.version == D1
    assert parse_reference("a").version == "latest"
    assert parse_reference("a").pinned == ""


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="port"', Challenge("basic", {"realm": "port"})),
        (
            'Bearer realm="https://auth/token",service="reg",scope="repository:a/b:pull,push"',
            Challenge(
                "bearer", {"realm": "https://auth/token", "service": "reg", "scope": "repository:a/b:pull,push"}
            ),
        ),
        (
            'bearer realm = "a \\"quoted\\" one", service=plain',
            Challenge("bearer", {"realm": 'a "quoted" one', "service": "plain"}),
        ),
        ("Negotiate", Challenge("negotiate", {})),
        ("", Challenge("", {})),
    ],
)
def test_challenges(header, expected):
    assert parse_challenge(header) == expected


def entry(digest, **platform):
    return {"digest": digest, "size": 7, "platform": platform} if platform else {"digest": digest, "size": 7}


def test_an_index_offers_the_image_for_the_machine():
    index = {
        "manifests": [
            entry(D2, os="windows", architecture="amd64"),
            entry(D2, os="linux", architecture="arm64", variant="v8"),
            entry(D1, os="linux", architecture="amd64"),
        ]
    }
    assert is_index(index)
    assert choose(index, "amd64") == Descriptor(D1, 7)
    with pytest.raises(ManifestError, match="no matching manifest for linux/s390x"):
        choose(index, "s390x")


def test_variants():
    index = {"manifests": [entry(D1, architecture="arm", variant="v6"), entry(D2, architecture="arm", variant="v7")]}
    assert choose(index, "arm", "v7").digest == D2
    assert choose(index, "arm").digest == D1


def test_an_index_without_platforms():
    assert choose({"manifests": [entry(D1)]}, "amd64").digest == D1
    with pytest.raises(ManifestError):
        choose({"manifests": [entry(D1), entry(D2)]}, "amd64")


def test_manifests():
    manifest = parse_manifest({"config": entry(D1), "layers": [entry(D2), entry(D1)]})
    assert manifest.config.digest == D1
    assert [layer.digest for layer in manifest.layers] == [D2, D1]


@pytest.mark.parametrize(
    "document",
    [{}, {"config": {}, "layers": []}, {"config": entry("md5:x"), "layers": []}, {"schemaVersion": 1, "fsLayers": []},
     {"config": entry(D1), "layers": None}, {"config": entry(D1), "layers": [{"digest": D1, "size": "big"}]}],
)  # fmt: skip
def test_what_is_no_manifest(document):
    with pytest.raises(ManifestError):
        parse_manifest(document)


def test_chain_ids():
    def digest_of(data):
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    second = digest_of(f"{D1} {D2}".encode())
    assert chain_ids([D1, D2, D1], digest_of) == [D1, second, digest_of(f"{second} {D1}".encode())]
    assert chain_ids([], digest_of) == []
