"""ConfigMap, Secret, ServiceAccount, Namespace."""

import base64
from collections.abc import Iterable

from wherry.api import Obj, decoding, meta
from wherry.api.decoding import DecodeError
from wherry.api.errors import forbidden_field, invalid_value, required, too_long
from wherry.api.patch.values import go_type, same
from wherry.api.validation import fields, metadata
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_LARGEST = 1024 * 1024
_ACCOUNT = "kubernetes.io/service-account.name"
_REDACTED = "<secret contents redacted>"


def _keys(found: Iterable[str], path: str) -> Check:
    for key in sorted(found):
        yield from fields.said(f"{path}[{key}]", key, fields.config_key_errors(key))


# ConfigMap


def _config_map(obj: Obj) -> Check:
    texts, blobs = obj.get("data") or {}, obj.get("binaryData") or {}
    for key in sorted(texts):
        yield from fields.said(f"data[{key}]", key, fields.config_key_errors(key))
        if key in blobs:
            yield invalid_value(f"data[{key}]", key, "duplicate of key present in binaryData")
    yield from _keys(blobs, "binaryData")
    size = sum(len(text.encode()) for text in texts.values()) + sum(fields.size_of(blob) for blob in blobs.values())
    if size > _LARGEST:
        yield too_long("[]", _LARGEST)


def _frozen(new: Obj, old: Obj, *keys: str) -> Check:
    """Data under the flag `immutable`, which stays."""
    message = "field is immutable when `immutable` is set"
    if not old.get("immutable"):
        return
    if not new.get("immutable"):
        yield forbidden_field("immutable", message)
    for key in keys:
        if not same(new.get(key), old.get(key)):
            yield forbidden_field(key, message)


def _config_map_update(new: Obj, old: Obj) -> Check:
    yield from _frozen(new, old, "data", "binaryData")
    yield from _config_map(new)


# Secret

_NEEDED = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _secret(obj: Obj) -> Check:
    data, kind = obj.get("data") or {}, obj.get("type", "")
    yield from _keys(data, "data")
    if sum(fields.size_of(blob or "") for blob in data.values()) > _LARGEST:
        yield too_long("data", _LARGEST)
    if kind == "kubernetes.io/service-account-token" and not meta.annotations(obj).get(_ACCOUNT):
        yield required(f"metadata.annotations[{_ACCOUNT}]")
    for key in _NEEDED.get(kind, ()):
        if key not in data:
            yield required(f"data[{key}]")
        elif kind.startswith("kubernetes.io/docker"):
            yield from _docker(data[key] or "", f"data[{key}]")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        yield required("data[username]")
        yield required("data[password]")
    if kind == "kubernetes.io/ssh-auth" and not data.get("ssh-privatekey"):
        yield required("data[ssh-privatekey]")


def _docker(encoded: str, path: str) -> Check:
    try:
        found = decoding.parse(base64.b64decode(encoded))
    except DecodeError as error:
        yield invalid_value(path, _REDACTED, str(error))
        return
    if found is not None and not isinstance(found, dict):
        word = "bool" if isinstance(found, bool) else _JSON_WORDS.get(type(found), go_type(found))
        message = f"json: cannot unmarshal {word} into Go value of type map[string]interface {{}}"
        yield invalid_value(path, _REDACTED, message)


_JSON_WORDS = {str: "string", int: "number", float: "number", list: "array"}


def _secret_update(new: Obj, old: Obj) -> Check:
    yield from metadata.immutable(new.get("type", ""), old.get("type", ""), "type")
    yield from _frozen(new, old, "data")
    yield from _secret(new)


# Namespace


def _namespace(obj: Obj) -> Check:
    for name in (obj.get("spec") or {}).get("finalizers") or ():
        yield from _finalizer(name, "spec.finalizers")


def _finalizer(name: str, path: str) -> Check:
    yield from metadata.label_name(name, path)
    if "/" not in name and name not in metadata.STANDARD_FINALIZERS:
        yield invalid_value(path, name, metadata.NOT_A_FINALIZER)


def _namespace_status(new: Obj, old: Obj) -> Check:
    phase = (new.get("status") or {}).get("phase", "")
    deleting = new["metadata"].get("deletionTimestamp") is not None
    if not deleting and phase != "Active":
        yield invalid_value("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")
    if deleting and phase != "Terminating":
        yield invalid_value("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")


def _namespace_finalize(new: Obj, old: Obj) -> Check:
    yield from fields.each((new.get("spec") or {}).get("finalizers"), "spec.finalizers", _finalizer)


def _namespace_update(new: Obj, old: Obj) -> Check:
    yield from _namespace(new)
    yield from metadata.check_update(new, old)
    yield from metadata.kube_finalizers(new["metadata"])


RULES = {
    "v1/ConfigMap": Rules(body=_config_map, change=_config_map_update, recheck=True),
    "v1/Secret": Rules(body=_secret, change=_secret_update, recheck=True),
    "v1/ServiceAccount": Rules(recheck=True),
    "v1/Namespace": Rules(
        name=metadata.label,
        only_whole=True,
        body=_namespace,
        change=_namespace_update,
        subresources={"status": _namespace_status, "finalize": _namespace_finalize},
    ),
}
