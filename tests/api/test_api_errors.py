"""Status bodies and field errors: each form once."""

import pytest

from wherry.api import errors, kinds

FIELDS = [
    (errors.invalid_value("a.b", "x", "must be y"), 'a.b: Invalid value: "x": must be y'),
    (errors.invalid_value("a", 3, "is odd"), "a: Invalid value: 3: is odd"),
    (errors.invalid_value("a", None, "is null"), "a: Invalid value: null: is null"),
    (errors.invalid_value("a", {"k": ["v"]}, "is a map"), 'a: Invalid value: {"k":["v"]}: is a map'),
    (errors.required("a"), "a: Required value"),
    (errors.required("a", "say it"), "a: Required value: say it"),
    (errors.duplicate("a[1]", "x"), 'a[1]: Duplicate value: "x"'),
    (errors.forbidden_field("a", "not now"), "a: Forbidden: not now"),
    (errors.not_found_field("a", "x"), 'a: Not found: "x"'),
    (errors.unsupported("a", "x", ("B", "A")), 'a: Unsupported value: "x": supported values: "B", "A"'),
    (errors.too_long("a", 63), "a: Too long: may not be more than 63 bytes"),
    (errors.too_many("a", 5, 4), "a: Too many: 5: must have at most 4 items"),
]


@pytest.mark.parametrize(("error", "text"), FIELDS, ids=[text for _, text in FIELDS])
def test_a_field_error_says_what_upstream_says(error, text):
    assert str(error) == text


def test_one_problem_is_told_alone_and_several_in_brackets():
    one = errors.invalid(kinds.POD, "p", [errors.required("spec.a")])
    assert one.message == 'Pod "p" is invalid: spec.a: Required value'
    two = errors.invalid(kinds.DEPLOYMENT, "d", [errors.required("spec.a"), errors.required("spec.b")])
    assert two.message == 'Deployment.apps "d" is invalid: [spec.a: Required value, spec.b: Required value]'


def test_the_body_of_an_invalid_object_lists_every_cause():
    error = errors.invalid(kinds.DEPLOYMENT, "d", [errors.required("spec.a"), errors.duplicate("spec.b", "x")])
    assert error.status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Deployment.apps "d" is invalid: [spec.a: Required value, spec.b: Duplicate value: "x"]',
        "reason": "Invalid",
        "details": {
            "name": "d",
            "group": "apps",
            "kind": "Deployment",
            "causes": [
                {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.a"},
                {"reason": "FieldValueDuplicate", "message": 'Duplicate value: "x"', "field": "spec.b"},
            ],
        },
        "code": 422,
    }


ANSWERS = [
    (errors.not_found(kinds.POD, "p"), 404, "NotFound", 'pods "p" not found'),
    (errors.not_found(kinds.DEPLOYMENT, "d"), 404, "NotFound", 'deployments.apps "d" not found'),
    (errors.already_exists(kinds.POD, "p"), 409, "AlreadyExists", 'pods "p" already exists'),
    (
        errors.conflict(kinds.POD, "p"),
        409,
        "Conflict",
        'Operation cannot be fulfilled on pods "p": the object has been modified; please apply your changes to the '
        "latest version and try again",
    ),
    (errors.unauthorized(), 401, "Unauthorized", "Unauthorized"),
    (errors.bad_request("no"), 400, "BadRequest", "no"),
]


@pytest.mark.parametrize(("error", "code", "reason", "message"), ANSWERS, ids=[each[2] for each in ANSWERS])
def test_an_answer_has_upstreams_code_reason_and_words(error, code, reason, message):
    assert (error.code, error.reason, error.message) == (code, reason, message)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("a", '"a"'), ('say "x"', '"say \\"x\\""'), ("tab\t", '"tab\\t"'), ("\x00", '"\\x00"'), ("é", '"é"')],
)
def test_texts_are_quoted_as_go_does(text, quoted):
    assert errors.quote(text) == quoted
