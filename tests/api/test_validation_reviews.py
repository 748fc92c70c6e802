"""What is wrong with access reviews and token reviews, in upstream's words."""

import pytest
from apitools import kinds, problems


def review(**spec):
    return {"spec": spec}


def asking(**attributes):
    return review(user="u", resourceAttributes=attributes)


NEW = [
    (kinds.SUBJECT_ACCESS_REVIEW, review(user="u"),
     ["spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or "
      "resourceAttributes must be specified"]),
    (kinds.SUBJECT_ACCESS_REVIEW, review(user="u", resourceAttributes={}, nonResourceAttributes={}),
     ['spec.nonResourceAttributes: Invalid value: {"Path":"","Verb":""}: cannot be specified in '
      "combination with resourceAttributes"]),
    (kinds.SUBJECT_ACCESS_REVIEW, review(resourceAttributes={"verb": "get"}),
     ['spec.user: Invalid value: "": at least one of user or group must be specified']),
    (kinds.SUBJECT_ACCESS_REVIEW,
     asking(verb="get", fieldSelector={"rawSelector": "a=b", "requirements": [{"key": "a",
     "operator": "Exists"}]}),
     ['spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: "a=b": may not specified at '
      "the same time as requirements"]),
    (kinds.SUBJECT_ACCESS_REVIEW, asking(verb="get", labelSelector={}),
     ["spec.resourceAttributes.labelSelector.requirements: Required value: when "
      "spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is required"]),
    (kinds.SUBJECT_ACCESS_REVIEW,
     asking(verb="get", labelSelector={"requirements": [{"key": "a b", "operator": "In"}, {"key": "",
     "operator": "Near", "values": ["x"]}]}),
     ["spec.resourceAttributes.labelSelector.requirements[0].values: Required value: must be specified "
      "when `operator` is 'In' or 'NotIn'",
      'spec.resourceAttributes.labelSelector.requirements[0].key: Invalid value: "a b": name part must '
      "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
      "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation "
      "is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      'spec.resourceAttributes.labelSelector.requirements[1].key: Invalid value: "": name part must be '
      "non-empty",
      'spec.resourceAttributes.labelSelector.requirements[1].key: Invalid value: "": name part must '
      "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
      "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation "
      "is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"]),
    (kinds.SUBJECT_ACCESS_REVIEW,
     asking(verb="get", fieldSelector={"requirements": [{"key": "", "operator": "Exists", "values": ["x"]}]}),
     ["spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified",
      "spec.resourceAttributes.fieldSelector.requirements[0].values: Forbidden: may not be specified "
      "when `operator` is 'Exists' or 'DoesNotExist'"]),
    (kinds.SELF_SUBJECT_ACCESS_REVIEW, review(),
     ["spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or "
      "resourceAttributes must be specified"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected
