"""Rules of ObjectMeta, which all kinds share, and of what looks like it: names, labels, selectors, conditions.

Source: apimachinery's api/validation (objectmeta, generic, path) and meta/v1/validation.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wherry.api import Obj
from wherry.api.errors import (
    FieldError,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
    too_long,
    unsupported,
)
from wherry.api.patch.values import same
from wherry.lib import names

Errors = list[FieldError]
NameRule = Callable[[str], list[str]]

IMMUTABLE = "field is immutable"
NOT_NEGATIVE = "must be greater than or equal to 0"
ANNOTATIONS_LIMIT = 256 * 1024
MANAGER_LIMIT = 128


def subdomain(name: str) -> list[str]:
    return names.dns_subdomain_errors(name)


def label(name: str) -> list[str]:
    return names.dns_label_errors(name)


def label_1035(name: str) -> list[str]:
    return names.dns_1035_label_errors(name)


def path_segment(name: str) -> list[str]:
    """A name that can stand in a path: all that RBAC objects and generic checks ask for."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return _path_characters(name)


def _path_characters(name: str) -> list[str]:
    return [f"may not contain '{char}'" for char in "/%" if char in name]


def check(obj: Obj, namespaced: bool, rule: NameRule = subdomain, path: str = "metadata") -> Errors:
    """The metadata of a new object, its name by the kind's rule."""
    return check_name(obj, rule, path) + _common(obj.get("metadata") or {}, namespaced, path)


def check_name(obj: Obj, rule: NameRule, path: str = "metadata") -> Errors:
    """Only the name, or what it is generated from."""
    meta = obj.get("metadata") or {}
    errors: Errors = []
    prefix = meta.get("generateName", "")
    if prefix:
        masked = prefix if rule is path_segment else _without_dash(prefix)
        messages = _path_characters(prefix) if rule is path_segment else rule(masked)
        errors += [invalid_value(f"{path}.generateName", prefix, message) for message in messages]
    name = meta.get("name", "")
    if name:
        errors += [invalid_value(f"{path}.name", name, message) for message in rule(name)]
    else:
        errors.append(required(f"{path}.name", "name or generateName is required"))
    return errors


def _without_dash(prefix: str) -> str:
    """A prefix that ends with a dash is completed by a random suffix: check it as if it ended with a letter."""
    return prefix[:-2] + "a" if len(prefix) > 1 and prefix.endswith("-") else prefix


def _common(meta: Obj, namespaced: bool, path: str) -> Errors:
    errors: Errors = []
    namespace = meta.get("namespace", "")
    if namespaced and not namespace:
        errors.append(required(f"{path}.namespace"))
    elif namespaced:
        errors += [invalid_value(f"{path}.namespace", namespace, message) for message in label(namespace)]
    elif namespace:
        errors.append(forbidden_field(f"{path}.namespace", "not allowed on this type"))
    for key, rule in _PARTS.items():
        found = meta.get(key)
        if found:
            errors += rule(found, f"{path}.{key}")
    return errors


_FIXED = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def check_update(new: Obj, old: Obj, path: str = "metadata", checked: bool = False) -> Errors:
    """The metadata of an updated object against what it was. `checked`: `check` found nothing wrong with it."""
    meta, before = new.get("metadata") or {}, old.get("metadata") or {}
    errors: Errors = []
    if before.get("deletionTimestamp"):
        errors += _no_new_finalizers(meta.get("finalizers") or [], before.get("finalizers") or [], path)
    if not meta.get("resourceVersion"):
        errors.append(invalid_value(f"{path}.resourceVersion", "", "must be specified for an update"))
    if meta.get("generation", 0) < before.get("generation", 0):
        errors.append(invalid_value(f"{path}.generation", meta.get("generation", 0), "must not be decremented"))
    for name in _FIXED:
        if meta.get(name) != before.get(name):
            empty = None if name.startswith(("deletion", "creation")) else ""
            errors.append(invalid_value(f"{path}.{name}", meta.get(name, empty), IMMUTABLE))
    if checked:
        return errors
    errors += labels(meta.get("labels"), f"{path}.labels")
    errors += annotations(meta.get("annotations"), f"{path}.annotations")
    errors += owner_references(meta.get("ownerReferences"), f"{path}.ownerReferences")
    return errors + managed_fields(meta.get("managedFields"), f"{path}.managedFields")


def _no_new_finalizers(new: list[str], old: list[str], path: str) -> Errors:
    extra = sorted(set(new) - set(old))
    if not extra:
        return []
    shown = "[]string{" + ", ".join(f'"{name}"' for name in extra) + "}"
    message = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
    return [forbidden_field(f"{path}.finalizers", message)]


def immutable(new: Any, old: Any, path: str) -> Errors:
    """A field that never changes; empty and absent are the same."""
    if same(new, old) or (not new and not old and not isinstance(new, bool | int)):
        return []
    return [invalid_value(path, new, IMMUTABLE)]


def not_negative(value: int | None, path: str) -> Errors:
    return [invalid_value(path, value, NOT_NEGATIVE)] if value is not None and value < 0 else []


def positive(value: int | None, path: str) -> Errors:
    return [invalid_value(path, value, "must be greater than 0")] if value is not None and value <= 0 else []


def label_name(name: str, path: str) -> Errors:
    return [invalid_value(path, name, message) for message in names.qualified_name_errors(name)]


def labels(found: Mapping[str, str] | None, path: str) -> Errors:
    errors: Errors = []
    for key, value in sorted(found.items()) if found else ():
        errors += label_name(key, path)
        errors += [invalid_value(path, value, message) for message in names.label_value_errors(value)]
    return errors


def annotations(found: Mapping[str, str] | None, path: str) -> Errors:
    errors: Errors = []
    size = 0
    for key, value in sorted(found.items()) if found else ():
        errors += [invalid_value(path, key, message) for message in names.qualified_name_errors(key.lower())]
        size += len(key.encode()) + len(value.encode())
    return [*errors, too_long(path, ANNOTATIONS_LIMIT)] if size > ANNOTATIONS_LIMIT else errors


_OWNER_TEXTS = {
    "apiVersion": "version must not be empty",
    "kind": "must not be empty",
    "name": "must not be empty",
    "uid": "must not be empty",
}


def _version(api_version: str) -> str:
    """The version in an apiVersion; none when that has too many parts."""
    return "" if api_version.count("/") > 1 else api_version.rpartition("/")[2]


_OWNER_FIELDS = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")


def _owner(owner: Obj) -> Obj:
    """An owner as messages show it."""
    return {key: owner[key] for key in _OWNER_FIELDS if key in owner}


def owner_references(found: Iterable[Obj] | None, path: str) -> Errors:
    if not found:
        return []
    errors: Errors = []
    controller = ""
    listed = list(found)
    for owner in listed:
        for key, message in _OWNER_TEXTS.items():
            value = owner.get(key, "")
            if not (_version(value) if key == "apiVersion" else value):
                errors.append(invalid_value(f"{path}.{key}", value, message))
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            errors.append(invalid_value(path, _owner(owner), "/v1, Kind=Event is disallowed from being an owner"))
        if owner.get("controller"):
            name = f"{owner.get('kind', '')}/{owner.get('name', '')}"
            if controller:
                message = (
                    'Only one reference can have Controller set to true. Found "true" in references for '
                    f"{controller} and {name}"
                )
                errors.append(invalid_value(path, [_owner(each) for each in listed], message))
            controller = controller or name
    return errors


def finalizers(found: Iterable[str] | None, path: str) -> Errors:
    if not found:
        return []
    listed = list(found)
    errors = [error for name in listed for error in label_name(name, path)]
    if {"orphan", "foregroundDeletion"} <= set(listed):
        message = "finalizer orphan and foregroundDeletion cannot be both set"
        errors.append(invalid_value(path, listed, message))
    return errors


NOT_A_FINALIZER = "name is neither a standard finalizer name nor is it fully qualified"
STANDARD_FINALIZERS = {"kubernetes", "orphan", "foregroundDeletion"}


def kube_finalizers(meta: Obj, path: str = "metadata.finalizers") -> Errors:
    """Finalizers of built-in kinds: the standard ones, or names with a domain."""
    errors: Errors = []
    for index, name in enumerate(meta.get("finalizers") or ()):
        at = f"{path}[{index}]"
        if "/" not in name and name not in STANDARD_FINALIZERS:
            errors.append(invalid_value(at, name, NOT_A_FINALIZER))
    return errors


def managed_fields(found: Iterable[Obj] | None, path: str) -> Errors:
    errors: Errors = []
    for index, entry in enumerate(found or ()):
        at = f"{path}[{index}]"
        if entry.get("operation", "") not in ("Apply", "Update"):
            errors.append(invalid_value(f"{at}.operation", entry.get("operation", ""), "must be `Apply` or `Update`"))
        if entry.get("fieldsType", "FieldsV1") not in ("", "FieldsV1"):
            errors.append(invalid_value(f"{at}.fieldsType", entry["fieldsType"], "must be `FieldsV1`"))
        errors += field_manager(entry.get("manager", ""), f"{at}.manager")
        if len(entry.get("subresource", "")) > 256:
            errors.append(too_long(f"{at}.subresource", 256))
    return errors


def field_manager(name: str, path: str) -> Errors:
    """The name under which a client manages fields."""
    errors = [too_long(path, MANAGER_LIMIT)] if len(name.encode()) > MANAGER_LIMIT else []
    if name.isprintable():
        return errors
    at = 0
    for char in name:
        if not char.isprintable():
            message = f"invalid character U+{ord(char):04X} (at position {at})"
            errors.append(invalid_value(path, name, message))
        at += len(char.encode())
    return errors


NEEDS_VALUES = "must be specified when `operator` is 'In' or 'NotIn'"
TAKES_NO_VALUES = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"


# Of every object's metadata, in the order of the messages. What is empty has nothing wrong with it.
_PARTS: Mapping[str, Callable[[Any, str], Errors]] = {
    "generation": not_negative,
    "labels": labels,
    "annotations": annotations,
    "ownerReferences": owner_references,
    "finalizers": finalizers,
    "managedFields": managed_fields,
}


def label_selector(selector: Obj | None, path: str, check_values: bool = True) -> Errors:
    """A LabelSelector object. `check_values`: not for what was there before the values had rules."""
    if selector is None:
        return []
    errors = labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for index, term in enumerate(selector.get("matchExpressions") or ()):
        errors += label_selector_term(term, f"{path}.matchExpressions[{index}]", check_values)
    return errors


def label_selector_term(term: Obj, path: str, check_values: bool = True) -> Errors:
    """One expression of a LabelSelector."""
    values, operator = term.get("values") or [], term.get("operator", "")
    errors: Errors = []
    if operator in ("In", "NotIn"):
        if not values:
            errors.append(required(f"{path}.values", NEEDS_VALUES))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.append(forbidden_field(f"{path}.values", TAKES_NO_VALUES))
    else:
        errors.append(invalid_value(f"{path}.operator", operator, "not a valid selector operator"))
    errors += label_name(term.get("key", ""), f"{path}.key")
    for index, value in enumerate(values if check_values else ()):
        at = f"{path}.values[{index}]"
        errors += [invalid_value(at, value, message) for message in names.label_value_errors(value)]
    return errors


_REASON = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"
_REASON_MESSAGE = names.pattern_error(
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    "characters or '_,:', and must end with an alphanumeric character or '_'",
    _REASON,
    "my_name",
    "MY_NAME",
    "MyName",
    "ReasonA,ReasonB",
    "ReasonA:ReasonB",
)


def conditions(found: Iterable[Obj] | None, path: str) -> Errors:
    """Conditions of the shared type metav1.Condition."""
    errors: Errors = []
    seen: set[str] = set()
    for index, condition in enumerate(found or ()):
        at, kind = f"{path}[{index}]", condition.get("type", "")
        if kind in seen:
            errors.append(duplicate(f"{at}.type", kind))
        seen.add(kind)
        errors += _condition(condition, at)
    return errors


def _condition(condition: Obj, path: str) -> Errors:
    errors = label_name(condition.get("type", ""), f"{path}.type")
    if condition.get("status", "") not in ("True", "False", "Unknown"):
        errors.append(unsupported(f"{path}.status", condition.get("status", ""), ("False", "True", "Unknown")))
    if condition.get("observedGeneration", 0) < 0:
        message = "must be greater than or equal to zero"
        errors.append(invalid_value(f"{path}.observedGeneration", condition["observedGeneration"], message))
    if not condition.get("lastTransitionTime"):
        errors.append(required(f"{path}.lastTransitionTime"))
    reason = condition.get("reason", "")
    if not reason:
        errors.append(required(f"{path}.reason"))
    elif not re.fullmatch(_REASON, reason):
        errors.append(invalid_value(f"{path}.reason", reason, _REASON_MESSAGE))
    if len(reason) > 1024:
        errors.append(too_long(f"{path}.reason", 1024))
    if len(condition.get("message", "")) > 32 * 1024:
        errors.append(too_long(f"{path}.message", 32 * 1024))
    return errors
