"""What is wrong with objects of flowcontrol.apiserver.k8s.io, in upstream's words."""

import pytest
from apitools import LABEL, SUBDOMAIN, alone, kinds, problems

USER = {"kind": "User", "user": {"name": "u"}}
RESOURCE = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["*"]}


def schema(*rules, name="x", **spec):
    return alone(name, spec={"priorityLevelConfiguration": {"name": "p"}, "rules": list(rules), **spec})


def rule(subject=USER, resource=RESOURCE, **more):
    return {"subjects": [subject], "resourceRules": [resource], **more}


def level(name="x", **spec):
    return alone(name, spec=spec)


def queuing(**queues):
    return level(type="Limited", limited={"limitResponse": {"type": "Queue", "queuing": queues}})


NEW = [
    (kinds.FLOW_SCHEMA, schema(rule()),
     []),
    (kinds.FLOW_SCHEMA, schema(matchingPrecedence=10001),
     ["spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"]),
    (kinds.FLOW_SCHEMA, schema(matchingPrecedence=1),
     ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have "
      "matchingPrecedence 1"]),
    (kinds.FLOW_SCHEMA, schema(name="exempt"),
     ["spec: Invalid value: "
      '{"PriorityLevelConfiguration":{"Name":"p"},"MatchingPrecedence":1000,"DistinguisherMethod":null,'
      "\"Rules\":null}: spec of 'exempt' must equal the fixed value"]),
    (kinds.FLOW_SCHEMA, schema(distinguisherMethod={"type": "ByHat"}, priorityLevelConfiguration={"name": ""}),
     ['spec.distinguisherMethod.type: Unsupported value: {"Type":"ByHat"}: supported values: '
      '"ByNamespace", "ByUser"',
      "spec.priorityLevelConfiguration.name: Required value: must reference a priority level"]),
    (kinds.FLOW_SCHEMA, schema(rule({"kind": "Robot"})),
     ['spec.rules[0].subjects[0].kind: Unsupported value: "Robot": supported values: "Group", '
      '"ServiceAccount", "User"']),
    (kinds.FLOW_SCHEMA, schema(rule({"kind": "User", "group": {"name": "g"}})),
     ["spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
      "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'"]),
    (kinds.FLOW_SCHEMA, schema(rule({"kind": "ServiceAccount", "serviceAccount": {"name": "A", "namespace": ""}})),
     ['spec.rules[0].subjects[0].serviceAccount.name: Invalid value: "A": ' + SUBDOMAIN,
      "spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for "
      "service account"]),
    (kinds.FLOW_SCHEMA, schema({"subjects": [], "resourceRules": []}),
     ["spec.rules[0].subjects: Required value: subjects must contain at least one value",
      "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be "
      "non-empty"]),
    (kinds.FLOW_SCHEMA,
     schema(rule(resource=RESOURCE | {"verbs": ["get", "*"], "namespaces": [], "resources": []})),
     ["spec.rules[0].resourceRules[0].verbs: Invalid value: [\"get\",\"*\"]: if '*' is present, must not "
      "specify other verbs",
      "spec.rules[0].resourceRules[0].resources: Required value: resource rules must supply at least "
      "one resource",
      "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster "
      "scoped must supply at least one namespace"]),
    (kinds.FLOW_SCHEMA, schema(rule(resource=RESOURCE | {"verbs": ["look"], "namespaces": ["A"]})),
     ['spec.rules[0].resourceRules[0].verbs: Unsupported value: ["look"]: supported values: "create", '
      '"delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
      'spec.rules[0].resourceRules[0].namespaces[0]: Invalid value: "A": each member of this list must '
      "be '*' or a DNS-1123 label; " + LABEL]),
    (kinds.FLOW_SCHEMA,
     schema(rule(nonResourceRules=[{"verbs": ["get"], "nonResourceURLs": ["x", "/a/*/b", "/c//d"]}])),
     ['spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "x": must start with slash',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "/a/*/b": wildcard can '
      "only do suffix matching",
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "/c//d": must not contain '
      "double slash"]),
    (kinds.PRIORITY_LEVEL_CONFIGURATION, level(type="Open"),
     ['spec.type: Unsupported value: "Open": supported values: "Exempt", "Limited"']),
    (kinds.PRIORITY_LEVEL_CONFIGURATION, level(type="Exempt"),
     ["spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"]),
    (kinds.PRIORITY_LEVEL_CONFIGURATION, level(type="Limited"),
     ["spec.limited: Required value: must not be empty when type is Limited"]),
    (kinds.PRIORITY_LEVEL_CONFIGURATION,
     level(type="Limited", limited={"nominalConcurrencyShares": -1, "borrowingLimitPercent": -1,
     "limitResponse": {"type": "Wait"}}),
     ["spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer",
      'spec.limited.limitResponse.type: Unsupported value: "Wait": supported values: "Queue", "Reject"',
      "spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative "
      "integer"]),
    (kinds.PRIORITY_LEVEL_CONFIGURATION, queuing(queues=-1, handSize=-1, queueLengthLimit=-1),
     ["spec.limited.limitResponse.queuing.queueLengthLimit: Invalid value: -1: must be positive",
      "spec.limited.limitResponse.queuing.queues: Invalid value: -1: must be positive",
      "spec.limited.limitResponse.queuing.handSize: Invalid value: -1: must be positive"]),
    (kinds.PRIORITY_LEVEL_CONFIGURATION, queuing(queues=2, handSize=3),
     ["spec.limited.limitResponse.queuing.handSize: Invalid value: 3: should not be greater than "
      "queues (2)"]),
    (kinds.PRIORITY_LEVEL_CONFIGURATION, queuing(queues=10000001),
     ["spec.limited.limitResponse.queuing.queues: Invalid value: 10000001: must not be greater than "
      "10000000",
      "spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of "
      "deckSize 10000001 and handSize 8 should not be greater than 60"]),
    (kinds.PRIORITY_LEVEL_CONFIGURATION, queuing(queues=100000, handSize=20),
     ["spec.limited.limitResponse.queuing.handSize: Invalid value: 20: required entropy bits of "
      "deckSize 100000 and handSize 20 should not be greater than 60"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected
