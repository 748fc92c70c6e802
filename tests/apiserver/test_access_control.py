"""Who may do what: roles, impersonation, escalation, nodes, reviews."""

import pytest

from wherry.aio.http.messages import Headers
from wherry.api import Obj, kinds
from wherry.api.errors import StatusError
from wherry.apiserver.admission.node_restriction import _forbidden_labels
from wherry.apiserver.authn.impersonation import claimed
from wherry.apiserver.authz.nodeidentity import references
from wherry.apiserver.authz.policy import load
from wherry.apiserver.authz.rules import Rule, missing
from wherry.client.interface import ApiError
from wherry.client.rest import RestClient
from wherry.testing.cluster import ApiServer

RBAC = "rbac.authorization.k8s.io"


def role(name: str, *rules: Obj) -> Obj:
    return {"metadata": {"name": name, "namespace": "default"}, "rules": list(rules)}


def rule(verbs: str, resources: str, group: str = "", **more: list[str]) -> Obj:
    return {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split(), **more}


def binding(name: str, role: str, user: str) -> Obj:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": role},
        "subjects": [{"kind": "User", "name": user, "apiGroup": RBAC}],
    }


async def refusal(awaitable) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await awaitable
    return caught.value


async def test_a_user_may_what_a_role_says_and_nothing_else(api: ApiServer) -> None:
    jane = api.client_for("jane")
    error = await refusal(jane.list(kinds.CONFIG_MAP, "default"))
    assert error.code == 403
    assert str(error).endswith(
        'User "jane" cannot list resource "configmaps" in API group "" in the namespace "default"'
    )
    await api.client.create(kinds.ROLE, role("r", rule("get list", "configmaps")))
    await api.client.create(kinds.ROLE_BINDING, binding("rb", "r", "jane"))
    assert (await jane.list(kinds.CONFIG_MAP, "default")).items == []
    assert (await refusal(jane.list(kinds.CONFIG_MAP, "kube-system"))).code == 403
    assert (await refusal(jane.create(kinds.CONFIG_MAP, {"metadata": {"name": "a"}}, "default"))).code == 403
    await api.client.delete(kinds.ROLE_BINDING, "rb", "default")
    assert (await refusal(jane.list(kinds.CONFIG_MAP, "default"))).code == 403


async def test_a_user_cannot_give_away_more_than_they_have(api: ApiServer) -> None:
    await api.client.create(kinds.ROLE, role("r", rule("create", "roles", RBAC), rule("get", "secrets")))
    await api.client.create(kinds.ROLE_BINDING, binding("rb", "r", "jane"))
    jane = api.client_for("jane")
    await jane.create(kinds.ROLE, role("same", rule("get", "secrets")))
    error = await refusal(jane.create(kinds.ROLE, role("more", rule("delete get", "secrets"))))
    assert 'attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"]' in str(
        error
    )
    assert 'Verbs:["delete"]}' in str(error)


@pytest.mark.parametrize(
    ("owned", "wanted", "lacking"),
    [
        ([rule("*", "*")], [rule("get", "pods")], []),
        ([rule("get", "pods")], [rule("get list", "pods")], ["list"]),
        ([rule("get", "pods", resourceNames=["a"])], [rule("get", "pods", resourceNames=["a"])], []),
        ([rule("get", "pods", resourceNames=["a"])], [rule("get", "pods")], ["get"]),
        ([rule("get", "*/log")], [rule("get", "pods/log")], []),
        ([rule("get", "pods")], [rule("get", "pods/log")], ["get"]),
        ([{"verbs": ["get"], "nonResourceURLs": ["/a/*"]}], [{"verbs": ["get"], "nonResourceURLs": ["/a/b"]}], []),
    ],
)
def test_what_rules_cover(owned: list[Obj], wanted: list[Obj], lacking: list[str]) -> None:
    found = missing(map(Rule.of, owned), map(Rule.of, wanted))
    assert [verb for each in found for verb in each.verbs] == lacking


def test_the_first_policy_names_only_roles_that_it_has() -> None:
    objects = load().objects
    roles = {
        (kind.kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        for kind, obj in objects
        if kind in (kinds.ROLE, kinds.CLUSTER_ROLE)
    }
    for kind, obj in objects:
        if kind in (kinds.ROLE_BINDING, kinds.CLUSTER_ROLE_BINDING):
            reference = obj["roleRef"]
            namespace = obj["metadata"].get("namespace", "") if reference["kind"] == "Role" else ""
            assert (reference["kind"], namespace, reference["name"]) in roles


async def test_aggregated_roles_allow_without_a_controller(api: ApiServer) -> None:
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}
    bound = binding("viewer", "view", "jane") | {"roleRef": reference}
    await api.client.create(kinds.ROLE_BINDING, bound)
    jane = api.client_for("jane")
    assert (await jane.list(kinds.CONFIG_MAP, "default")).items == []
    assert (await refusal(jane.list(kinds.SECRET, "default"))).code == 403


async def test_impersonation_needs_permission(api: ApiServer) -> None:
    admin = api.client_for(
        "root", "system:masters", headers=[("Impersonate-User", "joe"), ("Impersonate-Group", "x")]
    )
    answer = await admin.create(kinds.SELF_SUBJECT_REVIEW, {"metadata": {}})
    assert answer["status"]["userInfo"] == {"username": "joe", "groups": ["x", "system:authenticated"]}
    jane = api.client_for("jane", headers=[("Impersonate-User", "joe")])
    error = await refusal(jane.list(kinds.CONFIG_MAP, "default"))
    assert "cannot impersonate-on:user-info:list" in str(error)


def test_groups_cannot_be_claimed_without_a_user() -> None:
    with pytest.raises(StatusError, match="without impersonating a user name"):
        claimed(Headers([("Impersonate-Group", "x")]))


async def test_a_review_says_why(api: ApiServer) -> None:
    await api.client.create(kinds.ROLE, role("r", rule("get", "pods")))
    await api.client.create(kinds.ROLE_BINDING, binding("rb", "r", "jane"))
    asked = {"verb": "get", "resource": "pods", "namespace": "default"}
    review = {"metadata": {}, "spec": {"user": "jane", "resourceAttributes": asked}}
    answer = await api.client.create(kinds.SUBJECT_ACCESS_REVIEW, review)
    reason = 'RBAC: allowed by RoleBinding "rb/default" of Role "r" to User "jane"'
    assert answer["status"] == {"allowed": True, "reason": reason}


def test_a_pod_refers_to_what_its_node_must_read() -> None:
    pod = {
        "metadata": {"name": "p"},
        "spec": {
            "serviceAccountName": "bot",
            "imagePullSecrets": [{"name": "pull"}],
            "containers": [
                {
                    "name": "c",
                    "envFrom": [{"configMapRef": {"name": "env"}}],
                    "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}}],
                }
            ],
            "volumes": [
                {"name": "v", "projected": {"sources": [{"configMap": {"name": "ca"}}]}},
                {"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "e", "ephemeral": {}},
            ],
        },
    }
    assert references(pod) == {
        ("serviceaccounts", "bot"),
        ("secrets", "pull"),
        ("configmaps", "env"),
        ("secrets", "key"),
        ("configmaps", "ca"),
        ("persistentvolumeclaims", "data"),
        ("persistentvolumeclaims", "p-e"),
    }


@pytest.mark.parametrize(
    ("label", "allowed"),
    [
        ("mine", True),
        ("example.com/x", True),
        ("topology.kubernetes.io/zone", True),
        ("node.kubernetes.io/x", True),
        ("kubernetes.io/foo", False),
        ("x.node-restriction.kubernetes.io/y", False),
        ("node-role.kubernetes.io/worker", False),
    ],
)
def test_labels_that_nodes_may_give_themselves(label: str, allowed: bool) -> None:
    assert (not _forbidden_labels({label: "x"}, {})) == allowed


async def test_a_node_reads_what_its_pods_need_and_writes_what_is_its_own(api: ApiServer, client: RestClient) -> None:
    node = api.client_for("system:node:n1", "system:nodes")
    await node.create(kinds.NODE, {"metadata": {"name": "n1"}})
    assert (await refusal(node.create(kinds.NODE, {"metadata": {"name": "n2"}}))).code == 403
    await client.create(kinds.SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}})
    for name in ("mine", "other"):
        await client.create(kinds.SECRET, {"metadata": {"name": name, "namespace": "default"}})
    volumes = [{"name": "s", "secret": {"secretName": "mine"}}]
    spec = {"nodeName": "n1", "containers": [{"name": "c", "image": "x"}], "volumes": volumes}
    await client.create(kinds.POD, {"metadata": {"name": "p", "namespace": "default"}, "spec": spec})
    pods = await node.list(kinds.POD, field_selector="spec.nodeName=n1")
    assert [pod["metadata"]["name"] for pod in pods.items] == ["p"]
    assert (await node.get(kinds.SECRET, "mine", "default"))["metadata"]["name"] == "mine"
    error = await refusal(node.get(kinds.SECRET, "other", "default"))
    assert "no relationship found between node 'n1' and this object" in str(error)
    assert (await refusal(node.list(kinds.POD))).code == 403
