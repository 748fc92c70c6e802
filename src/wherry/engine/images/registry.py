"""A registry's protocol over HTTP: authentication, redirects, manifests, blobs."""

import base64
import ipaddress
import ssl
from collections.abc import Sequence
from urllib.parse import urlencode, urljoin, urlsplit

import orjson

from wherry.aio.http.client import Pool, Stream
from wherry.engine.interface import Credentials, ImageNotFound, ImagePullFailed
from wherry.wire.registry import ACCEPTED, DOCKER_HUB, DOCKER_HUB_HOST, Challenge, Reference, parse_challenge

_TIMEOUT = 60.0  # seconds until an answer begins
_REDIRECTS = 5
_ERROR_BODY = 64 * 1024


class Registry:
    """One repository of one registry. Use as an async context manager."""

    def __init__(self, reference: Reference, credentials: Credentials | None, insecure: Sequence[str] = ()) -> None:
        self._reference = reference
        self._credentials = credentials or Credentials()
        host = DOCKER_HUB_HOST if reference.domain == DOCKER_HUB else reference.domain
        self._origin = f"{'http' if _is_plain(host, insecure) else 'https'}://{host}"
        self._authorization = f"Bearer {self._credentials.token}" if self._credentials.token else ""
        self._pools: dict[str, Pool] = {}

    async def __aenter__(self) -> "Registry":
        return self

    async def __aexit__(self, *_: object) -> None:
        for pool in self._pools.values():
            await pool.close()

    async def manifest(self, version: str) -> tuple[bytes, str]:
        """By tag or digest: the document and the digest that the registry says it has, "" if it says none. Raises
        ImageNotFound, ImagePullFailed."""
        path = f"/v2/{self._reference.path}/manifests/{version}"
        stream = await self._get(path, [("Accept", ", ".join(ACCEPTED))])
        return await self._whole(stream), stream.headers.get("Docker-Content-Digest")

    async def blob(self, digest: str, offset: int = 0) -> tuple[Stream, int]:
        """A blob from `offset` on, and where it really begins (0: the registry sends it whole). Raises ImageNotFound,
        ImagePullFailed."""
        headers = [("Range", f"bytes={offset}-")] if offset else []
        stream = await self._get(f"/v2/{self._reference.path}/blobs/{digest}", headers)
        return stream, offset if stream.status == 206 else 0

    async def _get(self, path: str, headers: Sequence[tuple[str, str]]) -> Stream:
        stream = await self._authorized(path, headers)
        if stream.status == 401:
            challenge = stream.headers.get("WWW-Authenticate")
            await stream.aclose()
            self._authorization = await self._authorize(parse_challenge(challenge))
            stream = await self._authorized(path, headers)
        if stream.status in (200, 206):
            return stream
        raise self._refusal(stream.status, await self._complaint(stream))

    async def _authorized(self, path: str, headers: Sequence[tuple[str, str]]) -> Stream:
        """Follow redirects; what authorises us here is not told to another host."""
        url = self._origin + path
        for _ in range(_REDIRECTS):
            own = url.startswith(self._origin + "/")
            credentials = [("Authorization", self._authorization)] if own and self._authorization else []
            stream = await self._request(url, [*headers, *credentials])
            if stream.status not in (301, 302, 303, 307, 308):
                return stream
            url = urljoin(url, stream.headers.get("Location"))
            await stream.aclose()
        raise ImagePullFailed(f"{self._reference.domain}: too many redirects")

    async def _request(self, url: str, headers: Sequence[tuple[str, str]]) -> Stream:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        target = url[len(origin) :] or "/"
        try:
            if origin not in self._pools:
                self._pools[origin] = Pool(origin, headers=[("User-Agent", "wherry")])
            return await self._pools[origin].stream("GET", target, headers, timeout=_TIMEOUT)
        except (OSError, ValueError, ssl.SSLError) as error:
            raise ImagePullFailed(f'failed to do request: Get "{origin}{parts.path}": {error}') from error

    async def _authorize(self, challenge: Challenge) -> str:
        """The Authorization header that a challenge asks for. Raises ImagePullFailed."""
        basic = self._basic()
        if challenge.scheme == "basic" and basic:
            return basic
        realm = challenge.parameters.get("realm")
        if challenge.scheme != "bearer" or not realm:
            raise self._refusal(401, "")
        query = {"scope": challenge.parameters.get("scope") or f"repository:{self._reference.path}:pull"}
        if challenge.parameters.get("service"):
            query["service"] = challenge.parameters["service"]
        if self._credentials.username:
            query["account"] = self._credentials.username
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        stream = await self._request(url, [("Authorization", basic)] if basic else [])
        if stream.status != 200:
            raise self._refusal(stream.status, await self._complaint(stream))
        return f"Bearer {_token(await self._whole(stream))}"

    def _basic(self) -> str:
        user, password = self._credentials.username, self._credentials.password
        return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}" if user else ""

    async def _whole(self, stream: Stream) -> bytes:
        try:
            return await stream.read()
        except OSError as error:
            raise ImagePullFailed(f"{self._reference.domain}: {error}") from error

    async def _complaint(self, stream: Stream) -> str:
        """What a registry says in an error's body."""
        try:
            body = (await stream.read())[:_ERROR_BODY]
            errors = orjson.loads(body)["errors"]
            return "; ".join(str(error.get("message") or error.get("code")) for error in errors)
        except (OSError, KeyError, TypeError, AttributeError, orjson.JSONDecodeError):
            return ""

    def _refusal(self, status: int, complaint: str) -> ImageNotFound | ImagePullFailed:
        name = str(self._reference)
        if status == 404:
            return ImageNotFound(f"{name}: not found")
        if status in (401, 403):
            return ImagePullFailed(
                f"pull access denied, repository does not exist or may require authorization: {complaint or name}"
            )
        return ImagePullFailed(f"{name}: unexpected status {status}{f': {complaint}' if complaint else ''}")


def _token(body: bytes) -> str:
    try:
        document = orjson.loads(body)
        return str(document.get("token") or document["access_token"])
    except (KeyError, AttributeError, orjson.JSONDecodeError) as error:
        raise ImagePullFailed("the authorization server's answer has no token") from error


def _is_plain(host: str, insecure: Sequence[str]) -> bool:
    """Whether a registry is spoken to without TLS: on this machine, or as the operator allows (`host`, `host:port` or
    a network)."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost" or host in insecure or name in insecure:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    if address.is_loopback:
        return True
    networks = [ipaddress.ip_network(entry, strict=False) for entry in insecure if "/" in entry]
    return any(address in network for network in networks)
