"""Volumes: what is written where, and who owns it."""

import base64
import os
import socket
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest
from nodetest import container, pod

from wherry.api.kinds import CONFIG_MAP, SECRET
from wherry.engine.interface import ImageNotFound
from wherry.node.config import NodeConfig
from wherry.node.volumes import Context, Mounted, VolumeFailed, atomic, binding, files, hostpath, manager
from wherry.node.volumes.files import File


class World:
    """The objects of a namespace, and a pod's view of them."""

    def __init__(self, root: Path) -> None:
        self.config = NodeConfig("node-1", "192.0.2.1", root, capacity={"cpu": "2", "memory": "4Gi"})
        self.objects = {}

    def put(self, kind, name, **data):
        self.objects[kind.plural, name] = {"kind": kind.kind, "metadata": {"name": name}, "data": data}

    def context(self, of):
        async def get(kind, name):
            return self.objects.get((kind.plural, name))

        async def token(audience, seconds):
            return f"token for {audience or 'the API'}, {seconds} s"

        async def image(reference, policy):
            raise ImageNotFound(f"no image {reference}")

        return Context(of, self.config, get, token, image, None, ("10.244.0.5",))


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.put(CONFIG_MAP, "page", **{"index.html": "hello", "other": "x"})
    world.put(SECRET, "keys", token=base64.b64encode(b"s3cret").decode())
    return world


async def mount(world, volume, **spec):
    of = pod(volumes=[{"name": "v"} | volume], **spec)
    return (await manager.mount_all(world.context(of)))["v"]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_config_map_is_a_file_for_each_key(world):
    made = await mount(world, {"configMap": {"name": "page"}})
    assert sorted(each.name for each in made.path.iterdir() if not each.name.startswith("..")) == [
        "index.html",
        "other",
    ]
    assert (made.path / "index.html").read_text() == "hello"
    assert made.read_only
    assert mode(made.path / "index.html") == 0o644


async def test_items_choose_keys_paths_and_modes(world):
    source = {
        "name": "page",
        "items": [{"key": "index.html", "path": "a/b.html", "mode": 0o400}],
        "defaultMode": 0o600,
    }
    made = await mount(world, {"configMap": source})
    assert (made.path / "a" / "b.html").read_text() == "hello"
    assert mode(made.path / "a" / "b.html") == 0o400


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "gone"}}, 'configmap "gone" not found'),
        ({"secret": {"secretName": "gone"}}, 'secret "gone" not found'),
        (
            {"configMap": {"name": "page", "items": [{"key": "k", "path": "p"}]}},
            "references non-existent config key: k",
        ),
        ({"image": {"reference": "a"}}, "image a: no image a"),
        ({"flocker": {}}, "volume type flocker is not supported"),
    ],
)
async def test_what_cannot_be_mounted(world, volume, message):
    with pytest.raises(VolumeFailed) as failed:
        await mount(world, volume)
    assert str(failed.value) == f'MountVolume.SetUp failed for volume "v" : {message}'


async def test_optional_sources_may_be_missing(world):
    made = await mount(world, {"secret": {"secretName": "gone", "optional": True}})
    assert [each for each in made.path.iterdir() if not each.name.startswith("..")] == []


async def test_projected_volumes_join_their_sources(world):
    sources = [
        {"configMap": {"name": "page", "items": [{"key": "other", "path": "page/other"}]}},
        {"secret": {"name": "keys"}},
        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"serviceAccountToken": {"path": "api-token", "expirationSeconds": 600, "audience": "vault"}},
    ]
    made = await mount(world, {"projected": {"sources": sources, "defaultMode": 0o440}})
    names = ["page/other", "token", "name", "api-token"]
    assert [(made.path / name).read_text() for name in names] == ["x", "s3cret", "web", "token for vault, 600 s"]
    assert mode(made.path / "name") == 0o440


async def test_refresh_replaces_all_files_at_once(world):
    of = pod(volumes=[{"name": "v", "configMap": {"name": "page"}}])
    made = (await manager.mount_all(world.context(of)))["v"]
    before = os.readlink(made.path / "..data")
    await manager.refresh(world.context(of))
    assert os.readlink(made.path / "..data") == before
    world.put(CONFIG_MAP, "page", new="1")
    await manager.refresh(world.context(of))
    assert os.readlink(made.path / "..data") != before
    assert [each.name for each in made.path.iterdir() if not each.name.startswith("..")] == ["new"]
    assert len([each for each in made.path.iterdir() if each.name.startswith("..2")]) == 1


def test_a_half_written_set_is_never_seen_and_is_cleaned_up(tmp_path):
    atomic.write(tmp_path, {"a": File(b"1", 0o644)})
    (tmp_path / "..2020_01_01_00_00_00.000000001").mkdir()
    atomic.write(tmp_path, {"a": File(b"2", 0o644)})
    assert (tmp_path / "a").read_bytes() == b"2"
    assert len([each for each in tmp_path.iterdir() if each.name.startswith("..2")]) == 1


def test_a_file_may_not_leave_its_volume(tmp_path):
    with pytest.raises(ValueError, match="outside"):
        atomic.write(tmp_path / "v", {"../x": File(b"1", 0o644)})


@pytest.mark.root
async def test_fs_group_owns_the_files(world):
    made = await mount(world, {"emptyDir": {}}, securityContext={"fsGroup": 4242})
    assert made.path.stat().st_gid == 4242
    assert mode(made.path) == 0o2777
    assert not made.read_only
    secret = await mount(
        world, {"secret": {"secretName": "keys", "defaultMode": 0o400}}, securityContext={"fsGroup": 4242}
    )
    assert mode(secret.path / "token") == 0o440
    assert (secret.path / "token").stat().st_gid == 4242


@pytest.mark.root
async def test_a_token_is_for_the_user_that_all_containers_run_as(world):
    sources = [{"serviceAccountToken": {"path": "token"}}]
    made = await mount(world, {"projected": {"sources": sources}}, securityContext={"runAsUser": 77})
    found = (made.path / "token").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (77, 0o600)


@pytest.mark.root
async def test_memory_volumes_are_bounded_and_go_away(world):
    made = await mount(world, {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})
    assert os.path.ismount(made.path)
    facts = os.statvfs(made.path)
    assert facts.f_blocks * facts.f_frsize == 2**20
    again = await mount(world, {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})
    assert again == made
    await manager.unmount_all(world.config, "u-1")
    assert not made.path.exists()
    assert str(made.path) not in Path("/proc/self/mountinfo").read_text()


def test_host_path_types(tmp_path):
    (tmp_path / "file").write_text("")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "sock"))
    listener.close()
    good = [
        ("", "new"),
        ("DirectoryOrCreate", "made"),
        ("FileOrCreate", "f"),
        ("Directory", "made"),
        ("File", "file"),
    ]
    for type, name in [*good, ("Socket", "sock")]:
        assert hostpath.check(tmp_path / name, type) == tmp_path / name
    assert (tmp_path / "new").is_dir()
    assert (tmp_path / "made").is_dir()
    assert hostpath.check(Path("/dev/null"), "CharDevice") == Path("/dev/null")
    for type, name in [("Directory", "file"), ("File", "made"), ("File", "absent"), ("BlockDevice", "file")]:
        with pytest.raises(VolumeFailed, match="hostPath type check failed"):
            hostpath.check(tmp_path / name, type)


def bound(tmp_path, **mount):
    """The mount, and where its source really is."""
    spec = container(volumeMounts=[{"name": "v", "mountPath": "/data"} | mount])
    with ExitStack() as descriptors:
        made = binding.bind(spec, {"v": Mounted(tmp_path)}, {"NAME": "web"}, descriptors)[0]
        return made, os.path.realpath(made.source)


def test_mounts_of_a_container(tmp_path):
    assert bound(tmp_path)[0].source == str(tmp_path)
    assert bound(tmp_path, readOnly=True)[0].read_only
    assert bound(tmp_path, mountPropagation="HostToContainer")[0].propagation == "rslave"
    assert bound(tmp_path, subPath="a/b")[1] == str(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert bound(tmp_path, subPathExpr="$(NAME)/x")[1] == str(tmp_path / "web" / "x")


@pytest.mark.parametrize(
    "mount", [{"subPath": "/etc"}, {"subPath": "a/../../b"}, {"subPathExpr": "$(NOTHING)"}, {"name": "other"}]
)
def test_mounts_that_are_refused(tmp_path, mount):
    with pytest.raises(VolumeFailed):
        bound(tmp_path, **mount)


def test_a_symlink_in_a_volume_does_not_lead_out_of_it(tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "v" / "escape").symlink_to(tmp_path / "outside")
    (tmp_path / "v" / "up").symlink_to("../outside")
    for name in ("escape", "up"):
        try:
            source = bound(tmp_path / "v", subPath=f"{name}/x")[1]
        except VolumeFailed:
            continue
        assert source.startswith(str(tmp_path / "v"))
    assert list((tmp_path / "outside").iterdir()) == []


class Storage:
    """A claim and a volume that are bound to each other."""

    def __init__(self, world, **source):
        spec, status = {"volumeName": "pv"}, {"phase": "Bound"}
        self.claim = {"metadata": {"name": "data", "uid": "c1"}, "spec": spec, "status": status}
        self.volume = {"metadata": {"name": "pv"}, "spec": {"claimRef": {"uid": "c1"}} | source}
        world.objects["persistentvolumeclaims", "data"] = self.claim
        world.objects["persistentvolumes", "pv"] = self.volume


async def test_a_claim_is_the_path_of_its_volume(world, tmp_path):
    (tmp_path / "disk").mkdir()
    Storage(world, local={"path": str(tmp_path / "disk")})
    made = await mount(world, {"persistentVolumeClaim": {"claimName": "data", "readOnly": True}})
    assert made == Mounted(tmp_path / "disk", read_only=True)
    Storage(world, hostPath={"path": str(tmp_path / "new")})
    assert (await mount(world, {"persistentVolumeClaim": {"claimName": "data"}})).path == tmp_path / "new"


async def test_claims_that_cannot_be_mounted(world, tmp_path):
    volume = {"persistentVolumeClaim": {"claimName": "data"}}
    with pytest.raises(VolumeFailed, match='"data" not found'):
        await mount(world, volume)
    storage = Storage(world, hostPath={"path": str(tmp_path)})
    storage.claim["status"] = {"phase": "Pending"}
    with pytest.raises(VolumeFailed, match="is not bound"):
        await mount(world, volume)
    storage = Storage(world, hostPath={"path": str(tmp_path)})
    storage.volume["spec"]["claimRef"] = {"uid": "another"}
    with pytest.raises(VolumeFailed, match="not bound to claim"):
        await mount(world, volume)
    Storage(world, csi={})
    with pytest.raises(VolumeFailed, match="not supported"):
        await mount(world, volume)


async def test_an_ephemeral_claim_is_the_pods_own(world, tmp_path):
    storage = Storage(world, hostPath={"path": str(tmp_path)})
    world.objects["persistentvolumeclaims", "web-v"] = storage.claim
    with pytest.raises(VolumeFailed, match="not made for this pod"):
        await mount(world, {"ephemeral": {}})
    storage.claim["metadata"]["ownerReferences"] = [{"uid": "u-1"}]
    assert (await mount(world, {"ephemeral": {}})).path == tmp_path


def test_binary_data_of_a_config_map():
    holder = {"data": {"a": "é"}, "binaryData": {"b": base64.b64encode(b"\x00").decode()}}
    assert files.data_of(holder) == {"a": "é".encode(), "b": b"\x00"}
