"""What is wrong with admission policies and their bindings, in upstream's words."""

import pytest
from apitools import LABEL_1035, alone, change_problems, kinds, problems

RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
APPLY = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}


def policy(*validations, rule=RULE, **spec):
    found = list(validations or [{"expression": "true"}])
    return alone(spec={"matchConstraints": {"resourceRules": [rule]}, "validations": found, **spec})


def mutation(*mutations, rule=RULE, **spec):
    constraints = {"resourceRules": [rule]}
    return alone(
        spec={"matchConstraints": constraints, "reinvocationPolicy": "Never", "mutations": list(mutations), **spec}
    )


def binding(**spec):
    return alone(spec={"policyName": "p", "validationActions": ["Deny"], **spec})


NEW = [
    (kinds.VALIDATING_ADMISSION_POLICY, policy(),
     []),
    (kinds.VALIDATING_ADMISSION_POLICY, policy({"expression": ""}),
     ["spec.validations[0].expression: Required value: expression is not specified"]),
    (kinds.VALIDATING_ADMISSION_POLICY, policy({"expression": "object.x >"}),
     ['spec.validations[0].expression: Invalid value: "object.x >": compilation failed: ERROR: '
      "<input>:1:11: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', "
      "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | object.x "
      ">\n | ..........^"]),
    (kinds.VALIDATING_ADMISSION_POLICY, policy({"expression": "object.spec.replicas"}),
     ['spec.validations[0].expression: Invalid value: "object.spec.replicas": must evaluate to bool '
      "but got dyn"]),
    (kinds.VALIDATING_ADMISSION_POLICY, policy({"expression": "params.x == 1"}),
     ['spec.validations[0].expression: Invalid value: "params.x == 1": compilation failed: ERROR: '
      "<input>:1:1: undeclared reference to 'params' (in container '')\n | params.x == 1\n | ^"]),
    (kinds.VALIDATING_ADMISSION_POLICY,
     policy({"expression": "params.x == 1"}, paramKind={"apiVersion": "v1", "kind": "ConfigMap"}),
     []),
    (kinds.VALIDATING_ADMISSION_POLICY,
     policy({"expression": "variables.a == 1"}, variables=[{"name": "a", "expression": "object.x"}]),
     []),
    (kinds.VALIDATING_ADMISSION_POLICY,
     policy(variables=[{"name": "a", "expression": "variables.b"}, {"name": "a", "expression": "1"},
     {"name": "in", "expression": "1"}]),
     ['spec.variables[0].expression: Invalid value: "variables.b": compilation failed: ERROR: '
      "<input>:1:10: undefined field 'b'\n | variables.b\n | .........^",
      'spec.variables[2].name: Invalid value: "in": must be a valid CEL identifier']),
    (kinds.VALIDATING_ADMISSION_POLICY,
     policy({"expression": "true", "message": " "}, {"expression": "true", "reason": "Bad"}),
     ['spec.validations[0].message: Invalid value: " ": must be non-empty if specified',
      'spec.validations[1].reason: Unsupported value: "Bad": supported values: "Forbidden", "Invalid", '
      '"RequestEntityTooLarge"']),
    (kinds.VALIDATING_ADMISSION_POLICY, policy({"expression": "true", "messageExpression": "1"}),
     ['spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int']),
    (kinds.VALIDATING_ADMISSION_POLICY,
     policy({"expression": "object.a\n&& true"}, {"expression": "true", "message": "a\nb"}),
     ['spec.validations[1].message: Invalid value: "a\\nb": must not contain line breaks']),
    (kinds.VALIDATING_ADMISSION_POLICY,
     policy(auditAnnotations=[{"key": "A_", "valueExpression": "1"}, {"key": "", "valueExpression": ""}]),
     ['spec.auditAnnotations[0].key: Invalid value: "x/A_": name part must consist of alphanumeric '
      "characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
      "'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
      "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string '
      "null_type] but got int",
      'spec.auditAnnotations[1].key: Invalid value: "x/": name part must be non-empty',
      'spec.auditAnnotations[1].key: Invalid value: "x/": name part must consist of alphanumeric '
      "characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
      "'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
      "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      "spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified"]),
    (kinds.VALIDATING_ADMISSION_POLICY, policy(failurePolicy="Retry", matchConstraints=None),
     ['spec.failurePolicy: Unsupported value: "Retry": supported values: "Fail", "Ignore"',
      "spec.matchConstraints: Required value"]),
    (kinds.VALIDATING_ADMISSION_POLICY, policy(paramKind={"apiVersion": "a/b/c", "kind": "x y"}),
     ['spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
      'spec.paramKind.kind: Invalid value: "x y": may have mixed case, but should otherwise match: ' + LABEL_1035]),
    (kinds.VALIDATING_ADMISSION_POLICY, alone(spec={"matchConstraints": {"resourceRules": [RULE]}}),
     ["spec.validations: Required value: validations or auditAnnotations must contain at least one item",
      "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least "
      "one item"]),
    (kinds.VALIDATING_ADMISSION_POLICY_BINDING, binding(validationActions=[]),
     ["spec.validationActions: Required value: at least one validation action is required"]),
    (kinds.VALIDATING_ADMISSION_POLICY_BINDING,
     binding(validationActions=["Deny", "Warn", "Deny", "Log"], policyName=""),
     ["spec.policyName: Required value",
      'spec.validationActions[2]: Duplicate value: "Deny"',
      'spec.validationActions[3]: Unsupported value: "Log": supported values: "Audit", "Deny", "Warn"',
      'spec.validationActions: Invalid value: ["Deny","Warn","Deny","Log"]: must not contain both Deny '
      "and Warn (repeating the same validation failure information in the API response and headers "
      "serves no purpose)"]),
    (kinds.VALIDATING_ADMISSION_POLICY_BINDING,
     binding(paramRef={"name": "a", "selector": {}, "parameterNotFoundAction": "Ask"}),
     ["spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
      "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
      'spec.paramRef.parameterNotFoundAction: Unsupported value: "Ask": supported values: "Deny", '
      '"Allow"']),
    (kinds.VALIDATING_ADMISSION_POLICY_BINDING, binding(paramRef={"parameterNotFoundAction": "Deny"}),
     ["spec.paramRef: Required value: one of name or selector must be specified"]),
    (kinds.MUTATING_ADMISSION_POLICY, mutation(APPLY),
     []),
    (kinds.MUTATING_ADMISSION_POLICY, mutation(reinvocationPolicy="Often"),
     ["spec.mutations: Required value: mutations must contain at least one item",
      'spec.reinvocationPolicy: Unsupported value: "Often": supported values: "IfNeeded", "Never"']),
    (kinds.MUTATING_ADMISSION_POLICY, mutation({"patchType": "Diff"}),
     ['spec.mutations[0].patchType: Unsupported value: "Diff": supported values: "ApplyConfiguration", '
      '"JSONPatch"']),
    (kinds.MUTATING_ADMISSION_POLICY, mutation({"patchType": "JSONPatch"}),
     ["spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch"]),
    (kinds.MUTATING_ADMISSION_POLICY, mutation({"patchType": "JSONPatch", "jsonPatch": {"expression": "[1]"}}),
     ['spec.mutations[0].jsonPatch.expression: Invalid value: "[1]": must evaluate to list(JSONPatch) '
      "but got list(int)"]),
    (kinds.MUTATING_ADMISSION_POLICY, mutation(APPLY, rule=RULE | {"operations": ["DELETE"]}),
     ['spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: '
      '"*", "CONNECT", "CREATE", "UPDATE"']),
    (kinds.MUTATING_ADMISSION_POLICY_BINDING, alone(spec={"policyName": ""}),
     ["spec.policyName: Required value"]),
]  # fmt: skip

CHANGED = [
    (kinds.VALIDATING_ADMISSION_POLICY, policy({"expression": "object.spec.replicas"}), policy(), "",
     ['spec.validations[0].expression: Invalid value: "object.spec.replicas": must evaluate to bool '
      "but got dyn"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected


@pytest.mark.parametrize(("kind", "new", "old", "subresource", "expected"), CHANGED)
def test_what_is_wrong_with_changes(kind, new, old, subresource, expected):
    assert change_problems(kind, new, old, subresource) == expected
