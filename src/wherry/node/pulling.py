"""Fetching images: with the pod's pull secrets, each image once at a time."""

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Iterable

from wherry.api import Obj
from wherry.api.kinds import SECRET, Kind
from wherry.engine.interface import Credentials, EngineError, Image, ImageNotFound, ImageStore

_AT_ONCE = 3
_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


def registry_of(reference: str) -> str:
    """The registry's host in an image reference."""
    first, slash, _ = reference.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    return first if is_host else "docker.io"


def credentials(reference: str, secrets: Iterable[Obj]) -> list[Credentials]:
    """What pull secrets (kubernetes.io/dockerconfigjson, kubernetes.io/dockercfg) say about an image's registry, the
    most specific entry first."""
    found: list[tuple[int, Credentials]] = []
    for secret in secrets:
        for address, entry in _entries(secret).items():
            path = address.removeprefix("https://").removeprefix("http://").rstrip("/").removesuffix("/v1")
            if _fits(path.removesuffix("/v2"), reference):
                found.append((len(path), _credentials(entry)))
    return [each for _, each in sorted(found, key=lambda pair: -pair[0])]


def _entries(secret: Obj) -> Obj:
    data = secret.get("data") or {}
    try:
        if ".dockerconfigjson" in data:
            return json.loads(base64.b64decode(data[".dockerconfigjson"])).get("auths") or {}
        if ".dockercfg" in data:
            return dict(json.loads(base64.b64decode(data[".dockercfg"])))
    except (ValueError, AttributeError):
        pass
    return {}


def _fits(address: str, reference: str) -> bool:
    host, _, path = address.partition("/")
    registry = registry_of(reference)
    if host != registry and not (host in _DOCKER_HUB and registry in _DOCKER_HUB):
        return False
    return not path or reference.removeprefix(f"{registry}/").startswith(path)


def _credentials(entry: Obj) -> Credentials:
    username, password = entry.get("username") or "", entry.get("password") or ""
    if entry.get("auth") and not username:
        try:
            username, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            pass
    return Credentials(username, password, entry.get("registrytoken") or "")


async def pull_secrets(pod: Obj, get: Callable[[Kind, str], Awaitable[Obj | None]]) -> list[Obj]:
    """The pod's pull secrets; one that does not exist is left out, as the registry may not want it."""
    names = [each.get("name", "") for each in pod["spec"].get("imagePullSecrets") or []]
    try:
        return [found for name in names if name and (found := await get(SECRET, name)) is not None]
    except TimeoutError:
        return []


class Puller:
    """Pulls for all pods of a node: the same image is fetched once, and not too many at a time."""

    def __init__(self, images: ImageStore) -> None:
        self._images = images
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._running: dict[tuple[str, tuple[Credentials, ...]], asyncio.Task[Image]] = {}

    async def ensure(self, reference: str, policy: str, secrets: Iterable[Obj]) -> Image:
        """By pull policy (Always, IfNotPresent, Never). Raises EngineError."""
        found = self._images.find(reference)
        if policy == "Never" and found is None:
            raise ImageNotFound(f"{reference} is not present with pull policy of Never")
        if found is None or policy == "Always":
            return await self.pull(reference, secrets)
        return found

    async def pull(self, reference: str, secrets: Iterable[Obj]) -> Image:
        """Raises EngineError: of the last credentials that were tried."""
        known = credentials(reference, secrets)
        key = (reference, tuple(known))
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._pull(reference, known))
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(task)

    async def _pull(self, reference: str, known: list[Credentials]) -> Image:
        async with self._room:
            attempts: list[Credentials | None] = [*known] or [None]
            for attempt in attempts[:-1]:
                try:
                    return await self._images.pull(reference, attempt)
                except EngineError:
                    continue
            return await self._images.pull(reference, attempts[-1])
