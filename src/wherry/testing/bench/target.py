"""A load target from a kubeconfig."""

from pathlib import Path
from urllib.parse import urlsplit

from wherry.client.kubeconfig import load, ssl_context
from wherry.testing.bench.load import Target


def target_of(kubeconfig: Path) -> Target:
    """The server that the file's current context names, with its client certificate."""
    access = load(kubeconfig)
    url = urlsplit(access.server)
    return Target(url.hostname or "127.0.0.1", url.port or 443, ssl_context(access))
