"""Waits until a Service answers, and prints the answers of a few requests: show.py SERVICE PATH [-p PROFILE]."""

import argparse
import asyncio
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

from wherry.api import kinds
from wherry.client.rest import from_kubeconfig
from wherry.local.layout import DEFAULT_PROFILE, layout


async def cluster_ip(profile: str, service: str) -> str:
    client = from_kubeconfig(layout(profile).admin_kubeconfig)
    try:
        found = await client.get(kinds.SERVICE, service, "default")
        return str(found["spec"]["clusterIP"])
    finally:
        await client.close()


def ask(url: str, patience: float) -> str:
    """The answer, asked for again until `patience` seconds have gone by."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with urlopen(url, timeout=2) as response:
                return str(response.read().decode()).strip()
        except URLError as error:
            if time.monotonic() > deadline:
                sys.exit(f"{url} does not answer: {error.reason}")
            time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("service")
    parser.add_argument("path")
    parser.add_argument("-p", "--profile", default=DEFAULT_PROFILE)
    given, _ = parser.parse_known_args()
    url = f"http://{asyncio.run(cluster_ip(given.profile, given.service))}{given.path}"
    for _ in range(4):
        print(f"{url}\n{ask(url, patience=60)}\n")


if __name__ == "__main__":
    main()
