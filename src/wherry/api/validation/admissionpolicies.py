"""ValidatingAdmissionPolicy, MutatingAdmissionPolicy, and their bindings."""

import re
from dataclasses import replace

from wherry.api import Obj, meta
from wherry.api.errors import FieldError, duplicate, forbidden_field, invalid_value, required, unsupported
from wherry.api.patch.values import same
from wherry.api.validation import expressions, fields, internal, matching, metadata
from wherry.api.validation.expressions import Sight, Variables
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import names

_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_MOST_ANNOTATIONS = 20
_LONGEST_VALUE = 5 * 1024
_UNSPECIFIED = "expression is not specified"
_NOTHING = "validations or auditAnnotations must contain at least one item"

# What both kinds of policies have


def _common(spec: Obj, old: Obj | None, mutating: bool) -> Check:
    """Failure policy, parameters, what is matched and under which conditions."""
    if spec.get("failurePolicy") is None:
        yield required("spec.failurePolicy")
    else:
        yield from fields.one_of(spec["failurePolicy"], "spec.failurePolicy", matching.FAILURE_POLICIES)
    if spec.get("paramKind") is not None:
        yield from _param_kind(spec["paramKind"], "spec.paramKind")
    constraints, path = spec.get("matchConstraints"), "spec.matchConstraints"
    if constraints is None:
        yield required(path)
    else:
        yield from matching.resources(constraints, path)
        if not constraints.get("resourceRules"):
            yield required(f"{path}.resourceRules")
        if mutating:
            yield from matching.mutating_operations(constraints, path)
    if old is None or any(not same(spec.get(key), old.get(key)) for key in ("paramKind", "matchConditions")):
        params = spec.get("paramKind") is not None
        yield from matching.conditions(spec.get("matchConditions") or [], "spec.matchConditions", params)


def _param_kind(found: Obj, path: str) -> Check:
    version, kind = found.get("apiVersion", ""), found.get("kind", "")
    if not version:
        yield required(f"{path}.apiVersion")
    elif version.count("/") > 1:
        yield invalid_value(f"{path}.apiVersion", version, f"unexpected GroupVersion string: {version}")
    else:
        yield from _group_version(version, f"{path}.apiVersion")
    if not kind:
        yield required(f"{path}.kind")
    elif wrong := names.dns_1035_label_errors(kind.lower()):
        message = f"may have mixed case, but should otherwise match: {','.join(wrong)}"
        yield invalid_value(f"{path}.kind", kind, message)


def _group_version(text: str, path: str) -> Check:
    group, _, version = text.rpartition("/")
    if group and (wrong := names.dns_subdomain_errors(group)):
        yield invalid_value(path, group, ",".join(wrong))
    if not version:
        yield invalid_value(path, text, "version must be specified")
    elif wrong := names.dns_1035_label_errors(version):
        yield invalid_value(path, version, ",".join(wrong))


def _variables(spec: Obj) -> tuple[Variables, list[FieldError]]:
    """The variables that expressions may use, and what is wrong with those that define them."""
    known, errors = Variables(), list[FieldError]()
    params = spec.get("paramKind") is not None
    for index, variable in enumerate(spec.get("variables") or ()):
        path, name, text = f"spec.variables[{index}]", variable.get("name", ""), variable.get("expression", "")
        if not name.strip():
            errors.append(required(f"{path}.name", "name is not specified"))
        elif not expressions.is_identifier(name):
            errors.append(invalid_value(f"{path}.name", name, "must be a valid CEL identifier"))
        if not text.strip():
            errors.append(required(f"{path}.expression", _UNSPECIFIED))
            continue
        errors += known.define(name, text, f"{path}.expression", params)
    return known, errors


# ValidatingAdmissionPolicy


def _validating(obj: Obj) -> Check:
    yield from _validating_spec(obj, None)


def _validating_update(new: Obj, old: Obj) -> Check:
    yield from _validating_spec(new, old["spec"])


def _validating_spec(obj: Obj, old: Obj | None) -> Check:
    spec = obj["spec"]
    yield from _common(spec, old, mutating=False)
    variables, errors = _variables(spec)
    yield from errors
    sight = Sight(spec.get("paramKind") is not None, variables=variables if spec.get("variables") else None)
    validations, annotations = spec.get("validations") or [], spec.get("auditAnnotations") or []
    if not validations and not annotations:
        yield required("spec.validations", _NOTHING)
        yield required("spec.auditAnnotations", _NOTHING)
    for index, validation in enumerate(validations):
        yield from _validation(validation, f"spec.validations[{index}]", sight)
    if len(annotations) > _MOST_ANNOTATIONS:
        shown = [internal.shown("admissionregistration.AuditAnnotation", each) for each in annotations]
        message = f"must not have more than {_MOST_ANNOTATIONS} auditAnnotations"
        yield invalid_value("spec.auditAnnotations", shown, message)
    seen: set[str] = set()
    for index, annotation in enumerate(annotations):
        path, key = f"spec.auditAnnotations[{index}]", annotation.get("key", "")
        yield from _audit_annotation(annotation, meta.name(obj), path, sight)
        if key in seen:
            yield duplicate(f"{path}.key", key)
        seen.add(key)


def _validation(found: Obj, path: str, sight: Sight) -> Check:
    text, telling, message = (found.get(key, "") for key in ("expression", "messageExpression", "message"))
    if not text.strip():
        yield required(f"{path}.expression", _UNSPECIFIED)
    else:
        yield from expressions.admission(text, f"{path}.expression", ("bool",), sight)
    at = f"{path}.messageExpression"
    if telling and not telling.strip():
        yield invalid_value(at, telling, "must be non-empty if specified")
    elif telling:
        yield from expressions.admission(telling, at, ("string",), replace(sight, authorizer=False))
    if message and not message.strip():
        yield invalid_value(f"{path}.message", message, "must be non-empty if specified")
    elif re.search(r"[\n\r]", message.strip()):
        yield invalid_value(f"{path}.message", message, "must not contain line breaks")
    if found.get("reason") is not None:
        yield from fields.one_of(found["reason"], f"{path}.reason", _REASONS)


def _audit_annotation(found: Obj, name: str, path: str, sight: Sight) -> Check:
    key, text = found.get("key", ""), found.get("valueExpression", "")
    if name:
        yield from fields.qualified_name(f"{name}/{key}", f"{path}.key")
    else:
        yield invalid_value(f"{path}.key", key, "requires metadata.name be non-empty")
    at, trimmed = f"{path}.valueExpression", text.strip()
    if not trimmed:
        yield required(at, "valueExpression is not specified")
    elif len(trimmed.encode()) > _LONGEST_VALUE:
        yield required(at, f"must not exceed {_LONGEST_VALUE} bytes in length")
    else:
        yield from expressions.admission(trimmed, at, ("string", "null_type"), sight)


def _validating_status(new: Obj, old: Obj) -> Check:
    status, path = new.get("status") or {}, "status.typeChecking.expressionWarnings"
    for index, warning in enumerate((status.get("typeChecking") or {}).get("expressionWarnings") or ()):
        if not warning.get("warning"):
            yield required(f"{path}[{index}].warning")
        if not warning.get("fieldRef", "").strip():
            yield required(f"{path}[{index}].fieldRef")
    yield from metadata.conditions(status.get("conditions"), "status.conditions")


# MutatingAdmissionPolicy


def _mutating(obj: Obj) -> Check:
    yield from _mutating_spec(obj, None)


def _mutating_update(new: Obj, old: Obj) -> Check:
    yield from _mutating_spec(new, old["spec"])


def _mutating_spec(obj: Obj, old: Obj | None) -> Check:
    spec = obj["spec"]
    yield from _common(spec, old, mutating=True)
    known, errors = _variables(spec)
    yield from errors
    if not spec.get("mutations"):
        yield required("spec.mutations", "mutations must contain at least one item")
    sight = Sight(spec.get("paramKind") is not None, variables=known, patches=True)
    for index, mutation in enumerate(spec.get("mutations") or ()):
        yield from _mutation(mutation, f"spec.mutations[{index}]", sight)
    policies = ("IfNeeded", "Never")
    yield from fields.one_of_or_needed(spec.get("reinvocationPolicy"), "spec.reinvocationPolicy", policies)


_PATCHES = {"JSONPatch": ("jsonPatch", "list(JSONPatch)"), "ApplyConfiguration": ("applyConfiguration", "Object")}


def _mutation(found: Obj, path: str, sight: Sight) -> Check:
    kind = found.get("patchType", "")
    if not kind:
        yield required(f"{path}.patchType")
        return
    if kind not in _PATCHES:
        yield unsupported(f"{path}.patchType", kind, sorted(_PATCHES))
        return
    key, result = _PATCHES[kind]
    if found.get(key) is None:
        yield required(f"{path}.{key}", f"must be specified when patchType is {kind}")
    else:
        text, at = found[key].get("expression", "").strip(), f"{path}.{key}.expression"
        if not text:
            yield required(at)
        else:
            yield from expressions.admission(text, at, (result,), sight)
    for other, (field, _) in _PATCHES.items():
        if other != kind and found.get(field) is not None:
            message = f"must not be specified when patchType is {kind}"
            yield invalid_value(f"{path}.{field}", f"{{{field}}}", message)


# Bindings

_ACTIONS = ("Audit", "Deny", "Warn")
_BOTH_TELL = (
    "must not contain both Deny and Warn (repeating the same validation failure information in the API response and "
    "headers serves no purpose)"
)


def _binding(obj: Obj) -> Check:
    spec = obj["spec"]
    if not spec.get("policyName"):
        yield required("spec.policyName")
    else:
        yield from fields.subdomain(spec["policyName"], "spec.policyName")
    if spec.get("paramRef") is not None:
        yield from _param_reference(spec["paramRef"], "spec.paramRef")
    if spec.get("matchResources") is not None:
        yield from matching.resources(spec["matchResources"], "spec.matchResources")


def _param_reference(found: Obj, path: str) -> Check:
    name, selector, action = (found.get(key) for key in ("name", "selector", "parameterNotFoundAction"))
    exclusive = "name and selector are mutually exclusive"
    if name:
        yield from fields.path_segment(name, f"{path}.name")
        if selector is not None:
            yield forbidden_field(f"{path}.name", exclusive)
    if selector is not None:
        yield from metadata.label_selector(selector, f"{path}.selector")
        if name:
            yield forbidden_field(f"{path}.selector", exclusive)
    if not name and selector is None:
        yield required(path, "one of name or selector must be specified")
    yield from fields.one_of_or_needed(action, f"{path}.parameterNotFoundAction", ("Deny", "Allow"))


def _validating_binding(obj: Obj) -> Check:
    yield from _binding(obj)
    actions, path = obj["spec"].get("validationActions") or [], "spec.validationActions"
    for index, action in enumerate(actions):
        yield from fields.one_of(action, f"{path}[{index}]", _ACTIONS)
        if action in actions[:index]:
            yield duplicate(f"{path}[{index}]", action)
    if {"Deny", "Warn"} <= set(actions):
        yield invalid_value(path, actions, _BOTH_TELL)
    if not actions:
        yield required(path, "at least one validation action is required")


def _mutating_binding(obj: Obj) -> Check:
    yield from _binding(obj)
    matched = obj["spec"].get("matchResources")
    if matched is not None:
        yield from matching.mutating_operations(matched, "spec.matchResources")


_GROUP = "admissionregistration.k8s.io/v1"

RULES = {
    f"{_GROUP}/ValidatingAdmissionPolicy": Rules(
        body=_validating,
        change=_validating_update,
        only_whole=True,
        kube_finalizers=False,
        subresources={"status": _validating_status},
    ),
    f"{_GROUP}/MutatingAdmissionPolicy": Rules(
        body=_mutating, change=_mutating_update, only_whole=True, kube_finalizers=False
    ),
    f"{_GROUP}/ValidatingAdmissionPolicyBinding": Rules(
        body=_validating_binding, only_whole=True, kube_finalizers=False
    ),
    f"{_GROUP}/MutatingAdmissionPolicyBinding": Rules(body=_mutating_binding, only_whole=True, kube_finalizers=False),
}
