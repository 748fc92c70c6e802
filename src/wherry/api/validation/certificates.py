"""CertificateSigningRequest."""

import base64

from wherry.api import Obj
from wherry.api.errors import duplicate, forbidden_field, invalid_value, required, unsupported
from wherry.api.validation import metadata, pem, signers
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules

_LEGACY = "kubernetes.io/legacy-unknown"
_USAGES = (
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment",
    "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel",
    "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime",
    "server auth", "signing", "timestamping",
)  # fmt: skip
_SHORTEST = 600
_DECISIONS = ("Approved", "Denied")


def _any_name(name: str) -> list[str]:
    return []


def _bytes(encoded: str | None) -> bytes:
    return base64.b64decode(encoded or "")


def _request(obj: Obj) -> Check:
    yield from _whole(obj, None)


def _whole(obj: Obj, old: Obj | None) -> Check:
    """Everything about a request. What an old one had already is let be."""
    spec, before = obj.get("spec") or {}, (old or {}).get("spec") or {}
    wrong = pem.request_error(_bytes(spec.get("request")))
    if wrong:
        yield invalid_value("spec.request", spec.get("request") or "", wrong)
    yield from _usages(spec.get("usages") or [], before.get("usages") or [])
    signer = spec.get("signerName", "")
    if signer == _LEGACY and before.get("signerName") != _LEGACY:
        message = "the legacy signerName is not allowed via this API version"
        yield invalid_value("spec.signerName", signer, message)
    else:
        yield from signers.signer_name(signer, "spec.signerName")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _SHORTEST:
        message = "may not specify a duration less than 600 seconds (10 minutes)"
        yield invalid_value("spec.expirationSeconds", seconds, message)
    yield from _conditions(_found_conditions(obj), _found_conditions(old or {}))
    yield from _certificate(obj, old)


def _usages(found: list[str], known: list[str]) -> Check:
    if not found:
        yield required("spec.usages")
    if set(known) <= set(_USAGES):
        for index, usage in enumerate(found):
            if usage not in _USAGES:
                yield unsupported(f"spec.usages[{index}]", usage, _USAGES)
    if len(set(known)) == len(known):
        for index, usage in enumerate(found):
            if usage in found[:index]:
                yield duplicate(f"spec.usages[{index}]", usage)


def _found_conditions(obj: Obj) -> list[Obj]:
    return list((obj.get("status") or {}).get("conditions") or ())


def _types(conditions: list[Obj]) -> list[str]:
    return [each.get("type", "") for each in conditions]


def _conditions(found: list[Obj], known: list[Obj]) -> Check:
    old, seen = _types(known), set[str]()
    one_verdict, distinct = not set(_DECISIONS) <= set(old), len(set(old)) == len(old)
    for index, condition in enumerate(found):
        path, kind, status = f"status.conditions[{index}]", condition.get("type", ""), condition.get("status", "")
        if not kind and "" not in old:
            yield required(f"{path}.type")
        statuses = ("True",) if kind in (*_DECISIONS, "Failed") else ("False", "True", "Unknown")
        if not status:
            yield required(f"{path}.status")
        elif status not in statuses:
            yield unsupported(f"{path}.status", status, statuses)
        if one_verdict and kind in _DECISIONS and seen & (set(_DECISIONS) - {kind}):
            message = "Approved and Denied conditions are mutually exclusive"
            yield invalid_value("status.conditions", kind, message)
        if distinct and kind in seen:
            yield duplicate(f"{path}.type", kind)
        seen.add(kind)


def _issued(obj: Obj | None) -> str:
    return ((obj or {}).get("status") or {}).get("certificate") or ""


def _certificate(obj: Obj, old: Obj | None) -> Check:
    now, before = _issued(obj), _issued(old)
    if old is not None and (now == before or pem.certificates_error(_bytes(before))):
        return
    wrong = pem.certificates_error(_bytes(now))
    if wrong:
        yield invalid_value("status.certificate", "<certificate data>", wrong)


# Updates: of the object, of its status (which issues), and of the approval (which decides)


def _change(new: Obj, old: Obj, decides: bool = False, issues: bool = False) -> Check:
    yield from metadata.check(new, False, _any_name)
    yield from metadata.kube_finalizers(new["metadata"])
    yield from _whole(new, old)
    now, before = _types(_found_conditions(new)), _types(_found_conditions(old))
    for kind in (*_DECISIONS, "Failed"):
        if now.count(kind) < before.count(kind):
            message = f'updates may not remove a condition of type "{kind}"'
            yield forbidden_field("status.conditions", message)
    for kind in () if decides else _DECISIONS:
        if now.count(kind) > before.count(kind):
            message = f'updates may not add a condition of type "{kind}"'
            yield forbidden_field("status.conditions", message)
    if _issued(new) != _issued(old):
        if not issues:
            yield forbidden_field("status.certificate", "updates may not set certificate content")
        elif _issued(old):
            yield forbidden_field("status.certificate", "updates may not modify existing certificate content")


def _update(new: Obj, old: Obj) -> Check:
    yield from _change(new, old)


def _status(new: Obj, old: Obj) -> Check:
    yield from _change(new, old, issues=True)


def _approval(new: Obj, old: Obj) -> Check:
    yield from _change(new, old, decides=True)


RULES = {
    "certificates.k8s.io/v1/CertificateSigningRequest": Rules(
        _any_name, _request, _update, {"status": _status, "approval": _approval}
    ),
}
