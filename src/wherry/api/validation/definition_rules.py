"""Rules in CEL that schemas of CustomResourceDefinitions bring. Their cost is not estimated.

Source: apiextensions-apiserver, pkg/apis/apiextensions/validation and pkg/apiserver/schema/cel.
"""

from wherry.api import Obj
from wherry.api.errors import internal_field, invalid_value, required, unsupported
from wherry.api.structural import paths, rules, types
from wherry.api.structural.types import Declared
from wherry.api.validation import internal
from wherry.api.validation.fields import Check
from wherry.lib import cel
from wherry.lib.cel import CelError, Environment

_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")


def form(rule: Obj, schema: Obj, path: str) -> Check:
    """What a rule says apart from its expressions."""
    text, message, expression = (rule.get(key, "") for key in ("rule", "message", "messageExpression"))
    if not text.strip():
        yield required(f"{path}.rule", "rule is not specified")
    elif message and not message.strip():
        yield invalid_value(f"{path}.message", message, "must be non-empty if specified")
    elif _has_newline(message.strip()):
        yield invalid_value(f"{path}.message", message, "must not contain line breaks")
    elif _has_newline(text.strip()) and not message.strip():
        yield required(f"{path}.message", "message must be specified if rule contains line breaks")
    if expression and not expression.strip():
        yield required(f"{path}.messageExpression", "messageExpression must be non-empty if specified")
    reason, place = rule.get("reason"), rule.get("fieldPath", "")
    if reason is not None and reason not in _REASONS:
        yield unsupported(f"{path}.reason", reason, _REASONS)
    if place and not place.strip():
        yield invalid_value(f"{path}.fieldPath", place, "must be non-empty if specified")
    if _has_newline(place):
        yield invalid_value(f"{path}.fieldPath", place, "must not contain line breaks")
    if place and not rules.obstacle(schema) and not _leads_somewhere(place, schema):
        yield invalid_value(f"{path}.fieldPath", place, "must be a valid path")


def _has_newline(text: str) -> bool:
    return "\n" in text or "\r" in text


def _leads_somewhere(path: str, schema: Obj) -> bool:
    try:
        paths.follow(path, schema)
    except paths.PathError:
        return False
    return True


def compiled(schema: Obj, path: str, root: bool, uncorrelated: str) -> Check:
    """The expressions of a schema's rules. `root`: the schema is of an object with metadata of its own.
    `uncorrelated`: the list or map within which an old value cannot be found."""
    known = types.declared(schema, root)
    if known.type is None:
        what = "failed to construct type information for x-kubernetes-validations rules"
        why = "unable to convert structural schema to CEL declarations"
        yield internal_field(path, f"internal error: {what}: {why}")
        return
    for index, rule in enumerate(schema["x-kubernetes-validations"]):
        yield from _compiled_rule(rule, known, f"{path}[{index}]", uncorrelated)


def _compiled_rule(rule: Obj, known: Declared, path: str, uncorrelated: str) -> Check:
    environment, optional = _environment(known, rule), rule.get("optionalOldSelf")
    uses_old = False
    if wrong := _wrong(rule["rule"], environment, cel.BOOL, "cel expression must evaluate to a bool", ""):
        yield invalid_value(f"{path}.rule", internal.shown("apiextensions.ValidationRule", rule), wrong)
    else:
        uses_old = cel.mentions(cel.parse(rule["rule"]), "oldSelf")
        yield from _message(rule, environment, path)
    if uses_old and uncorrelated:
        message = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {uncorrelated}"
        yield invalid_value(f"{path}.rule", rule["rule"], message)
    if not uses_old and optional is not None:
        message = "may not be set if oldSelf is not used in rule"
        yield invalid_value(f"{path}.optionalOldSelf", optional, message)


def _message(rule: Obj, environment: Environment, path: str) -> Check:
    text = rule.get("messageExpression")
    if not text:
        return
    wrong = _wrong(text, environment, cel.STRING, "messageExpression must evaluate to a string", "messageExpression ")
    if wrong:
        shown = internal.shown("apiextensions.ValidationRule", rule)
        yield invalid_value(f"{path}.messageExpression", shown, wrong)


def _environment(known: Declared, rule: Obj) -> Environment:
    assert known.type is not None
    old = cel.optional_of(known.type) if rule.get("optionalOldSelf") else known.type
    return cel.base().with_structs(known.structs).with_variables(self=known.type, oldSelf=old)


def _wrong(text: str, environment: Environment, wanted: cel.Type, otherwise: str, what: str) -> str:
    """Why an expression cannot be used; empty when it can."""
    try:
        return "" if cel.check(text, environment) == wanted else otherwise
    except CelError as error:
        return f"{what}compilation failed: {error}"
