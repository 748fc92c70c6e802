"""The audit log: which requests are noted, how much of them, and when."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import orjson
import pytest

from wherry.api import Obj, kinds
from wherry.api.kinds import KINDS, Registry
from wherry.apiserver.audit import Audit
from wherry.apiserver.audit.log import AuditLog
from wherry.apiserver.audit.policy import METADATA_OF_ALL, Policy, PolicyError, parse
from wherry.apiserver.authn.user import User
from wherry.apiserver.registry.creating import new_uid
from wherry.apiserver.routes import Query, resolve
from wherry.client.interface import ApiError
from wherry.lib.clock import SystemClock
from wherry.testing.cluster import ApiServer

RULES = [
    {"level": "None", "users": ["system:kube-proxy"], "verbs": ["watch"]},
    {"level": "None", "nonResourceURLs": ["/healthz*", "/version"]},
    {"level": "Request", "resources": [{"group": "", "resources": ["pods/status"]}]},
    {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets", "configmaps"]}]},
    {"level": "RequestResponse", "namespaces": ["prod"], "omitStages": ["RequestReceived"]},
    {"level": "Request", "resources": [{"group": "apps"}], "userGroups": ["devs"]},
]
DOCUMENT: Obj = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": RULES}


@pytest.mark.parametrize(
    ("method", "path", "user", "level"),
    [
        ("GET", "/healthz/ping", User("x"), "None"),
        ("GET", "/api/v1/services?watch=1", User("system:kube-proxy"), "None"),
        ("GET", "/api/v1/services", User("system:kube-proxy"), "None"),
        ("PATCH", "/api/v1/namespaces/a/pods/p/status", User("x"), "Request"),
        ("PATCH", "/api/v1/namespaces/prod/pods/p", User("x"), "RequestResponse"),
        ("GET", "/api/v1/namespaces/prod/secrets/s", User("x"), "Metadata"),
        ("POST", "/apis/apps/v1/namespaces/a/deployments", User("x", ("devs",)), "Request"),
        ("POST", "/apis/apps/v1/namespaces/a/deployments", User("x"), "None"),
    ],
)
def test_the_first_rule_that_matches_decides(method: str, path: str, user: User, level: str) -> None:
    path, _, query = path.partition("?")
    target = resolve(method, path, Query(query), Registry(KINDS))
    assert parse(DOCUMENT).judge(user, target).level.title == level


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "not a Policy of audit.k8s.io/v1"),
        (DOCUMENT | {"rules": []}, "it has no rules"),
        (DOCUMENT | {"rules": [{"level": "All"}]}, r"rules\[0\].level must be one of"),
        (DOCUMENT | {"rules": [{"level": "None", "omitStages": ["X"]}]}, "unknown stage X"),
    ],
)
def test_policies_that_cannot_be_used(document: Obj, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        parse(document)


async def noted(api: ApiServer, path: Path, policy: Policy = METADATA_OF_ALL) -> AuditLog:
    log = AuditLog(path)
    api.server.api.audit = Audit(policy, log, SystemClock(), new_uid)
    return log


async def lines(log: AuditLog, path: Path) -> list[Obj]:
    await log.flush()
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


async def test_requests_are_noted_with_who_and_what_came_of_it(api: ApiServer, tmp_path: Path) -> None:
    log = await noted(api, tmp_path / "audit.log")
    await api.client.create(kinds.CONFIG_MAP, {"metadata": {"name": "a"}, "data": {"secret": "x"}}, "default")
    jane = api.client_for("jane")
    with pytest.raises(ApiError):
        await jane.get(kinds.SECRET, "s", "default")
    made, refused = await lines(log, tmp_path / "audit.log")
    assert (made["verb"], made["user"]["username"], made["responseStatus"]["code"]) == ("create", "admin", 201)
    assert made["annotations"] == {"authorization.k8s.io/decision": "allow"}
    assert "requestObject" not in made
    assert refused["objectRef"] == {"resource": "secrets", "namespace": "default", "name": "s", "apiVersion": "v1"}
    assert (refused["responseStatus"]["code"], refused["responseStatus"]["reason"]) == (403, "Forbidden")


async def test_objects_are_noted_where_the_policy_says_so(api: ApiServer, tmp_path: Path) -> None:
    rule = {"level": "RequestResponse", "omitStages": ["RequestReceived"], "omitManagedFields": True}
    log = await noted(api, tmp_path / "audit.log", parse(DOCUMENT | {"rules": [rule]}))
    await api.client.create(kinds.CONFIG_MAP, {"metadata": {"name": "a"}, "data": {"k": "v"}}, "default")
    (event,) = await lines(log, tmp_path / "audit.log")
    assert event["requestObject"]["data"] == event["responseObject"]["data"] == {"k": "v"}
    assert "managedFields" not in event["responseObject"]["metadata"]


async def test_both_identities_of_an_impersonated_request_are_noted(api: ApiServer, tmp_path: Path) -> None:
    log = await noted(api, tmp_path / "audit.log")
    root = api.client_for("root", "system:masters", headers=[("Impersonate-User", "joe")])
    await root.create(kinds.SELF_SUBJECT_REVIEW, {"metadata": {}})
    (event,) = await lines(log, tmp_path / "audit.log")
    assert (event["user"]["username"], event["impersonatedUser"]["username"]) == ("root", "joe")


async def test_a_watch_is_noted_when_it_starts_and_when_it_ends(api: ApiServer, tmp_path: Path) -> None:
    log = await noted(api, tmp_path / "audit.log")
    async with asyncio.timeout(5), aclosing(api.client.watch(kinds.NAMESPACE)) as events:
        async for _ in events:
            break
    await asyncio.sleep(0)
    stages = [event["stage"] for event in await lines(log, tmp_path / "audit.log") if event["verb"] == "watch"]
    assert stages == ["ResponseStarted", "ResponseComplete"]


async def test_the_file_is_rotated(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log", largest=100, kept=2)
    for number in range(5):
        log.write(b"%d" % number * 60 + b"\n")
        await log.flush()
    kept = {path.name: path.read_bytes()[:1] for path in tmp_path.iterdir()}
    assert kept == {"audit.log": b"4", "audit.log.1": b"3", "audit.log.2": b"2"}
    await log.close()
