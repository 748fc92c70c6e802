"""The story that scripts/demo tells: a cluster of two nodes, a guestbook, and every way to reach it.

Only the `wherry` command and the project's own client are used. Ends with 0 if everything was as it should be.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from wherry.api import Obj, kinds, meta
from wherry.client.interface import Client
from wherry.client.rest import from_kubeconfig
from wherry.local.layout import layout
from wherry.local.readiness import until

ROOT = Path(__file__).parent.parent
NODE_PORT = 30080
NAME = "guestbook.default.svc.cluster.local"
PATIENCE = 60.0  # seconds that a step may take

# Asks by name from inside the cluster, writes and reads, and ends.
VISITOR: Obj = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "visitor", "namespace": "default"},
    "spec": {
        "restartPolicy": "Never",
        "containers": [
            {
                "name": "visitor",
                "image": "busybox",
                "imagePullPolicy": "IfNotPresent",
                "command": ["sh", "-ec"],
                "args": [
                    f"wget -q -O /dev/null --post-data 'message=by name, from a pod' http://{NAME}/entries && "
                    f"wget -q -O - http://{NAME}/entries"
                ],
            }
        ],
    },
}


class Failed(Exception):
    """A step did not end as it should."""


class Story:
    """Runs steps and keeps their times."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self.times: list[tuple[str, float]] = []

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        print(f"\n\033[1m{title}\033[0m" if sys.stdout.isatty() else f"\n{title}", flush=True)
        began = time.monotonic()
        yield
        self.times.append((title, time.monotonic() - began))
        print(f"  {self.times[-1][1]:.2f} s", flush=True)

    def wherry(self, *words: str) -> int:
        """The exit code of the `wherry` command, as a user types it."""
        command = [sys.executable, "-m", "wherry", *words, "--profile", self.profile]
        print(f"  $ wherry {' '.join(command[3:])}", flush=True)
        return subprocess.run(command, cwd=ROOT, check=False).returncode

    def must(self, *words: str) -> None:
        """`wherry`, which has to end with 0."""
        if self.wherry(*words):
            raise Failed(f"`wherry {words[0]}` failed")

    def summary(self) -> None:
        width = max(len(title) for title, _ in self.times)
        print("\nHow long each step took")
        for title, seconds in self.times:
            print(f"  {title.ljust(width)}  {seconds:6.2f} s")
        print(f"  {'all'.ljust(width)}  {sum(seconds for _, seconds in self.times):6.2f} s")


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def ask(url: str, message: str | None = None) -> str:
    """The answer to a GET, or to a POST of the guestbook's form. A Service that has no pod yet is asked again."""
    data = None if message is None else urlencode({"message": message}).encode()
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urlopen(url, data, timeout=5) as response:
                return str(response.read().decode())
        except URLError as error:
            if time.monotonic() > deadline:
                raise Failed(f"{url} does not answer: {error.reason}") from error
            time.sleep(0.05)


def sign(url: str, message: str) -> None:
    """Write through an address and read it back through the same."""
    ask(f"{url}/entries", message)
    entries = json.loads(ask(f"{url}/entries"))["entries"]
    if message not in entries:
        raise Failed(f"{message!r} was written to {url} but is not among {entries}")
    say(f"{url}: wrote and read {message!r}")


async def rolled_out(client: Client, name: str) -> None:
    """Returns when a Deployment has all its pods available."""

    def available(deployment: Obj) -> bool:
        found = deployment.get("status", {}).get("availableReplicas", 0)
        return meta.name(deployment) == name and found == deployment["spec"]["replicas"]

    async with asyncio.timeout(PATIENCE):
        await until(client, kinds.DEPLOYMENT, available, "default")
    say(f"deployment {name} is available")


async def visit(client: Client) -> None:
    """Run the visitor and check what it printed."""
    await client.create(kinds.POD, VISITOR)

    def ended(pod: Obj) -> bool:
        return meta.name(pod) == "visitor" and pod.get("status", {}).get("phase") in ("Succeeded", "Failed")

    async with asyncio.timeout(PATIENCE):
        pod = await until(client, kinds.POD, ended, "default")
    logs = (await client.request("GET", kinds.POD.path("default", "visitor", "log"))).body.decode()
    if pod["status"]["phase"] != "Succeeded" or "by name, from a pod" not in logs:
        raise Failed(f"the visitor ended as {pod['status']['phase']}: {logs}")
    say(f"http://{NAME} from inside a pod: {logs.strip()}")


def meet_both_nodes(url: str, nodes: int) -> None:
    """Ask until pods on every node have answered."""
    seen: dict[str, str] = {}
    for _ in range(200):
        facts = json.loads(ask(f"{url}/entries"))
        seen.setdefault(facts["node"], facts["pod"])
        if len(seen) == nodes:
            break
    for node, pod in sorted(seen.items()):
        say(f"{node} answered from pod {pod}")
    if len(seen) != nodes:
        raise Failed(f"only {len(seen)} of {nodes} nodes answered")


async def show(story: Story, client: Client) -> None:
    """The part of the story that happens in the cluster."""
    with story.step("Two nodes are Ready"):
        nodes = (await client.list(kinds.NODE)).items
        addresses = {meta.name(node): node["status"]["addresses"][0]["address"] for node in nodes}
        for name, address in addresses.items():
            say(f"{name} {address}")
    with story.step("Make images from Debian packages"):
        story.must("image", "make", "busybox", "python", "redis")
    with story.step("Deploy the guestbook"):
        story.must("apply", "-f", "examples/02-guestbook")
        await asyncio.gather(rolled_out(client, "redis"), rolled_out(client, "guestbook"))
    service = await client.get(kinds.SERVICE, "guestbook", "default")
    with story.step("Write and read through the cluster IP"):
        sign(f"http://{service['spec']['clusterIP']}", "by cluster IP")
    with story.step("Write and read through the node port of each node"):
        for name, address in addresses.items():
            sign(f"http://{address}:{NODE_PORT}", f"by node port of {name}")
    with story.step("Write and read through the DNS name, from a pod"):
        await visit(client)
    with story.step("Pods on both nodes answer"):
        meet_both_nodes(f"http://{service['spec']['clusterIP']}", len(addresses))


async def tell(story: Story) -> None:
    client = from_kubeconfig(layout(story.profile).admin_kubeconfig)
    try:
        await show(story, client)
    finally:
        await client.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="Two nodes, a guestbook, every way to reach it.")
    parser.add_argument("-p", "--profile", default="demo", help="the cluster's name (default: demo)")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    given = parser.parse_args()
    story = Story(given.profile)
    if layout(story.profile).directory.exists():
        print(f"there is a cluster {story.profile!r} already: delete it, or choose another -p", file=sys.stderr)
        return 1
    try:
        with story.step("Start a cluster of two nodes"):
            story.must("start", "--nodes", "2")
        asyncio.run(tell(story))
    except (Failed, TimeoutError) as error:
        print(f"\nthe demo failed: {error or 'it took too long'}", file=sys.stderr)
        story.wherry("status")
        return 1
    finally:
        if not given.keep:
            with story.step("Clean up"):
                story.must("delete")
    story.summary()
    return 0


if __name__ == "__main__":
    sys.exit(main())
