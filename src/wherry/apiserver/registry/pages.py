"""Continue tokens: where the next page of a list starts. Source: apiserver's pkg/storage/continue.go."""

import base64
import posixpath
import re
from typing import Any

import orjson

from wherry.api import decoding, errors
from wherry.api.decoding import DecodeError
from wherry.api.decoding.scalars import word
from wherry.api.errors import StatusError

VERSION = "meta.k8s.io/v1"
_FIELDS = (("v", str, "string"), ("rv", int, "int64"), ("start", str, "string"))


def token(revision: int, prefix: str, last: str) -> str:
    """The page after the key `last`. The key goes without its prefix, so that a token serves its own list only."""
    content = {"v": VERSION, "rv": revision, "start": last.removeprefix(prefix) + "\0"}
    return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


def resume(token: str, prefix: str) -> tuple[str, int]:
    """The key after which a page starts, and the revision that it shows (0: now). Raises StatusError."""
    try:
        content = decoding.parse(_base64(token))
    except DecodeError as error:
        raise _invalid(str(error)) from None
    wrong = _wrong(content)
    if wrong:
        raise _invalid(wrong)
    return prefix + content["start"].removesuffix("\0"), max(content["rv"], 0)


def _invalid(why: str) -> StatusError:
    return errors.bad_request(f"invalid continue token: continue key is not valid: {why}")


def _wrong(content: Any) -> str:
    """What is wrong with a token's content; nothing if it can be used."""
    if not isinstance(content, dict):
        return f"json: cannot unmarshal {word(content)} into Go value of type storage.continueToken"
    for name, kind, go in _FIELDS:
        value = content.setdefault(name, kind())
        if not isinstance(value, kind) or isinstance(value, bool):
            return f"json: cannot unmarshal {word(value)} into Go struct field continueToken.{name} of type {go}"
    if content["v"] != VERSION:
        return "server does not recognize this encoded version " + content["v"]
    if not content["rv"]:
        return f"incorrect encoded start resourceVersion (version {VERSION})"
    if not content["start"]:
        return f"encoded start key empty (version {VERSION})"
    key = "/" + content["start"].removeprefix("/")  # nothing above the list's own keys may be named
    return "" if posixpath.normpath(key) == key else content["start"]


def _base64(text: str) -> bytes:
    """Go's RawURLEncoding, with its message for what is wrong."""
    bad = re.search(r"[^A-Za-z0-9_-]", text)
    if bad or len(text) % 4 == 1:
        at = bad.start() if bad else len(text) // 4 * 4
        raise _invalid(f"illegal base64 data at input byte {at}")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
