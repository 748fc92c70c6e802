"""A small registry for pulls, with the moods of real ones."""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from imagemaking import MadeImage, digest

from wherry.aio.http import Request, Response
from wherry.aio.http.server import serve


class Registry:
    """`async with Registry() as registry`: `registry.host` is `127.0.0.1:port`.

    `auth`: "", "basic" or "bearer" (user `sailor`, password `rope`). `cuts`: so many blob answers end half way.
    `redirect`: blobs are elsewhere on another origin. `requests`: what was asked."""

    def __init__(self, auth: str = "", cuts: int = 0, redirect: bool = False) -> None:
        self.auth, self.cuts, self.redirect = auth, cuts, redirect
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.answer: Callable[[Request], Response | None] = lambda request: None

    async def __aenter__(self) -> "Registry":
        self._server = await serve(self._handle, host="127.0.0.1", port=0)
        self._elsewhere = await serve(self._blob_elsewhere, host="127.0.0.1", port=0)
        self.host = f"127.0.0.1:{self._server.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()
        await self._elsewhere.close()

    def publish(self, made: MadeImage, tag: str, index: bool = False) -> None:
        for blob in [made.config, *made.blobs]:
            self.blobs[digest(blob)] = blob
        self.manifests[digest(made.manifest)] = made.manifest
        top = made.index() if index else made.manifest
        self.manifests[tag] = self.manifests[digest(top)] = top

    def asked(self, part: str) -> int:
        return sum(part in path for _, path, _ in self.requests)

    async def _handle(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        self.requests.append((request.method, request.path, headers))
        if special := self.answer(request):
            return special
        if request.path == "/token":
            return self._token(request, headers)
        if refusal := self._unauthorized(headers):
            return refusal
        *_, kind, version = request.path.split("/")
        if kind == "manifests":
            data = self.manifests.get(version)
            return (
                self._found(data, json.loads(data).get("mediaType", "application/vnd.oci.image.index.v1+json"))
                if data
                else _missing("MANIFEST_UNKNOWN")
            )
        if self.redirect:
            place = f"http://localhost:{self._elsewhere.port}/{version}?signed=yes"
            return Response(307, headers=[("Location", place)])
        return self._blob(version, headers)

    def _found(self, data: bytes, media_type: str) -> Response:
        return Response(200, data, media_type, [("Docker-Content-Digest", digest(data))])

    def _blob(self, wanted: str, headers: dict[str, str]) -> Response:
        data = self.blobs.get(wanted)
        if data is None:
            return _missing("BLOB_UNKNOWN")
        begin = int(headers["range"][6:].rstrip("-")) if "range" in headers else 0
        status, body = (206, data[begin:]) if begin else (200, data)
        if self.cuts > 0 and len(body) > 1:
            self.cuts -= 1
            return Response(status, _half(body), "application/octet-stream")
        return Response(status, body, "application/octet-stream")

    async def _blob_elsewhere(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        self.requests.append((request.method, f"elsewhere{request.path}", headers))
        return self._blob(request.path.lstrip("/"), headers)

    def _unauthorized(self, headers: dict[str, str]) -> Response | None:
        given = headers.get("authorization", "")
        if self.auth == "basic" and given != _basic("sailor", "rope"):
            return Response(401, headers=[("WWW-Authenticate", 'Basic realm="port"')])
        if self.auth == "bearer" and given != "Bearer ticket":
            realm = f'Bearer realm="http://{self.host}/token",service="port",scope="repository:fleet/app:pull"'
            return Response(401, headers=[("WWW-Authenticate", realm)])
        return None

    def _token(self, request: Request, headers: dict[str, str]) -> Response:
        query = parse_qs(request.query)
        if headers.get("authorization") != _basic("sailor", "rope") or query["scope"] != [
            "repository:fleet/app:pull"
        ]:
            return Response(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}')
        return Response(200, b'{"token":"ticket"}')


async def _half(body: bytes) -> Any:
    yield body[: len(body) // 2]
    raise ConnectionResetError("cut")


def _missing(code: str) -> Response:
    return Response(404, json.dumps({"errors": [{"code": code, "message": "unknown"}]}).encode())


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
