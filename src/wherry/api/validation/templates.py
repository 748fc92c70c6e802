"""Pod templates and what the kinds that hold one share: selectors, replica counts, rolling updates."""

import re
from collections.abc import Iterable

from wherry.api import Obj
from wherry.api.errors import forbidden_field, invalid_value, required, unsupported
from wherry.api.validation import fields, internal, metadata, pods, podspec
from wherry.api.validation.fields import Check
from wherry.lib import names, selectors


def template(found: Obj, path: str) -> Check:
    """A pod template: labels, annotations and spec."""
    meta, spec = found.get("metadata") or {}, found.get("spec") or {}
    yield from metadata.labels(meta.get("labels"), f"{path}.labels")
    yield from metadata.annotations(meta.get("annotations"), f"{path}.annotations")
    yield from pods.annotations(meta.get("annotations") or {}, spec, f"{path}.annotations")
    yield from podspec.check(spec, None, f"{path}.spec")
    yield from pods.profiles_match({"metadata": meta, "spec": spec}, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        message = "ephemeral containers not allowed in pod template"
        yield forbidden_field(f"{path}.spec.ephemeralContainers", message)


def selector_matches(selector: Obj | None, found: Obj, path: str) -> Check:
    """The labels of a template must be what its owner selects."""
    labels = (found.get("metadata") or {}).get("labels")
    chosen = understood(selector)
    if chosen is not None and not chosen.matches(labels):
        message = "`selector` does not match template `labels`"
        yield invalid_value(f"{path}.metadata.labels", dict(sorted((labels or {}).items())) or None, message)


def understood(selector: Obj | None) -> selectors.Selector | None:
    """The selector, unless something is wrong with it."""
    return None if metadata.label_selector(selector, "") else selectors.from_object(selector)


def shown(selector: Obj | None) -> Obj | None:
    """A selector as messages show it."""
    return internal.shown("meta.LabelSelector", selector)


def always_running(found: Obj, kind: str, path: str) -> Check:
    """A template whose pods are replaced whenever they end."""
    spec = found.get("spec") or {}
    policy = spec.get("restartPolicy", "")
    if policy != "Always":
        yield unsupported(f"{path}.spec.restartPolicy", policy, ("Always",))
    if spec.get("activeDeadlineSeconds") is not None:
        message = f"activeDeadlineSeconds in {kind} is not Supported"
        yield forbidden_field(f"{path}.spec.activeDeadlineSeconds", message)


def selector(found: Obj | None, kind: str, path: str, needed: bool = True) -> Check:
    """A workload's selector: it must be there and select something."""
    if found is None:
        if needed:
            yield required(path)
        return
    yield from metadata.label_selector(found, path)
    if not found.get("matchLabels") and not found.get("matchExpressions"):
        yield invalid_value(path, shown(found), f"empty selector is invalid for {kind}")


_PERCENT = "[0-9]+%"
_PERCENT_MESSAGE = names.pattern_error(
    "a valid percent string must be a numeric string followed by an ending '%'", _PERCENT, "1%", "93%"
)


def is_percent(value: int | str) -> bool:
    return isinstance(value, str) and re.fullmatch(_PERCENT, value) is not None


def count_or_percent(value: int | str, path: str) -> Check:
    if isinstance(value, str):
        if not is_percent(value):
            yield invalid_value(path, value, _PERCENT_MESSAGE)
    else:
        yield from fields.not_negative(value, path)


def at_most_all(value: int | str, path: str) -> Check:
    if isinstance(value, str) and is_percent(value) and int(value[:-1]) > 100:
        yield invalid_value(path, value, "must not be greater than 100%")


def amount(value: int | str | None) -> int:
    """The number in a count or a percentage; 0 for anything else."""
    if isinstance(value, str):
        digits = value.removesuffix("%")
        return int(digits) if is_percent(value) or re.fullmatch("[+-]?[0-9]+", value) else 0
    return value or 0


def counts(status: Obj, path: str, keys: Iterable[str]) -> Check:
    """Numbers of a status that cannot be negative."""
    for key in keys:
        if status.get(key) is not None:
            yield from fields.not_negative(status[key], f"{path}.{key}")


def no_more_than_replicas(status: Obj, keys: Iterable[str], ready: str) -> Check:
    """Parts of `replicas` in a workload's status. `ready`: how the message calls readyReplicas."""
    total = status.get("replicas", 0)
    for key in keys:
        if status.get(key, 0) > total:
            yield invalid_value(f"status.{key}", status.get(key, 0), "cannot be greater than status.replicas")
    if status.get("availableReplicas", 0) > status.get("readyReplicas", 0):
        message = f"cannot be greater than {ready}"
        yield invalid_value("status.availableReplicas", status.get("availableReplicas", 0), message)


def collisions(new: Obj, old: Obj) -> Check:
    """The collision count only grows."""
    now, before = new.get("collisionCount"), old.get("collisionCount")
    if before is not None and (now is None or now < before):
        yield invalid_value("status.collisionCount", now or 0, "cannot be decremented")
