"""What roles and bindings allow, asked again with other names and after changes."""

from typing import Any

import pytest

from wherry.api import kinds
from wherry.api.kinds import Kind
from wherry.apiserver import encoding
from wherry.apiserver.authn.user import User
from wherry.apiserver.authz import Question
from wherry.apiserver.authz.rbac import MIRRORED, Rbac
from wherry.apiserver.mirror import Mirror
from wherry.store import Record

JANE = User("jane", ("developers",))


class Roles:
    """A mirror whose objects are written here, and the decider over it."""

    def __init__(self) -> None:
        self._mirror, self._revision = Mirror(MIRRORED), 0
        self.decide = Rbac(self._mirror)

    def put(self, kind: Kind, name: str, namespace: str = "", **fields: Any) -> None:
        self._revision += 1
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        key = f"{kind.resource}/{namespace}/{name}" if namespace else f"{kind.resource}/{name}"
        value = encoding.encode({"metadata": metadata, **fields})
        self._mirror.put(Record(key, value, self._revision, self._revision))

    def bind(self, name: str, role: str, subject: str, namespace: str = "") -> None:
        kind = kinds.ROLE_BINDING if namespace else kinds.CLUSTER_ROLE_BINDING
        who = {"kind": "Group" if subject == "developers" else "User", "name": subject}
        self.put(kind, name, namespace, subjects=[who], roleRef={"kind": "ClusterRole", "name": role})

    async def allows(self, verb: str, name: str = "", namespace: str = "default", resource: str = "secrets") -> bool:
        question = Question(JANE, verb, "", resource, "", name, namespace)
        return bool((await self.decide(question)).allowed)


@pytest.fixture
def roles() -> Roles:
    made = Roles()
    secrets = {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}
    made.put(
        kinds.CLUSTER_ROLE, "two", rules=[{**secrets, "resourceNames": ["a"]}, {**secrets, "resourceNames": ["b"]}]
    )
    made.put(kinds.CLUSTER_ROLE, "all", rules=[secrets])
    return made


async def test_nobody_may_do_anything_without_a_binding(roles: Roles) -> None:
    assert not await roles.allows("get", "a")


async def test_names_decide_however_often_one_asks(roles: Roles) -> None:
    roles.bind("some", "two", "jane")
    for _ in range(2):
        assert [await roles.allows("get", name) for name in ("a", "b", "c", "")] == [True, True, False, False]


async def test_another_binding_may_allow_every_name(roles: Roles) -> None:
    roles.bind("some", "two", "jane")
    roles.bind("rest", "all", "developers", "default")
    assert [await roles.allows("get", name) for name in ("a", "c")] == [True, True]
    assert not await roles.allows("get", "c", "other")
    assert await roles.allows("get", "a", "other")


async def test_the_decision_names_the_first_binding_that_allows(roles: Roles) -> None:
    roles.bind("some", "two", "jane")
    roles.bind("rest", "all", "developers", "default")
    reasons = [
        (await roles.decide(Question(JANE, "get", "", "secrets", "", name, "default"))).reason for name in "ac"
    ]
    assert ["ClusterRoleBinding" in reasons[0], "RoleBinding" in reasons[1]] == [True, True]


async def test_a_change_of_a_role_counts_at_once(roles: Roles) -> None:
    roles.bind("rest", "all", "jane")
    assert await roles.allows("get", "c")
    roles.put(kinds.CLUSTER_ROLE, "all", rules=[])
    assert not await roles.allows("get", "c")


async def test_a_role_that_is_gone_is_told(roles: Roles) -> None:
    roles.bind("lost", "nothing", "jane")
    decision = await roles.decide(Question(JANE, "get", "", "secrets", "", "a", "default"))
    assert (decision.allowed, decision.reason) == (
        None,
        'RBAC: clusterrole.rbac.authorization.k8s.io "nothing" not found',
    )
