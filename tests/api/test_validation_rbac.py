"""What is wrong with objects of rbac.authorization.k8s.io, in upstream's words."""

import pytest
from apitools import SUBDOMAIN, alone, change_problems, kinds, named, problems

ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
USER = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "u"}


def binding(*subjects, role=ROLE):
    return named(roleRef=role, subjects=list(subjects))


NEW = [
    (kinds.ROLE, named(rules=[{"verbs": [], "resources": ["pods"], "apiGroups": [""]}]),
     ["rules[0].verbs: Required value: verbs must contain at least one value"]),
    (kinds.ROLE, named(rules=[{"verbs": ["get"], "nonResourceURLs": ["/x"]}]),
     ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource '
      "URLs"]),
    (kinds.ROLE, named(rules=[{"verbs": ["get"]}]),
     ["rules[0].apiGroups: Required value: resource rules must supply at least one api group",
      "rules[0].resources: Required value: resource rules must supply at least one resource"]),
    (kinds.CLUSTER_ROLE, alone("a/b"),
     ["metadata.name: Invalid value: \"a/b\": may not contain '/'"]),
    (kinds.CLUSTER_ROLE, alone("r", rules=[{"verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["pods"]}]),
     ['rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources '
      "and non-resource URLs"]),
    (kinds.CLUSTER_ROLE, alone("r", aggregationRule={"clusterRoleSelectors": []}),
     ["aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required "
      "if aggregationRule is non-nil"]),
    (kinds.CLUSTER_ROLE, alone("system:x", rules=[{"verbs": ["*"], "nonResourceURLs": ["*"]}]),
     []),
    (kinds.ROLE_BINDING, binding(USER, role={"apiGroup": "x", "kind": "Group", "name": ""}),
     ['roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
      'roleRef.kind: Unsupported value: "Group": supported values: "Role", "ClusterRole"',
      "roleRef.name: Required value"]),
    (kinds.ROLE_BINDING, binding({"kind": "ServiceAccount", "name": "A"}, {"kind": "Robot", "name": ""}),
     ['subjects[0].name: Invalid value: "A": ' + SUBDOMAIN,
      "subjects[1].name: Required value",
      'subjects[1].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", '
      '"Group"']),
    (kinds.ROLE_BINDING, binding({"kind": "User", "name": "u", "apiGroup": "x"}),
     ['subjects[0].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"']),
]  # fmt: skip

CHANGED = [
    (kinds.ROLE_BINDING, binding(USER, role=ROLE | {"name": "s"}), binding(USER), "",
     ['roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"s"}: '
      "cannot change roleRef"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "obj", "expected"), NEW)
def test_what_is_wrong_with_new_objects(kind, obj, expected):
    assert problems(kind, obj) == expected


@pytest.mark.parametrize(("kind", "new", "old", "subresource", "expected"), CHANGED)
def test_what_is_wrong_with_changes(kind, new, old, subresource, expected):
    assert change_problems(kind, new, old, subresource) == expected
