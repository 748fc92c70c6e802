"""The examples are sound before any cluster runs them: manifests that the API takes, an application that works."""

import json
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from wherry.cli import manifests
from wherry.local.images.archive import tags
from wherry.local.images.recipes import RECIPES

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
FOLDERS = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())
PASSWORD = "sea legs"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_every_example_has_the_same_files(folder):
    names = {path.name for path in folder.iterdir()}
    assert {"README.md", "run"} <= names and (folder / "run").stat().st_mode & 0o111
    assert folder.name in (folder / "README.md").read_text()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_its_images_can_be_made_without_a_registry(folder):
    made = {name for recipe in RECIPES for name in tags(recipe.name, "")} | {recipe.name for recipe in RECIPES}
    for manifest in manifests.read([str(folder)]):
        pod = manifest.obj.get("spec", {}).get("template", {}).get("spec", {})
        for container in pod.get("containers", []):
            assert container["image"] in made
            assert container["imagePullPolicy"] == "IfNotPresent"
            assert container["image"] in (folder / "run").read_text().split("image make")[1].split("\n")[0]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_services_find_pods_and_volumes_find_objects(folder):
    found = manifests.read([str(folder)])
    there = {(m.kind.kind.lower(), m.obj["metadata"]["name"]) for m in found}
    templates = [m.obj["spec"]["template"] for m in found if m.kind.kind == "Deployment"]
    for service in (m.obj for m in found if m.kind.kind == "Service"):
        chosen = [t for t in templates if service["spec"]["selector"].items() <= t["metadata"]["labels"].items()]
        ports = {port["name"] for t in chosen for c in t["spec"]["containers"] for port in c["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for template in templates:
        for volume in template["spec"].get("volumes", []):
            assert "configMap" not in volume or ("configmap", volume["configMap"]["name"]) in there


class Redis(socketserver.StreamRequestHandler):
    """As much of a Redis server as a guestbook needs, to the letter of RESP 2."""

    entries: ClassVar[list[bytes]] = []

    def handle(self) -> None:
        allowed = False
        while head := self.rfile.readline():
            words = []
            for _ in range(int(head[1:])):
                size = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(size + 2)[:-2])
            allowed = allowed or words == [b"AUTH", PASSWORD.encode()]
            self.wfile.write(self.reply(words) if allowed else b"-NOAUTH Authentication required.\r\n")

    def reply(self, words: list[bytes]) -> bytes:
        match words:
            case [b"PING"]:
                return b"+PONG\r\n"
            case [b"RPUSH", _, value]:
                self.entries.append(value)
                return b":%d\r\n" % len(self.entries)
            case [b"LRANGE", _, b"0", b"-1"]:
                return b"*%d\r\n" % len(self.entries) + b"".join(b"$%d\r\n%b\r\n" % (len(e), e) for e in self.entries)
            case _:
                return b"+OK\r\n"


@pytest.fixture
def redis() -> Iterator[socketserver.ThreadingTCPServer]:
    Redis.entries = []
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Redis) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def guestbook(tmp_path: Path, redis: socketserver.ThreadingTCPServer, request) -> Iterator[str]:
    """The front end as its pod runs it; its URL. A parameter is another password."""
    (config,) = (m.obj for m in manifests.read([str(EXAMPLES / "02-guestbook/app.yaml")]))
    app = tmp_path / "app.py"
    app.write_text(config["data"]["app.py"])
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"PORT": port, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": redis.server_address[1], "POD": "pod-1"}
    settings |= {"NODE": "node-1", "REDIS_PASSWORD": getattr(request, "param", PASSWORD)}
    environment = {key: str(value) for key, value in settings.items()}
    process = subprocess.Popen([sys.executable, app], env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    while process.poll() is None:
        try:
            urlopen(f"{url}/livez", timeout=5).close()
            break
        except URLError:
            time.sleep(0.02)
    yield url
    process.kill()
    process.wait()


def ask(url: str, message: str | None = None) -> tuple[int, str]:
    data = None if message is None else urlencode({"message": message}).encode()
    try:
        with urlopen(url, data, timeout=5) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_what_is_written_is_read_back_in_order(guestbook):
    assert ask(guestbook, "ahoy")[0] == 200  # after the redirect to the page
    ask(guestbook, "grüße & <b>kisses</b>")
    status, text = ask(f"{guestbook}/entries")
    assert status == 200
    assert json.loads(text) == {"entries": ["ahoy", "grüße & <b>kisses</b>"], "pod": "pod-1", "node": "node-1"}


def test_the_page_shows_entries_as_text(guestbook):
    _, page = ask(guestbook, "<script>alert(1)</script>")
    assert "<li>&lt;script&gt;alert(1)&lt;/script&gt;</li>" in page and "served by pod-1 on node-1" in page


@pytest.mark.parametrize(("path", "message", "status"), [("/", "  ", 400), ("/nowhere", None, 404)])
def test_wrong_requests_are_refused(guestbook, path, message, status):
    assert ask(guestbook + path, message)[0] == status


@pytest.mark.parametrize("guestbook", ["wrong"], indirect=True)
def test_without_redis_it_is_alive_but_not_ready(guestbook):
    assert ask(f"{guestbook}/livez")[0] == 200
    assert ask(f"{guestbook}/readyz") == (503, "redis: NOAUTH Authentication required.\n")


def test_the_application_s_code_is_clean(tmp_path):
    (config,) = (m.obj for m in manifests.read([str(EXAMPLES / "02-guestbook/app.yaml")]))
    (tmp_path / "app.py").write_text(config["data"]["app.py"])
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--line-length",
            "118",
            "--select",
            "E,F,W,B,UP",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
