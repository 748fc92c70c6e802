"""What is wrong with webhook configurations, in upstream's words."""

import pytest
from apitools import SUBDOMAIN, alone, change_problems, kinds, problems

RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}


def hook(name="a.b.c", rule=RULE, **fields):
    client = {"service": {"name": "s", "namespace": "n"}}
    return {
        "name": name,
        "clientConfig": client,
        "rules": [rule],
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        **fields,
    }


def hooks(*found):
    return alone(webhooks=list(found or [hook()]))


NEW = [
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION, hooks(),
     []),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION, hooks(hook("short"), hook(), hook()),
     ['webhooks[0].name: Invalid value: "short": should be a domain with at least three segments '
      "separated by dots",
      'webhooks[2].name: Duplicate value: "a.b.c"']),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION, hooks(hook(admissionReviewVersions=[])),
     ["webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"]),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION, hooks(hook(admissionReviewVersions=["v2", "v2"])),
     ['webhooks[0].admissionReviewVersions[1]: Invalid value: "v2": duplicate version',
      'webhooks[0].admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of '
      "v1, v1beta1"]),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION,
     hooks(hook(sideEffects="Some", failurePolicy="Retry", matchPolicy="Loose")),
     ['webhooks[0].failurePolicy: Unsupported value: "Retry": supported values: "Fail", "Ignore"',
      'webhooks[0].matchPolicy: Unsupported value: "Loose": supported values: "Equivalent", "Exact"',
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"']),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION, hooks(hook(timeoutSeconds=31)),
     ["webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 "
      "seconds"]),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION,
     hooks(hook(rule=RULE | {"operations": ["*", "CREATE"], "apiVersions": ["", "v1"]})),
     ["webhooks[0].rules[0].operations: Invalid value: [\"*\",\"CREATE\"]: if '*' is present, must not "
      "specify other operations",
      "webhooks[0].rules[0].apiVersions[0]: Required value"]),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION, hooks(hook(rule=RULE | {"operations": ["READ"], "scope": "All"})),
     ['webhooks[0].rules[0].operations[0]: Unsupported value: "READ": supported values: "*", '
      '"CONNECT", "CREATE", "DELETE", "UPDATE"',
      'webhooks[0].rules[0].scope: Unsupported value: "All": supported values: "*", "Cluster", '
      '"Namespaced"']),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION,
     hooks(hook(rule=RULE | {"resources": ["pods/*", "pods/status", "*", "pods"]})),
     ["webhooks[0].rules[0].resources[1]: Invalid value: \"pods/status\": if 'pods/*' is present, must "
      "not specify pods/status",
      "webhooks[0].rules[0].resources: Invalid value: [\"pods/*\",\"pods/status\",\"*\",\"pods\"]: if '*' is "
      "present, must not specify other resources without subresources"]),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION, hooks(hook(clientConfig={})),
     ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"]),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION, hooks(hook(clientConfig={"url": "http://u@/?a=b#f"})),
     ["webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; "
      "desired format: https://host[/path]",
      'webhooks[0].clientConfig.url: Invalid value: "": host must be specified; desired format: '
      "https://host[/path]",
      'webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "f": fragments are not permitted in the URL',
      'webhooks[0].clientConfig.url: Invalid value: "a=b": query parameters are not permitted in the '
      "URL"]),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION,
     hooks(hook(clientConfig={"service": {"name": "", "namespace": "n", "port": 0, "path": "/a//B"}})),
     ["webhooks[0].clientConfig.service.namespace: Required value",
      "webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 "
      "and 65535, inclusive",
      'webhooks[0].clientConfig.service.path: Invalid value: "/a//B": segment[1] may not be empty',
      'webhooks[0].clientConfig.service.path: Invalid value: "/a//B": segment[2]: ' + SUBDOMAIN]),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION,
     hooks(hook(matchConditions=[{"name": "a", "expression": "object.x"}, {"name": "a", "expression": "1"},
     {"expression": ""}])),
     ['webhooks[0].matchConditions[0].expression: Invalid value: "object.x": must evaluate to bool but '
      "got dyn",
      'webhooks[0].matchConditions[1].expression: Invalid value: "1": must evaluate to bool but got int',
      'webhooks[0].matchConditions[1].name: Duplicate value: "a"',
      "webhooks[0].matchConditions[2].expression: Required value",
      "webhooks[0].matchConditions[2].name: Required value"]),
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION,
     hooks(hook(matchConditions=[{"name": "a", "expression": "params.x == 1"}])),
     ['webhooks[0].matchConditions[0].expression: Invalid value: "params.x == 1": compilation failed: '
      "ERROR: <input>:1:1: undeclared reference to 'params' (in container '')\n | params.x == 1\n | ^"]),
    (kinds.MUTATING_WEBHOOK_CONFIGURATION, hooks(hook(reinvocationPolicy="Always")),
     ['webhooks[0].reinvocationPolicy: Unsupported value: "Always": supported values: "IfNeeded", '
      '"Never"']),
]  # fmt: skip

CHANGED = [
    (kinds.VALIDATING_WEBHOOK_CONFIGURATION, hooks(hook(sideEffects="Unknown")), hooks(), "",
     ['webhooks[0].sideEffects: Unsupported value: "Unknown": supported values: "None", "NoneOnDryRun"']),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected


@pytest.mark.parametrize(("kind", "new", "old", "subresource", "expected"), CHANGED)
def test_what_is_wrong_with_changes(kind, new, old, subresource, expected):
    assert change_problems(kind, new, old, subresource) == expected
