"""What the files of an image archive mean: tables."""

import pytest

from wherry.wire import dockertar
from wherry.wire.registry import Descriptor, ManifestError

D1, D2 = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def test_docker_archives():
    images = dockertar.docker_images(
        [
            {"Config": "c.json", "RepoTags": ["a:1", "b:2"], "Layers": ["x/layer.tar"]},
            {"Config": "d.json", "Layers": None},
        ]
    )
    assert images[0] == dockertar.ArchivedImage("c.json", ("x/layer.tar",), ("a:1", "b:2"))
    assert images[1] == dockertar.ArchivedImage("d.json", ())


@pytest.mark.parametrize("document", [{}, {"a": 1}, [1], [{"Layers": []}], None])
def test_what_is_no_docker_archive(document):
    if document == {}:
        assert dockertar.docker_images(document) == []
        return
    with pytest.raises(ManifestError):
        dockertar.docker_images(document)


@pytest.mark.parametrize(
    ("annotations", "names"),
    [
        ({"org.opencontainers.image.ref.name": "example.org/app:1"}, ("example.org/app:1",)),
        ({"org.opencontainers.image.ref.name": "1.36"}, ()),
        (
            {"io.containerd.image.name": "docker.io/library/app:1", "org.opencontainers.image.ref.name": "1"},
            ("docker.io/library/app:1",),
        ),
        ({}, ()),
        (None, ()),
    ],
)
def test_names_in_an_oci_layout(annotations, names):
    ((entry, found),) = dockertar.oci_entries({"manifests": [{"digest": D1, "annotations": annotations}]})
    assert entry["digest"] == D1
    assert found == names


@pytest.mark.parametrize("document", [{}, [], {"manifests": None}, None])
def test_what_is_no_oci_layout(document):
    with pytest.raises(ManifestError):
        dockertar.oci_entries(document)


def test_an_image_of_an_oci_layout():
    manifest = {"config": {"digest": D1, "size": 1}, "layers": [{"digest": D2, "size": 2}]}
    image = dockertar.oci_image(manifest, D2, ("app:1",))
    assert image.config == "blobs/sha256/" + "1" * 64
    assert image.layers == ("blobs/sha256/" + "2" * 64,)
    assert image.manifest == "blobs/sha256/" + "2" * 64
    assert image.tags == ("app:1",)


def test_an_index_inside_an_index():
    index = {"manifests": [{"digest": D2, "size": 3, "platform": {"os": "linux", "architecture": "amd64"}}]}
    assert dockertar.nested(index, "amd64") == Descriptor(D2, 3)
    assert dockertar.nested({"config": {}, "layers": []}, "amd64") is None


def test_configs():
    config = dockertar.parse_config(
        {
            "architecture": "amd64",
            "config": {
                "Entrypoint": ["e"], "Cmd": None, "Env": ["A=1"], "User": "u", "WorkingDir": "/w",
                "StopSignal": "SIGQUIT", "Labels": {"l": "v"},
            },
            "rootfs": {"type": "layers", "diff_ids": [D1]},
        }
    )  # fmt: skip
    assert config.diff_ids == (D1,)
    assert (config.entrypoint, config.command, config.env) == (("e",), (), ("A=1",))
    assert (config.user, config.working_dir, config.stop_signal, config.labels) == ("u", "/w", "SIGQUIT", {"l": "v"})
    bare = dockertar.parse_config({"rootfs": {}})
    assert (bare.diff_ids, bare.command, bare.user) == ((), (), "")


@pytest.mark.parametrize("document", [{}, [], None, {"rootfs": None}, {"rootfs": {}, "config": [1]}])
def test_what_is_no_config(document):
    with pytest.raises(ManifestError):
        dockertar.parse_config(document)
