"""How objects rest: JSON bytes that answers are made of without looking inside.

The stored form of an object is its JSON without `apiVersion`, `kind` and `metadata.resourceVersion`, metadata first,
and without the opening `{"metadata":{` that all have in common. So the bytes of any answer are a constant, the
record's revision, and the stored bytes as they are:

    {"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"17",  +  "name":"web",...},"spec":{...}}

An item of a list has no kind and apiVersion upstream either. A custom resource keeps both inside the stored bytes,
where they stand in items too.
"""

from functools import lru_cache
from typing import Any

import orjson

from wherry.api import Obj
from wherry.api.kinds import Kind
from wherry.apiserver import views
from wherry.store import Record

HEAD = b'{"metadata":{'
ITEM = b'{"metadata":{"resourceVersion":"%d",'


def encode(obj: Obj) -> bytes:
    """The stored form of a built-in kind's object. Raises RecursionError for one that is nested too deeply."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    body: dict[str, Any] = {"metadata": metadata}
    for key, value in obj.items():
        if key not in ("kind", "apiVersion", "metadata"):
            body[key] = value
    try:
        return bytes(memoryview(orjson.dumps(body))[len(HEAD) :])
    except orjson.JSONEncodeError as error:
        raise RecursionError(str(error)) if "Recursion" in str(error) else error from None


@lru_cache(4096)
def prefix(kind: Kind) -> bytes:
    """What stands before the revision in the answer for one object."""
    return b'{"kind":"%s","apiVersion":"%s","metadata":{"resourceVersion":"' % (
        kind.kind.encode(),
        kind.api_version.encode(),
    )


def whole(kind: Kind, record: Record) -> bytes:
    """The object as a client gets it."""
    if kind.stored is not None:
        return orjson.dumps(decode(kind, record))
    return b'%s%d",%s' % (prefix(kind), record.revision, record.value)


def decode(kind: Kind, record: Record) -> Obj:
    """The object as a dict, as its kind shows it."""
    if kind.stored is not None:
        return views.to_view(kind, decode(kind.stored, record))
    loaded: Obj = orjson.loads(b'%s%d",%s' % (prefix(kind), record.revision, record.value))
    return loaded
