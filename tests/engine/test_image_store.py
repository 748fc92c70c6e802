"""The image store: archives in, names, removal, and crashes."""

import asyncio
import gzip
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from imagemaking import MadeImage, entry, tar

from wherry.engine.images.store import Store
from wherry.engine.interface import EngineError, ImageInvalid
from wherry.linux import mounts

pytestmark = pytest.mark.root  # owners of files, and a store that only root can enter

BASE = tar([entry("etc"), entry("etc/base", b"base")])
TOP = tar([entry("top", b"top")])


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "images", "amd64")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def holdings(store: Store) -> tuple[int, int]:
    """Layers and blobs."""
    root = store.layer_folder.parent
    return len(list((root / "layers").iterdir())), len(list((root / "blobs").iterdir()))


@pytest.mark.parametrize("form", ["docker", "docker gzip", "oci", "oci gzip", "oci index"])
async def test_every_form_of_archive(store, tmp_path, form):
    made = MadeImage(
        BASE,
        TOP,
        Env=["A=1"],
        User="web",
        Entrypoint=["run"],
        StopSignal="SIGINT",
        WorkingDir="/w",
        Labels={"a": "b"},
    )
    path = tmp_path / "archive"
    if form.startswith("docker"):
        made.docker_archive(path, "app:1", "example.org/app:2")
    else:
        made.oci_archive(path, "example.org/app:2", "amd64" if "index" in form else "")
    if "gzip" in form:
        path.write_bytes(gzip.compress(path.read_bytes()))
    (image,) = await store.load(path)
    assert image.id == made.id
    assert "example.org/app:2" in image.tags
    assert (image.entrypoint, image.command, image.env, image.user) == (("run",), ("sh",), ("A=1",), "web")
    assert (image.stop_signal, image.working_dir, image.labels) == ("SIGINT", "/w", {"a": "b"})
    assert image.size == len("base") + len("top")
    top, bottom = store.layers(image.id)
    assert (store.layer_folder / top / "top").read_bytes() == b"top"
    assert (store.layer_folder / bottom / "etc/base").read_bytes() == b"base"
    assert not any((store.layer_folder.parent / "tmp").glob("*[!k]"))  # nothing but locks


@pytest.mark.skipif(not shutil.which("zstd"), reason="there is no zstd here")
async def test_zstd_layers(store, tmp_path):
    made = MadeImage(
        BASE, compress=lambda data: subprocess.run(["zstd", "-c"], input=data, stdout=-1, check=True).stdout
    )
    (image,) = await store.load(made.oci_archive(tmp_path / "a", "app:1"))
    assert (store.layer_folder / store.layers(image.id)[0] / "etc/base").read_bytes() == b"base"


async def test_names_as_users_write_them(store, tmp_path):
    made = MadeImage(BASE)
    await store.load(made.docker_archive(tmp_path / "a", "busybox:1.36", "busybox:latest", "localhost:5000/x/y:z"))
    for name in (
        "busybox", "busybox:1.36", "library/busybox", "docker.io/busybox", "docker.io/library/busybox:latest",
        "index.docker.io/library/busybox", "localhost:5000/x/y:z", made.id, made.id[7:], made.id[7:19],
    ):  # fmt: skip
        found = store.find(name)
        assert found, name
        assert found.id == made.id
    for name in ("busybox:2", "nginx", "localhost:5000/x/y", "sha256:" + "0" * 64, "Not A Name", ""):
        assert store.find(name) is None, name


async def test_layers_are_shared_and_removed_with_their_last_image(store, tmp_path):
    one, two = MadeImage(BASE, TOP), MadeImage(BASE)
    await store.load(one.docker_archive(tmp_path / "a", "one"))
    await store.load(two.docker_archive(tmp_path / "b", "two"))
    assert holdings(store) == (2, 4)
    assert store.remove("one")
    assert [image.id for image in store.all()] == [two.id]
    assert holdings(store) == (1, 2)
    assert not store.remove("one")
    assert store.remove(two.id)
    assert holdings(store) == (0, 0)


async def test_a_tag_moves_and_an_image_stays_until_its_last_name_goes(store, tmp_path):
    old, new = MadeImage(BASE), MadeImage(TOP)
    await store.load(old.docker_archive(tmp_path / "a", "app:1", "app:old"))
    await store.load(new.docker_archive(tmp_path / "b", "app:1"))
    assert store.find("app:1").id == new.id
    assert store.find("app:old").id == old.id
    assert store.remove("app:old")
    assert store.find(old.id) is None


async def test_an_image_in_use_is_kept_until_its_container_is_gone(store, tmp_path):
    made = MadeImage(BASE)
    await store.load(made.docker_archive(tmp_path / "a", "app"))
    container = tmp_path / "containers" / "c1"
    container.mkdir(parents=True)
    store.hold(made.id, container)
    assert store.remove("app")
    assert store.find("app") is None
    assert store.find(made.id) is None
    assert store.all() == []
    assert store.layers(made.id)
    store.collect()
    assert holdings(store) == (1, 2)
    container.rmdir()  # as a crash would: without a word
    store.collect()
    assert holdings(store) == (0, 0)


async def test_another_store_on_the_same_directory_sees_the_same(store, tmp_path):
    other = Store(tmp_path / "images", "amd64")
    made = MadeImage(BASE)
    await store.load(made.docker_archive(tmp_path / "a", "app"))
    assert other.find("app").id == made.id
    other.remove("app")
    assert store.find("app") is None


async def test_the_same_image_loaded_many_times_at_once(tmp_path):
    stores = [Store(tmp_path / "images", "amd64") for _ in range(4)]
    archive = MadeImage(BASE, TOP).docker_archive(tmp_path / "a", "app")
    loaded = await asyncio.gather(*(store.load(archive) for store in stores))
    assert len({image.id for images in loaded for image in images}) == 1
    assert holdings(stores[0]) == (2, 3)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("content", "digest"),
        ("not an archive", "not an image archive|too early|neither"),
        ("missing layer", "no file"),
        ("other tar", "neither"),
        ("no such file", "no such file"),
        ("bad name", "invalid reference"),
    ],
)
async def test_what_cannot_be_loaded_is_named_and_leaves_nothing(store, tmp_path, damage, words):
    path = tmp_path / "archive"
    made = MadeImage(BASE)
    if damage == "content":
        made.docker_archive(path, "app", damage=b"\0" * 512)
    elif damage == "not an archive":
        path.write_bytes(b"hello" * 1000)
    elif damage == "missing layer":
        path.write_bytes(tar([entry("manifest.json", b'[{"Config":"c","Layers":["l"]}]'), entry("c", made.config)]))
    elif damage == "other tar":
        path.write_bytes(BASE)
    elif damage == "bad name":
        made.docker_archive(path, "UPPER:case")
    with pytest.raises(ImageInvalid, match=words):
        await store.load(path)
    assert store.all() == []
    store.collect()
    assert holdings(store) == (0, 0)


async def test_kill_in_the_middle_of_loading_leaves_only_what_is_reclaimed(store, tmp_path):
    layer = tar([entry("d"), *(entry(f"d/{n}", os.urandom(20_000)) for n in range(1500))])
    archive = MadeImage(BASE, layer).docker_archive(tmp_path / "archive", "app")
    script = (
        "import asyncio, sys; from pathlib import Path; from wherry.engine.images.store import Store;"
        "store = Store(Path(sys.argv[1]), 'amd64'); print('ready', flush=True);"
        "asyncio.run(store.load(Path(sys.argv[2])))"
    )
    for delay in (0.02, 0.08, 0.15):
        process = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", script, str(tmp_path / "images"), str(archive)], stdout=subprocess.PIPE
        )
        process.stdout.readline()
        await asyncio.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        again = Store(tmp_path / "images", "amd64")
        again.collect()
        if again.find("app") is None:
            assert holdings(again) == (0, 0)
        assert [path for path in (tmp_path / "images/tmp").iterdir() if path.name != "partial"] == []
    (image,) = await store.load(archive)
    top = store.layer_folder / store.layers(image.id)[0]
    assert len(list((top / "d").iterdir())) == 1500


async def test_an_image_without_layers(store, tmp_path):
    (image,) = await store.load(MadeImage().docker_archive(tmp_path / "a", "empty"))
    (only,) = store.layers(image.id)
    store.collect()
    assert list((store.layer_folder / only).iterdir()) == []


def test_only_root_may_enter(store):
    assert oct(store.layer_folder.parent.stat().st_mode)[-3:] == "700"


async def test_a_full_disk_is_named_and_nothing_is_left(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounts.mount("tmpfs", small, "tmpfs", 0, "size=300k")
    try:
        store = Store(small / "images", "amd64")
        await store.load(MadeImage(BASE).docker_archive(tmp_path / "a", "small"))
        archive = MadeImage(tar([entry("big", os.urandom(400_000))])).docker_archive(tmp_path / "b", "big")
        with pytest.raises(EngineError, match="No space left"):
            await store.load(archive)
        assert [image.tags for image in store.all()] == [("docker.io/library/small:latest",)]
        store.collect()
        assert holdings(store) == (1, 2)
    finally:
        mounts.unmount(small)
