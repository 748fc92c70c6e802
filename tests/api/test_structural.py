"""Values and the schemas that users bring."""

import pytest

from wherry.api.structural import formats, paths, pruning, types, values

TEXT = {"type": "string"}
EITHER = {"type": "object", "oneOf": [{"required": ["p"]}, {"required": ["q"]}]}

WRONG = [
    ({"type": "integer", "minimum": 1}, 0, ["s: Invalid value: 0: s in body should be greater than or equal to 1"]),
    ({"type": "integer", "maximum": 5, "exclusiveMaximum": True}, 5,
     ["s: Invalid value: 5: s in body should be less than 5"]),
    ({"type": "integer"}, "x", ['s: Invalid value: "string": s in body must be of type integer: "string"']),
    ({"type": "integer"}, True, ['s: Invalid value: "boolean": s in body must be of type integer: "boolean"']),
    ({"type": "integer"}, 1.5,
     ['s: Invalid value: "number": s in body must be of type integer: "number"',
      '<nil>: Invalid value: "": Checked value must be of type integer (default format) in s']),
    ({"type": "integer"}, 2.0, []),
    ({"type": "integer", "format": "int32"}, 2**31,
     ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in s']),
    ({"type": "number", "multipleOf": 0.5}, 0.3, ["s: Invalid value: 0.3: s in body should be a multiple of 0.5"]),
    ({"type": "number", "multipleOf": 0.1}, 0.3, []),
    (TEXT | {"minLength": 2}, "a", ['s: Invalid value: "a": s in body should be at least 2 chars long']),
    (TEXT | {"maxLength": 1}, "ab", ["s: Too long: may not be more than 1 byte"]),
    (TEXT | {"pattern": "^[a-z]+$"}, "A", ["s: Invalid value: \"A\": s in body should match '^[a-z]+$'"]),
    (TEXT | {"format": "ipv4"}, "::1", ['s: Invalid value: "::1": s in body must be of type ipv4: "::1"']),
    (TEXT | {"format": "unheard-of"}, "x", []),
    (TEXT | {"enum": ["a", "b"]}, "c", ['s: Unsupported value: "c": supported values: "a", "b"']),
    (TEXT, None, ['s: Invalid value: "null": s in body must be of type string: "null"']),
    (TEXT | {"nullable": True}, None, []),
    ({"type": "array", "minItems": 1}, [], ["s: Invalid value: 0: s in body should have at least 1 items"]),
    ({"type": "array", "maxItems": 1}, [1, 2], ["s: Too many: 2: must have at most 1 item"]),
    ({"type": "array", "items": TEXT}, ["a", 1],
     ['s[1]: Invalid value: "integer": s[1] in body must be of type string: "integer"']),
    ({"type": "object", "required": ["x"]}, {}, ["s.x: Required value"]),
    ({"type": "object", "properties": {"x": TEXT}}, {"x": 1},
     ['s.x: Invalid value: "integer": s.x in body must be of type string: "integer"']),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": "x"},
     ['s.a: Invalid value: "string": s.a in body must be of type integer: "string"']),
    ({"type": "object", "additionalProperties": False}, {"a": 1},
     ['s: Invalid value: "a": s.a in body is a forbidden property']),
    (EITHER, {"p": 1}, []),
    (EITHER, {"p": 1, "q": 1},
     ['<nil>: Invalid value: "": "s" must validate one and only one schema (oneOf). Found 2 valid alternatives']),
    (EITHER, {},
     ['<nil>: Invalid value: "": "s" must validate one and only one schema (oneOf). Found none valid',
      "s.p: Required value"]),
    (TEXT | {"not": {"enum": ["no"]}}, "no", ['<nil>: Invalid value: "": "s" must not validate the schema (not)']),
    (TEXT | {"anyOf": [{"minLength": 2}, {"pattern": "b"}]}, "a",
     ['<nil>: Invalid value: "": "s" must validate at least one schema (anyOf)',
      's: Invalid value: "a": s in body should be at least 2 chars long']),
    (TEXT | {"allOf": [{"minLength": 2}, {"pattern": "a"}]}, "a",
     ['s: Invalid value: "a": s in body should be at least 2 chars long',
      '<nil>: Invalid value: "": "s" must validate all the schemas (allOf)']),
]  # fmt: skip

FORMATS = [
    *(("date", text, right) for text, right in (("2026-02-28", True), ("2026-02-30", False))),
    *(("date-time", text, right) for text, right in (("2026-01-02T03:04:05Z", True), ("yesterday", False))),
    *(("duration", text, right) for text, right in (("1h30m", True), ("3 days", True), ("soon", False))),
    *(("byte", text, right) for text, right in (("aGk=", True), ("a", False))),
    *(("cidr", text, right) for text, right in (("10.0.0.0/8", True), ("10.0.0.1", False))),
    *(("uuid4", text, right) for text, right in (("5f0c6c3a-9a35-4a3e-8a51-6d3f0b1f2c4d", True), ("x", False))),
    *(("isbn", text, right) for text, right in (("0321751043", True), ("978-0321751041", True), ("1", False))),
    *(("creditcard", text, right) for text, right in (("4111 1111 1111 1111", True), ("4111 1111 1111 1112", False))),
    *(("hostname", text, right) for text, right in (("a.example", True), ("-a", False))),
    *(("k8s-short-name", text, right) for text, right in (("a-b", True), ("a.b", False))),
]

SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": "object", "properties": {"b": TEXT}},
        "free": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"a": {"type": "object"}},
        },
        "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"k": TEXT}}},
        "list": {"type": "array", "items": {"type": "object"}},
    },
}


@pytest.mark.parametrize(("schema", "value", "expected"), WRONG)
def test_what_is_wrong_with_a_value(schema, value, expected):
    whole = {"type": "object", "properties": {"s": schema}}
    assert [str(error) for error in values.check({"s": value}, whole)] == expected


@pytest.mark.parametrize(("name", "text", "right"), FORMATS)
def test_formats_of_strings(name, text, right):
    assert formats.check(name, text) is right


def test_fields_that_no_schema_names_are_pruned():
    value = {"a": {"b": "x", "c": 1}, "free": {"z": 1, "a": {"z": 1}}, "map": {"x": {"k": "v", "z": 1}}, "z": 1}
    assert pruning.pruned(value | {"list": [{"z": 1}]}, SCHEMA) == {
        "a": {"b": "x"},
        "free": {"z": 1, "a": {}},
        "map": {"x": {"k": "v"}},
        "list": [{}],
    }


def test_an_embedded_object_keeps_its_metadata():
    value = {"kind": "K", "metadata": {"name": "n"}, "z": 1}
    assert pruning.pruned(value, {"type": "object"}, embedded=True) == {"kind": "K", "metadata": {"name": "n"}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".a.b", "a.b"),
        ("['a'].b", "a.b"),
        (".map['x'].k", "map[x].k"),
        (".map.x", "map[x]"),
        ("a", "expected [ or . but got: a"),
        (".", "unexpected end of JSON path"),
        (".a.c", "does not refer to a valid field"),
        (".a['b'", "unexpected end of JSON path"),
        (".a[b]", "expected single quoted string but got b"),
        (r".map['\q']", r"invalid string literal: invalid escape char \q"),
    ],
)
def test_paths_through_a_schema(path, expected):
    try:
        found = paths.follow(path, SCHEMA)[0]
    except paths.PathError as error:
        found = str(error)
    assert found == expected


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("a", "a"), ("a-b", "a__dash__b"), ("a.b/c", "a__dot__b__slash__c"), ("a__b", "a__underscores__b"),
     ("namespace", "__namespace__"), ("1a", ""), ("ä", "")],
)  # fmt: skip
def test_names_of_fields_in_rules(name, escaped):
    assert types.escape(name) == escaped
