"""Projected volumes: several sources in one directory, no two of them at the same path."""

from wherry.api import Obj
from wherry.api.errors import forbidden_field, invalid_value, required, unsupported
from wherry.api.validation import fields, metadata, references, signers
from wherry.api.validation.fields import Check

_KEY_TYPES = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_SOURCES = ("secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate")


def sources(projected: Obj, path: str) -> Check:
    """The sources of a projected volume."""
    seen: set[str] = set()
    for index, source in enumerate(projected.get("sources") or ()):
        at = f"{path}.sources[{index}]"
        for name in ("secret", "configMap"):
            if source.get(name) is not None:
                yield from _keys(source[name], seen, path, f"{at}.{name}")
        if source.get("downwardAPI") is not None:
            yield from _downward(source["downwardAPI"], seen, path, f"{at}.downwardAPI")
        if source.get("serviceAccountToken") is not None:
            yield from _token(source["serviceAccountToken"], path, f"{at}.serviceAccountToken")
        if source.get("clusterTrustBundle") is not None:
            yield from _bundle(source["clusterTrustBundle"], seen, path, f"{at}.clusterTrustBundle")
        if source.get("podCertificate") is not None:
            yield from _certificate(source["podCertificate"], seen, path, f"{at}.podCertificate")
        if sum(source.get(name) is not None for name in _SOURCES) > 1:
            yield forbidden_field(at, "may not specify more than 1 volume type per source")


def _taken(place: str, seen: set[str], path: str, shown: str) -> Check:
    if place in seen:
        yield invalid_value(path, shown, "conflicting duplicate paths")
    seen.add(place)


def _keys(source: Obj, seen: set[str], path: str, at: str) -> Check:
    yield from fields.needed(source, at, "name")
    for index, item in enumerate(source.get("items") or ()):
        yield from references.key_to_path(item, f"{at}.items[{index}]")
        if item.get("path"):
            yield from _taken(item["path"], seen, path, source.get("name", ""))


def _downward(source: Obj, seen: set[str], path: str, at: str) -> Check:
    for file in source.get("items") or ():
        yield from references.downward_file(file, at)
        if file.get("path"):
            yield from _taken(file["path"], seen, path, file["path"])


def _token(source: Obj, path: str, at: str) -> Check:
    seconds = source.get("expirationSeconds", 0)
    if seconds < 600:
        yield invalid_value(f"{at}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    if seconds > 1 << 32:
        message = "may not specify a duration larger than 2^32 seconds"
        yield invalid_value(f"{at}.expirationSeconds", seconds, message)
    if not source.get("path"):
        yield required(f"{path}.path")
    else:
        yield from fields.local_path(source["path"], f"{path}.path")


def _bundle(source: Obj, seen: set[str], path: str, at: str) -> Check:
    name, signer, selector = source.get("name"), source.get("signerName"), source.get("labelSelector")
    if name is not None and signer is not None:
        yield invalid_value(at, source, "only one of name and signerName may be used")
    elif name is not None:
        if not name:
            yield required(f"{at}.name", "must be a valid object name")
        for message in signers.bundle_name_errors(name):
            yield invalid_value(f"{at}.name", name, f"not a valid clustertrustbundlename: {message}")
        if selector is not None:
            yield invalid_value(f"{at}.labelSelector", selector, "labelSelector must be unset if name is specified")
    elif signer is not None:
        if not signer:
            yield required(f"{at}.signerName", "must be a valid signer name")
        yield from signers.signer_name(signer, f"{at}.signerName")
        yield from metadata.label_selector(selector, f"{at}.labelSelector")
    else:
        yield required(at, "either name or signerName must be specified")
    place = source.get("path", "")
    yield from fields.needed(source, at, "path")
    yield from fields.local_path(place, f"{at}.path")
    yield from _taken(place, seen, path, place)


def _certificate(source: Obj, seen: set[str], path: str, at: str) -> Check:
    signer = source.get("signerName", "")
    yield from signers.signer_name(signer, f"{at}.signerName")
    if source.get("keyType", "") not in _KEY_TYPES:
        yield unsupported(f"{at}.keyType", source.get("keyType", ""), _KEY_TYPES)
    seconds = source.get("maxExpirationSeconds")
    if seconds is not None:
        most = 86400 if signer.startswith("kubernetes.io/") else 91 * 86400
        if seconds < 3600:
            message = "if provided, maxExpirationSeconds must be >= 3600"
            yield invalid_value(f"{at}.maxExpirationSeconds", seconds, message)
        if seconds > most:
            message = f"if provided, maxExpirationSeconds must be <= {most}"
            yield invalid_value(f"{at}.maxExpirationSeconds", seconds, message)
    places = [key for key in ("credentialBundlePath", "keyPath", "certificateChainPath") if source.get(key)]
    for key in places:
        yield from fields.local_path(source[key], f"{at}.{key}")
        yield from _taken(source[key], seen, path, source[key])
    if not places:
        yield required(at, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath")
