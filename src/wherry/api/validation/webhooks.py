"""ValidatingWebhookConfiguration, MutatingWebhookConfiguration."""

from dataclasses import dataclass

from wherry.api import Obj
from wherry.api.errors import duplicate, invalid_value, required
from wherry.api.patch.values import same
from wherry.api.validation import fields, matching, metadata
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import names

_VERSIONS = ("v1", "v1beta1")
_NO_EFFECTS = ("None", "NoneOnDryRun")
_EFFECTS = ("None", "NoneOnDryRun", "Some", "Unknown")
_LONGEST = 30


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a configuration may keep because it had it before there was a rule."""

    side_effects: bool = False
    versions: bool = False
    names: bool = False
    label_values: bool = False
    conditions: bool = False


def _configuration(obj: Obj) -> Check:
    yield from _webhooks(obj, _Kept())


def _update(new: Obj, old: Obj) -> Check:
    now, before = new.get("webhooks") or [], old.get("webhooks") or []
    selectors = (hook.get(key) for hook in before for key in ("namespaceSelector", "objectSelector"))
    known = [hook.get("name", "") for hook in before]
    kept = _Kept(
        side_effects=any(hook.get("sideEffects") not in _NO_EFFECTS for hook in before),
        versions=any(not _understood(hook.get("admissionReviewVersions") or _VERSIONS) for hook in before),
        names=len(set(known)) < len(known),
        label_values=any(metadata.label_selector(each, "") for each in selectors),
        conditions=same(_all_conditions(now), _all_conditions(before)),
    )
    yield from _webhooks(new, kept)


def _understood(versions: list[str] | tuple[str, ...]) -> bool:
    return any(version in _VERSIONS for version in versions)


def _all_conditions(hooks: list[Obj]) -> list[list[Obj]]:
    return [hook.get("matchConditions") or [] for hook in hooks]


def _webhooks(obj: Obj, kept: _Kept) -> Check:
    seen: set[str] = set()
    for index, hook in enumerate(obj.get("webhooks") or ()):
        path, name = f"webhooks[{index}]", hook.get("name", "")
        yield from _webhook(hook, path, kept)
        yield from _review_versions(
            hook.get("admissionReviewVersions") or [], f"{path}.admissionReviewVersions", kept
        )
        if name and name in seen and not kept.names:
            yield duplicate(f"{path}.name", name)
        seen.add(name)


def _webhook(hook: Obj, path: str, kept: _Kept) -> Check:
    yield from _name(hook.get("name", ""), f"{path}.name")
    yield from fields.each(hook.get("rules"), f"{path}.rules", matching.rule)
    for key, allowed in (("failurePolicy", matching.FAILURE_POLICIES), ("matchPolicy", matching.MATCH_POLICIES)):
        if hook.get(key) is not None:
            yield from fields.one_of(hook[key], f"{path}.{key}", allowed)
    effects = _EFFECTS if kept.side_effects else _NO_EFFECTS
    if hook.get("sideEffects") is None:
        yield required(f"{path}.sideEffects", f"must specify one of {', '.join(effects)}")
    else:
        yield from fields.one_of(hook["sideEffects"], f"{path}.sideEffects", effects)
    seconds = hook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= _LONGEST:
        message = f"the timeout value must be between 1 and {_LONGEST} seconds"
        yield invalid_value(f"{path}.timeoutSeconds", seconds, message)
    for key in ("namespaceSelector", "objectSelector"):
        yield from metadata.label_selector(hook.get(key), f"{path}.{key}", not kept.label_values)
    if hook.get("reinvocationPolicy") is not None:
        yield from fields.one_of(hook["reinvocationPolicy"], f"{path}.reinvocationPolicy", ("IfNeeded", "Never"))
    yield from matching.client(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    if not kept.conditions:
        yield from matching.conditions(hook.get("matchConditions") or [], f"{path}.matchConditions")


def _name(name: str, path: str) -> Check:
    wrong = names.dns_subdomain_errors(name)
    if not name:
        yield required(path)
    elif wrong:
        yield invalid_value(path, name, ",".join(wrong))
    elif name.count(".") < 2:
        yield invalid_value(path, name, "should be a domain with at least three segments separated by dots")


def _review_versions(versions: list[str], path: str, kept: _Kept) -> Check:
    if not versions:
        yield required(path, f"must specify one of {', '.join(_VERSIONS)}")
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            yield invalid_value(f"{path}[{index}]", version, "duplicate version")
        else:
            yield from fields.said(f"{path}[{index}]", version, names.dns_1035_label_errors(version))
    if not kept.versions and not _understood(versions):
        yield invalid_value(path, versions, f"must include at least one of {', '.join(_VERSIONS)}")


_RULES = Rules(body=_configuration, change=_update, only_whole=True, kube_finalizers=False)

RULES = {
    "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": _RULES,
    "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": _RULES,
}
