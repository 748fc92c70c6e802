"""Pulls from somebody else's registry: Debian's docker-registry."""

import asyncio
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from imagemaking import MadeImage, digest, entry, tar

from wherry.aio.http.client import Pool
from wherry.engine.images.store import Store

pytestmark = [pytest.mark.root, pytest.mark.slow]

PATIENCE = 20


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """Installed, or taken out of its package without installing it."""
    if found := shutil.which("docker-registry"):
        return Path(found)
    folder = tmp_path_factory.mktemp("registry")
    subprocess.run(["apt-get", "download", "docker-registry"], cwd=folder, check=True, capture_output=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "out")], check=True)
    return folder / "out/usr/bin/docker-registry"


@pytest.fixture
async def registry(program, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "registry.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    process = subprocess.Popen(  # noqa: ASYNC220
        [str(program), "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pool = Pool(f"http://127.0.0.1:{port}")
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                assert (await pool.request("GET", "/v2/")).status == 200
                break
            except OSError:
                await asyncio.sleep(0.05)
    yield pool
    await pool.close()
    process.kill()
    process.wait()


async def push(pool: Pool, made: MadeImage, name: str, tag: str) -> None:
    for blob in (made.config, *made.blobs):
        begun = await pool.request("POST", f"/v2/{name}/blobs/uploads/")
        location = begun.headers.get("Location")
        place = location[location.index("/v2/") :]
        end = f"{place}{'&' if '?' in place else '?'}digest={digest(blob)}"
        assert (await pool.request("PUT", end, [("Content-Type", "application/octet-stream")], blob)).status == 201
    kind = [("Content-Type", "application/vnd.oci.image.manifest.v1+json")]
    assert (await pool.request("PUT", f"/v2/{name}/manifests/{tag}", kind, made.manifest)).status == 201


async def test_push_and_pull(registry, tmp_path):
    made = MadeImage(tar([entry("etc"), entry("etc/note", b"ahoy")]), tar([entry("big", os.urandom(3_000_000))]))
    await push(registry, made, "fleet/app", "v1")
    store = Store(tmp_path / "images", "amd64")
    image = await store.pull(f"127.0.0.1:{registry.port}/fleet/app:v1")
    assert image.id == made.id
    top, bottom = store.layers(image.id)
    assert (store.layer_folder / bottom / "etc/note").read_bytes() == b"ahoy"
    assert (store.layer_folder / top / "big").stat().st_size == 3_000_000
    pinned = await store.pull(f"127.0.0.1:{registry.port}/fleet/app@{digest(made.manifest)}")
    assert pinned.id == made.id
