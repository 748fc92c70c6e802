"""What is wrong with CustomResourceDefinitions, in upstream's words."""

import pytest
from apitools import LABEL_1035, change_problems, kinds, problems

OBJECT = {"type": "object"}
NAMES = {"plural": "things", "kind": "Thing"}
LEFT = {"storedVersions": ["v0", "v1"]}
BROKEN = {"strategy": "Webhook", "webhook": {"clientConfig": {}, "conversionReviewVersions": ["v3", "v3"]}}


def version(name="v1", schema=OBJECT, **fields):
    return {"name": name, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **fields}


def definition(*versions, name="things.g.x", status=None, **spec):
    wanted = {"group": "g.x", "scope": "Cluster", "names": NAMES, "versions": list(versions or [version()])}
    obj = {"metadata": {"name": name}, "spec": {**wanted, **spec}}
    return obj | {"status": status} if status else obj


def fields(**found):
    return definition(version(schema={"type": "object", "properties": found}))


def ruled(*rules, **schema):
    return fields(a={"type": "string", "x-kubernetes-validations": list(rules), **schema})


def established(**changed):
    return definition(
        status={"storedVersions": ["v1"], "conditions": [{"type": "Established", "status": "True"}]}, **changed
    )


NEW = [
    (kinds.CUSTOM_RESOURCE_DEFINITION, definition(),
     []),
    (kinds.CUSTOM_RESOURCE_DEFINITION, definition(name="x.g.x", group="g"),
     ['metadata.name: Invalid value: "x.g.x": must be spec.names.plural+"."+spec.group',
      'spec.group: Invalid value: "g": should be a domain with at least one dot']),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     definition(scope="Galaxy", names={"plural": "things", "kind": "a b", "shortNames": ["A"]}),
     ['spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"',
      'spec.names.singular: Invalid value: "a b": ' + LABEL_1035,
      'spec.names.kind: Invalid value: "a b": may have mixed case, but should otherwise match: ' + LABEL_1035,
      'spec.names.listKind: Invalid value: "a bList": may have mixed case, but should otherwise match: ' + LABEL_1035,
      'spec.names.shortNames[0]: Invalid value: "A": ' + LABEL_1035]),
    (kinds.CUSTOM_RESOURCE_DEFINITION, definition(version("v1"), version("v1"), version("V", storage=False)),
     ['spec.versions[2].name: Invalid value: "V": ' + LABEL_1035,
      "spec.versions: Invalid value: "
      '[{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema"'
      ':null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v1",'
      '"Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subreso'
      'urces":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"V","Served":true,"'
      'Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"A'
      'dditionalPrinterColumns":null,"SelectableFields":null}]: must contain unique version names',
      "spec.versions: Invalid value: "
      '[{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema"'
      ':null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v1",'
      '"Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subreso'
      'urces":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"V","Served":true,"'
      'Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"A'
      'dditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked '
      "as storage version",
      'status.storedVersions: Invalid value: ["v1"]: must have the storage version v1']),
    (kinds.CUSTOM_RESOURCE_DEFINITION, definition(version(schema=None)),
     ["spec.versions[0].schema.openAPIV3Schema: Required value"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     definition(version(deprecationWarning="x"), version("v2", storage=False, deprecated=True,
     deprecationWarning="a\tb")),
     ['spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions',
      'spec.versions[1].deprecationWarning: Invalid value: "a\\tb": must only contain printable UTF-8 '
      "characters; non-printable character found at index 1"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     definition(version(subresources={"scale": {"specReplicasPath": ".status.a", "statusReplicasPath": ""}})),
     ['spec.subresources.scale.specReplicasPath: Invalid value: ".status.a": should be a json path '
      "under .spec",
      "spec.subresources.scale.statusReplicasPath: Required value"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     definition(version(additionalPrinterColumns=[{"name": "", "type": "blob", "jsonPath": "a"}])),
     ["spec.additionalPrinterColumns[0].name: Required value",
      'spec.additionalPrinterColumns[0].type: Invalid value: "blob": must be one of '
      "boolean,date,integer,number,string",
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "a": must be a simple json path '
      "starting with ."]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     definition(version(selectableFields=[{"jsonPath": ".spec[0]"}, {"jsonPath": ""}])),
     ['spec.selectableFields[0].jsonPath: Invalid value: ".spec[0]": is an invalid path: does not '
      "refer to a valid field",
      "spec.selectableFields[1].jsonPath: Required value"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     definition(version("v1", fields()["spec"]), version("v2", {"type": "int"}, storage=False)),
     ["spec.versions[0].schema.openAPIV3Schema.type: Required value: must not be empty at the root",
      'spec.versions[1].schema.openAPIV3Schema.type: Invalid value: "int": must be object at the root',
      'spec.versions[1].schema.openAPIV3Schema.type: Unsupported value: "int": supported values: '
      '"array", "boolean", "integer", "number", "object", "string"']),
    (kinds.CUSTOM_RESOURCE_DEFINITION, definition(conversion=BROKEN),
     ["spec.conversion.webhookClientConfig: Required value: exactly one of url or service is required",
      'spec.conversion.conversionReviewVersions[1]: Invalid value: "v3": duplicate version',
      'spec.conversion.conversionReviewVersions: Invalid value: ["v3","v3"]: must include at least one '
      "of v1, v1beta1"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION, definition(group="x.k8s.io", name="things.x.k8s.io"),
     ["metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have "
      'approval annotation "api-approved.kubernetes.io", see '
      "https://github.com/kubernetes/enhancements/pull/1111"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION, definition(status=LEFT),
     ['status.storedVersions[0]: Invalid value: "v0": missing from spec.versions; v0 was previously a '
      "storage version, and must remain in spec.versions until a storage migration ensures no data "
      "remains persisted in v0 and removes v0 from status.storedVersions"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION, definition(version(schema={"type": "string", "nullable": True})),
     ["spec.validation.openAPIV3Schema.nullable: Forbidden: nullable cannot be true at the root",
      'spec.validation.openAPIV3Schema.type: Invalid value: "string": must be object at the root']),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     definition(version(schema={"type": "object", "allOf": [{"properties": {"q": {"minimum": 1}}}]})),
     ["spec.validation.openAPIV3Schema.properties[q]: Required value: because it is defined in "
      "spec.validation.openAPIV3Schema.allOf[0].properties[q]"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION, fields(a={}, b={"type": "array"}, c={"type": "text"}),
     ["spec.validation.openAPIV3Schema.properties[a].type: Required value: must not be empty for "
      "specified object fields",
      "spec.validation.openAPIV3Schema.properties[b].items: Required value: must be specified",
      'spec.validation.openAPIV3Schema.properties[c].type: Unsupported value: "text": supported '
      'values: "array", "boolean", "integer", "number", "object", "string"']),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     fields(a={"type": "string", "pattern": "[a", "anyOf": [{"type": "string"}], "not": {"default": 1}}),
     ["spec.validation.openAPIV3Schema.properties[a].anyOf[0].type: Forbidden: must be empty to be "
      "structural",
      "spec.validation.openAPIV3Schema.properties[a].not.default: Forbidden: must be undefined to be "
      "structural",
      'spec.validation.openAPIV3Schema.properties[a].pattern: Invalid value: "[a": must be a valid '
      "regular expression, but isn't: error parsing regexp: missing closing ]: `[a`"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     fields(a={"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
     []),
    (kinds.CUSTOM_RESOURCE_DEFINITION, fields(a={"$ref": "#/x", "uniqueItems": True}),
     ["spec.validation.openAPIV3Schema.properties[a].$ref: Forbidden: $ref is not supported",
      "spec.validation.openAPIV3Schema.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set "
      "to true since the runtime complexity becomes quadratic"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     fields(metadata={"type": "object", "properties": {"labels": {"type": "object"}}}),
     ["spec.validation.openAPIV3Schema.properties[metadata]: Forbidden: must not specify anything "
      "other than name and generateName, but metadata is implicitly specified"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION, fields(metadata={"type": "object", "default": {"name": "x"}}),
     ["spec.validation.openAPIV3Schema.properties[metadata].default: Forbidden: must not be set in "
      "top-level metadata"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION, fields(a={"type": "object", "x-kubernetes-embedded-resource": True}),
     ["spec.validation.openAPIV3Schema.properties[a].properties: Required value: must not be empty if "
      "x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     fields(a={"type": "object", "properties": {"b": OBJECT}, "additionalProperties": OBJECT}),
     ["spec.validation.openAPIV3Schema.properties[a].additionalProperties: Forbidden: "
      "additionalProperties and properties are mutual exclusive"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     fields(a={"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
     "items": OBJECT}),
     ['spec.validation.openAPIV3Schema.properties[a].x-kubernetes-list-map-keys: Invalid value: ["k"]: '
      "entries must all be names of item properties"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     fields(a={"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object",
     "nullable": True}}),
     ["spec.validation.openAPIV3Schema.properties[a].items.x-kubernetes-map-type: Invalid value: null: "
      "must be atomic as item of a list with x-kubernetes-list-type=set",
      "spec.validation.openAPIV3Schema.properties[a].items.nullable: Forbidden: cannot be nullable "
      "when x-kubernetes-list-type is set"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     fields(a={"type": "string", "x-kubernetes-list-type": "bag", "x-kubernetes-map-type": "x"}),
     ['spec.validation.openAPIV3Schema.properties[a].type: Invalid value: "string": must be object if '
      "x-kubernetes-map-type is specified",
      'spec.validation.openAPIV3Schema.properties[a].x-kubernetes-map-type: Unsupported value: "x": '
      'supported values: "atomic", "granular"',
      'spec.validation.openAPIV3Schema.properties[a].type: Invalid value: "string": must be array if '
      "x-kubernetes-list-type is specified",
      'spec.validation.openAPIV3Schema.properties[a].x-kubernetes-list-type: Unsupported value: "bag": '
      'supported values: "atomic", "set", "map"']),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     fields(a={"type": "integer", "default": "x"}, b={"type": "object", "default": {"c": 1}}),
     ['spec.validation.openAPIV3Schema.properties[a].default: Invalid value: "string":  in body must '
      'be of type integer: "string"',
      'spec.validation.openAPIV3Schema.properties[b].default: Invalid value: {"c":1}: must not have '
      "unknown fields"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION, ruled({"rule": "self.size() > 1"}),
     []),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     ruled({"rule": " "}, {"rule": "true", "message": "a\nb", "reason": "Why", "fieldPath": ".b"}),
     ["spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations[0].rule: Required value: "
      "rule is not specified",
      "spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations[1].message: Invalid "
      'value: "a\\nb": must not contain line breaks',
      "spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations[1].reason: Unsupported "
      'value: "Why": supported values: "FieldValueDuplicate", "FieldValueForbidden", '
      '"FieldValueInvalid", "FieldValueRequired"',
      "spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations[1].fieldPath: Invalid "
      'value: ".b": must be a valid path']),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     ruled({"rule": "self"}, {"rule": "self ==", "messageExpression": "1"}, {"rule": "true",
     "messageExpression": "1"}),
     ["spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations[0].rule: Invalid value: "
      '{"Rule":"self","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf'
      '":null}: cel expression must evaluate to a bool',
      "spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations[1].rule: Invalid value: "
      '{"Rule":"self '
      '==","Message":"","MessageExpression":"1","Reason":null,"FieldPath":"","OptionalOldSelf":null}: '
      "compilation failed: ERROR: <input>:1:8: Syntax error: mismatched input '<EOF>' expecting {'[', "
      "'{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, "
      "IDENTIFIER}\n | self ==\n | .......^",
      "spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations[2].messageExpression: "
      "Invalid value: "
      '{"Rule":"true","Message":"","MessageExpression":"1","Reason":null,"FieldPath":"","OptionalOldSel'
      'f":null}: messageExpression must evaluate to a string']),
    (kinds.CUSTOM_RESOURCE_DEFINITION, ruled({"rule": "true", "optionalOldSelf": True}),
     ["spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations[0].optionalOldSelf: "
      "Invalid value: true: may not be set if oldSelf is not used in rule"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION, ruled({"rule": "oldSelf.hasValue()", "optionalOldSelf": True}),
     []),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     fields(a={"type": "array", "items": {"type": "string",
     "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}}),
     ["spec.validation.openAPIV3Schema.properties[a].items.x-kubernetes-validations[0].rule: Invalid "
      'value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema '
      "within spec.validation.openAPIV3Schema.properties[a]"]),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     fields(a={"x-kubernetes-preserve-unknown-fields": True, "x-kubernetes-validations": [{"rule": "true"}]}),
     ["spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations: Internal error: "
      "internal error: failed to construct type information for x-kubernetes-validations rules: unable "
      "to convert structural schema to CEL declarations"]),
]  # fmt: skip

CHANGED = [
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     established(scope="Namespaced", names={"plural": "things", "kind": "Other"}), established(), "",
     ['spec.scope: Invalid value: "Namespaced": field is immutable',
      'spec.names.kind: Invalid value: "Other": field is immutable']),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     definition(scope="Namespaced", status={"storedVersions": ["v1"]}), definition(), "",
     []),
    (kinds.CUSTOM_RESOURCE_DEFINITION, definition(group="h.x", status={"storedVersions": ["v1"]}), definition(), "",
     ['spec.group: Invalid value: "h.x": field is immutable']),
    (kinds.CUSTOM_RESOURCE_DEFINITION,
     definition(status={"acceptedNames": {"plural": "A", "kind": "A"}}), definition(), "status",
     ['status.acceptedNames.plural: Invalid value: "A": ' + LABEL_1035]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected


@pytest.mark.parametrize(("kind", "new", "old", "subresource", "expected"), CHANGED)
def test_what_is_wrong_with_changes(kind, new, old, subresource, expected):
    assert change_problems(kind, new, old, subresource) == expected
