"""Pulls from a registry."""

import asyncio
import json
import os

import pytest
from imagemaking import MadeImage, digest, entry, tar
from registrylab import Registry

from wherry.aio.http import Response
from wherry.engine.images.store import Store
from wherry.engine.interface import Credentials, ImageInvalid, ImageNotFound, ImagePullFailed

pytestmark = pytest.mark.root

BASE = tar([entry("etc"), entry("etc/base", b"base")])
BIG = tar([entry("big", os.urandom(400_000))])
SAILOR = Credentials("sailor", "rope")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "images", "amd64")


@pytest.mark.parametrize("index", [False, True])
async def test_by_tag_and_by_digest(store, index):
    made = MadeImage(BASE, BIG)
    async with Registry() as registry:
        registry.publish(made, "v1", index)
        image = await store.pull(f"{registry.host}/fleet/app:v1")
        assert image.id == made.id
        assert image.tags == (f"{registry.host}/fleet/app:v1",)
        top = digest(made.index() if index else made.manifest)
        assert image.digests == (f"{registry.host}/fleet/app@{top}",)
        assert (store.layer_folder / store.layers(image.id)[0] / "big").stat().st_size == 400_000
        pinned = await store.pull(f"{registry.host}/fleet/app@{top}")
        assert pinned.id == made.id
        assert store.find(f"{registry.host}/fleet/app@{top}").id == made.id


async def test_what_is_there_is_not_fetched_again(store):
    async with Registry() as registry:
        registry.publish(MadeImage(BASE), "one")
        registry.publish(MadeImage(BASE, BIG), "two")
        await store.pull(f"{registry.host}/fleet/app:one")
        before = registry.asked("/blobs/")
        await store.pull(f"{registry.host}/fleet/app:two")
        assert registry.asked("/blobs/") == before + 2  # the config and the other layer
        await store.pull(f"{registry.host}/fleet/app:two")
        assert registry.asked("/blobs/") == before + 2


@pytest.mark.parametrize("auth", ["basic", "bearer"])
async def test_credentials(store, auth):
    async with Registry(auth) as registry:
        registry.publish(MadeImage(BASE), "v1")
        name = f"{registry.host}/fleet/app:v1"
        assert (await store.pull(name, SAILOR)).tags == (name,)
        for wrong in (None, Credentials("sailor", "knot")):
            with pytest.raises(ImagePullFailed, match="pull access denied"):
                await store.pull(name, wrong)


async def test_a_ready_token_is_used_as_it_is(store):
    async with Registry("bearer") as registry:
        registry.publish(MadeImage(BASE), "v1")
        await store.pull(f"{registry.host}/fleet/app:v1", Credentials(token="ticket"))
        assert registry.asked("/token") == 0


async def test_redirected_blobs_and_no_credentials_for_the_other_host(store):
    async with Registry("basic", redirect=True) as registry:
        registry.publish(MadeImage(BASE), "v1")
        await store.pull(f"{registry.host}/fleet/app:v1", SAILOR)
        elsewhere = [headers for _, path, headers in registry.requests if path.startswith("elsewhere")]
        assert len(elsewhere) == 2
        assert all("authorization" not in headers for headers in elsewhere)


async def test_a_broken_off_download_goes_on(store):
    made = MadeImage(BIG)
    async with Registry(cuts=3) as registry:
        registry.publish(made, "v1")
        image = await store.pull(f"{registry.host}/fleet/app:v1")
        assert image.id == made.id
        ranges = [headers["range"] for _, _, headers in registry.requests if "range" in headers]
        assert ranges


async def test_a_download_goes_on_in_the_next_attempt_of_another_process(store, tmp_path):
    made = MadeImage(BIG)
    async with Registry(cuts=100) as registry:
        registry.publish(made, "v1")
        pulling = asyncio.ensure_future(store.pull(f"{registry.host}/fleet/app:v1"))
        async with asyncio.timeout(10):
            while not any("range" in headers for _, _, headers in registry.requests):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        pulling.cancel()
        await asyncio.gather(pulling, return_exceptions=True)
        registry.cuts = 0
        registry.requests.clear()
        again = Store(tmp_path / "images", "amd64")
        again.collect()
        await again.pull(f"{registry.host}/fleet/app:v1")
        assert any("range" in headers for _, path, headers in registry.requests if "/blobs/" in path)


async def test_wrong_content_is_refused(store):
    made = MadeImage(BIG)
    async with Registry() as registry:
        registry.publish(made, "v1")
        registry.blobs[digest(made.blobs[0])] = made.blobs[0][:-1] + b"!"
        with pytest.raises(ImagePullFailed, match="digest"):
            await store.pull(f"{registry.host}/fleet/app:v1")
        assert store.all() == []


async def test_a_manifest_that_is_not_what_was_asked_for(store):
    async with Registry() as registry:
        registry.publish(MadeImage(BASE), "v1")
        wanted = "sha256:" + "1" * 64
        registry.manifests[wanted] = registry.manifests["v1"]
        with pytest.raises(ImagePullFailed, match="damaged"):
            await store.pull(f"{registry.host}/fleet/app@{wanted}")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (404, ImageNotFound, "not found"),
        (500, ImagePullFailed, "500"),
        (429, ImagePullFailed, "slow down"),
        (403, ImagePullFailed, "denied"),
    ],
)
async def test_refusals(store, status, kind, words):
    async with Registry() as registry:
        body = json.dumps({"errors": [{"code": "X", "message": "slow down"}]}).encode()
        registry.answer = lambda request: Response(status, body)
        with pytest.raises(kind, match=words) as caught:
            await store.pull(f"{registry.host}/fleet/app:v1")
        assert caught.value.retryable is (kind is ImagePullFailed)


async def test_no_image_for_this_architecture(tmp_path):
    store = Store(tmp_path / "images", "riscv64")
    async with Registry() as registry:
        registry.publish(MadeImage(BASE), "v1", index=True)
        with pytest.raises(ImageInvalid, match="no matching manifest for linux/riscv64"):
            await store.pull(f"{registry.host}/fleet/app:v1")


@pytest.mark.parametrize(
    "content", [b"not json", b"{}", b'{"schemaVersion":1}', b'{"config":{"digest":"x"},"layers":[]}']
)
async def test_manifests_that_are_none(store, content):
    async with Registry() as registry:
        registry.manifests["v1"] = content
        registry.answer = lambda request: Response(200, content) if "manifests" in request.path else None
        with pytest.raises(ImageInvalid):
            await store.pull(f"{registry.host}/fleet/app:v1")


async def test_names_and_hosts_that_do_not_work(store):
    with pytest.raises(ImageInvalid, match="lowercase"):
        await store.pull("Not/A/Name")
    with pytest.raises(ImagePullFailed, match="failed to do request"):
        await store.pull("127.0.0.1:1/fleet/app")


async def test_many_pulls_of_the_same_at_once(store):
    async with Registry() as registry:
        registry.publish(MadeImage(BASE, BIG), "v1")
        images = await asyncio.gather(*(store.pull(f"{registry.host}/fleet/app:v1") for _ in range(6)))
        assert len({image.id for image in images}) == 1
        assert registry.asked("/blobs/") == 3


async def test_a_pull_that_is_given_up_leaves_only_what_is_reclaimed(store, tmp_path):
    async with Registry() as registry:
        registry.publish(MadeImage(BASE, BIG), "v1")
        for delay in (0.001, 0.005, 0.01):
            pulling = asyncio.ensure_future(store.pull(f"{registry.host}/fleet/app:v1"))
            await asyncio.sleep(delay)
            pulling.cancel()
            await asyncio.gather(pulling, return_exceptions=True)
        store.collect()
        assert await store.pull(f"{registry.host}/fleet/app:v1")
