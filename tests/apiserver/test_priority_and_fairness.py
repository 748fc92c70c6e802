"""Flow schemas and priority levels: who waits, who is refused, and what keeps the defaults."""

import asyncio
from collections.abc import Callable

import pytest

from wherry.api import Obj, kinds, meta
from wherry.api.kinds import KINDS, Registry
from wherry.apiserver.authn.user import AUTHENTICATED, MASTERS, NODES, User
from wherry.apiserver.core import Settings
from wherry.apiserver.fairness.defaults import DEFAULTS
from wherry.apiserver.fairness.levels import Level, Levels
from wherry.apiserver.fairness.schemas import Schemas
from wherry.apiserver.routes import Query, Target, resolve
from wherry.client.interface import ApiError
from wherry.client.rest import RestClient
from wherry.testing.cluster import ApiServer


def level(name: str, shares: int, lendable: int = 0, waiting: int = 0) -> Obj:
    response: Obj = {"type": "Reject"}
    if waiting:
        response = {"type": "Queue", "queuing": {"queues": 1, "handSize": 1, "queueLengthLimit": waiting}}
    limited = {"nominalConcurrencyShares": shares, "lendablePercent": lendable, "limitResponse": response}
    return {"metadata": {"name": name, "uid": name}, "spec": {"type": "Limited", "limited": limited}}


def levels(seats: int, *objects: Obj) -> tuple[Level, ...]:
    them = Levels(seats)
    them.configure(list(objects))
    return tuple(them)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_seats_are_divided_by_shares() -> None:
    assert [each.seats for each in levels(10, level("a", 30), level("b", 10))] == [8, 3]


async def test_a_level_without_queues_refuses_what_finds_no_seat() -> None:
    (only,) = levels(1, level("a", 1))
    assert await only.enter("x")
    assert not await only.enter("x")
    only.leave()
    assert await only.enter("x")


async def test_free_seats_go_round_among_the_flows() -> None:
    (only,) = levels(1, level("a", 1, waiting=10))
    served: list[str] = []

    async def request(flow: str) -> None:
        assert await only.enter(flow)
        served.append(flow)
        only.leave()

    assert await only.enter("first")
    tasks = [asyncio.create_task(request(flow)) for flow in ("noisy", "noisy", "noisy", "quiet")]
    await settled()
    assert not served
    only.leave()
    await asyncio.gather(*tasks)
    assert served == ["noisy", "quiet", "noisy", "noisy"]


async def test_a_full_queue_refuses_its_own_flow_only() -> None:
    (only,) = levels(1, level("a", 1, waiting=1))
    assert await only.enter("noisy")
    waiting = asyncio.create_task(only.enter("noisy"))
    other = asyncio.create_task(only.enter("quiet"))
    await settled()
    assert not await only.enter("noisy")
    only.leave()
    assert await waiting
    only.leave()
    assert await other


async def test_a_client_that_goes_away_gives_up_its_place() -> None:
    (only,) = levels(1, level("a", 1, waiting=2))
    assert await only.enter("x")
    gone, stays = (asyncio.create_task(only.enter("x")) for _ in range(2))
    await settled()
    gone.cancel()
    only.leave()
    assert await stays
    assert only.queued == 0
    assert only.used == 1


async def test_a_client_that_goes_away_as_its_seat_comes_gives_it_back() -> None:
    (only,) = levels(1, level("a", 1, waiting=2))
    assert await only.enter("x")
    gone = asyncio.create_task(only.enter("x"))
    await settled()
    only.leave()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert only.used == 0


async def test_who_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherry.apiserver.fairness.levels.WAIT_SECONDS", 0.01)
    (only,) = levels(1, level("a", 1, waiting=1))
    assert await only.enter("x")
    assert not await only.enter("x")
    assert (only.queued, only.used) == (0, 1)


async def test_levels_lend_what_they_may_and_get_it_back() -> None:
    lender, borrower = levels(8, level("lender", 1, lendable=50, waiting=5), level("borrower", 1, waiting=5))
    for _ in range(6):  # 4 of its own, 2 that the other lends
        assert await borrower.enter("x")
    seventh = asyncio.create_task(borrower.enter("x"))
    assert await lender.enter("y")
    assert await lender.enter("y")
    back = asyncio.create_task(lender.enter("y"))
    await settled()
    assert not seventh.done()
    assert not back.done()
    borrower.leave()
    assert await back
    assert not seventh.done()
    seventh.cancel()


async def test_a_level_that_goes_finishes_what_it_has() -> None:
    them = Levels(2)
    them.configure([level("a", 1), level("b", 1, lendable=100)])
    first = them.get("a")
    assert first
    assert await first.enter("x")
    them.configure([level("b", 1, lendable=100)])
    first.leave()
    other = them.get("b")
    assert other
    assert other.seats == 2
    assert await other.enter("y")
    assert await other.enter("y")
    assert not await other.enter("y")


def target(method: str, path: str) -> Target:
    return resolve(method, path, Query(""), Registry(KINDS))


CONTROLLERS = "system:kube-controller-manager"


@pytest.mark.parametrize(
    ("user", "method", "path", "expected"),
    [
        (User("admin", (MASTERS, AUTHENTICATED)), "GET", "/api/v1/pods", "exempt"),
        (User("jane", (AUTHENTICATED,)), "GET", "/healthz", "probes"),
        (User("jane", (AUTHENTICATED,)), "GET", "/api/v1/pods", "global-default"),
        (User("system:node:n1", (NODES, AUTHENTICATED)), "PATCH", "/api/v1/nodes/n1/status", "system-node-high"),
        (User("system:node:n1", (NODES, AUTHENTICATED)), "GET", "/api/v1/pods", "system-nodes"),
        (User(CONTROLLERS, (AUTHENTICATED,)), "POST", "/api/v1/namespaces/a/pods", "kube-controller-manager"),
        (
            User(CONTROLLERS, (AUTHENTICATED,)),
            "PUT",
            "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/l",
            "system-leader-election",
        ),
        (
            User("system:serviceaccount:kube-system:x", ("system:serviceaccounts", AUTHENTICATED)),
            "GET",
            "/api/v1/pods",
            "kube-system-service-accounts",
        ),
        (
            User("system:serviceaccount:a:x", ("system:serviceaccounts", AUTHENTICATED)),
            "GET",
            "/api/v1/pods",
            "service-accounts",
        ),
    ],
)
def test_the_first_schema_that_matches_counts(user: User, method: str, path: str, expected: str) -> None:
    objects = [obj for _, obj in DEFAULTS]
    for obj in objects:
        obj["metadata"].setdefault("uid", obj["metadata"]["name"])
    schemas = [obj for kind, obj in DEFAULTS if kind is kinds.FLOW_SCHEMA]
    names = {obj["metadata"]["name"] for kind, obj in DEFAULTS if kind is not kinds.FLOW_SCHEMA}
    found, _ = Schemas(schemas, names).find(user, target(method, path))
    assert found
    assert found.name == expected


async def until(check: Callable[[Obj], bool], client: RestClient, name: str) -> Obj:
    async with asyncio.timeout(5):
        while True:
            obj = await client.get(kinds.FLOW_SCHEMA, name)
            if check(obj):
                return obj
            await asyncio.sleep(0.01)


def dangles(obj: Obj) -> str:
    return (meta.condition(obj, "Dangling") or {}).get("status", "")


async def test_every_cluster_has_the_defaults(client: RestClient) -> None:
    for kind, obj in DEFAULTS:
        found = await client.get(kind, obj["metadata"]["name"])
        assert found["spec"].items() >= obj["spec"].items() or found["spec"]["type"] == obj["spec"]["type"]
    assert dangles(await client.get(kinds.FLOW_SCHEMA, "catch-all")) == "False"


async def test_a_default_that_is_deleted_comes_back(client: RestClient) -> None:
    before = await client.get(kinds.FLOW_SCHEMA, "catch-all")
    await client.delete(kinds.FLOW_SCHEMA, "catch-all")
    async with asyncio.timeout(5):
        while True:
            try:
                after = await client.get(kinds.FLOW_SCHEMA, "catch-all")
                break
            except ApiError:
                await asyncio.sleep(0.01)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


async def test_a_schema_says_whether_its_level_is_there(client: RestClient) -> None:
    spec = {
        "priorityLevelConfiguration": {"name": "mine"},
        "rules": [
            {
                "subjects": [{"kind": "User", "user": {"name": "jane"}}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            }
        ],
    }
    await client.create(kinds.FLOW_SCHEMA, {"metadata": {"name": "mine"}, "spec": spec})
    obj = await until(lambda each: dangles(each) == "True", client, "mine")
    message = 'references the PriorityLevelConfiguration object named "mine" but there is no such object'
    assert message in (meta.condition(obj, "Dangling") or {})["message"]
    mine = level("mine", 5)
    await client.create(kinds.PRIORITY_LEVEL_CONFIGURATION, {"metadata": {"name": "mine"}, "spec": mine["spec"]})
    await until(lambda each: dangles(each) == "False", client, "mine")


async def test_a_user_who_fills_their_level_does_not_hold_up_others() -> None:
    async with ApiServer(settings=Settings(seats=1)) as api:  # so few that nobody has any to lend
        spec = {"type": "Limited", "limited": {"nominalConcurrencyShares": 0, "limitResponse": {"type": "Reject"}}}
        await api.client.create(kinds.PRIORITY_LEVEL_CONFIGURATION, {"metadata": {"name": "none"}, "spec": spec})
        rules = {
            "subjects": [{"kind": "User", "user": {"name": "noisy"}}],
            "resourceRules": [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
            ],
        }
        schema = {"priorityLevelConfiguration": {"name": "none"}, "matchingPrecedence": 50, "rules": [rules]}
        await api.client.create(kinds.FLOW_SCHEMA, {"metadata": {"name": "noisy"}, "spec": schema})
        noisy, quiet = api.client_for("noisy", "readers"), api.client_for("quiet", "readers")
        role = {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"}
        subjects = [{"kind": "Group", "name": "readers", "apiGroup": "rbac.authorization.k8s.io"}]
        binding = {"metadata": {"name": "readers"}, "roleRef": role, "subjects": subjects}
        await api.client.create(kinds.CLUSTER_ROLE_BINDING, binding)
        await quiet.list(kinds.POD, "default")
        with pytest.raises(ApiError, match="too many requests, please try again later") as refused:
            await noisy.list(kinds.POD, "default")
        assert refused.value.code == 429
