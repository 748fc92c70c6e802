"""The audit log: which requests are recorded, how much of them, and when."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson
import pytest

from wherry.aio.http.messages import Headers, Request, Response
from wherry.api import Obj, kinds
from wherry.api.kinds import KINDS, Registry
from wherry.apiserver import authz
from wherry.apiserver.audit import Audit, policyfile
from wherry.apiserver.audit.plan import events, rotation
from wherry.apiserver.audit.plan.events import Facts, Outcome
from wherry.apiserver.audit.plan.policy import METADATA_OF_ALL, Policy, PolicyError, Verdict, parse, unknown_fields
from wherry.apiserver.audit.writer import AuditError, Limits, Writer
from wherry.apiserver.authn.user import User
from wherry.apiserver.authz import Question
from wherry.apiserver.core import Call
from wherry.apiserver.routes import Query, resolve
from wherry.client.interface import ApiError
from wherry.testing.clock import FakeClock
from wherry.testing.cluster import ApiServer

NOON = 1_767_355_200.0  # 2026-01-02T12:00:00Z


def document(*rules: Obj, **more: Any) -> Obj:
    return {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": list(rules), **more}


# Policies

RULES = document(
    {"level": "None", "users": ["system:kube-proxy"], "verbs": ["watch"]},
    {"level": "None", "nonResourceURLs": ["/healthz*", "/version"]},
    {"level": "Request", "resources": [{"group": "", "resources": ["pods/status"]}]},
    {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets", "configmaps"]}]},
    {"level": "None", "resources": [{"group": "apps", "resources": ["deployments"], "resourceNames": ["quiet"]}]},
    {"level": "Request", "resources": [{"group": "apps", "resources": ["*/scale", "daemonsets/*"]}]},
    {"level": "RequestResponse", "namespaces": ["prod", ""], "omitStages": ["RequestReceived"]},
    {"level": "Request", "resources": [{"group": "*"}], "userGroups": ["devs"]},
    {"level": "Metadata", "nonResourceURLs": ["*"]},
)


@pytest.mark.parametrize(
    ("method", "path", "user", "level"),
    [
        ("GET", "/healthz/ping", User("x"), "None"),
        ("GET", "/version/", User("x"), "Metadata"),
        ("GET", "/api/v1/services?watch=1", User("system:kube-proxy"), "None"),
        ("GET", "/api/v1/namespaces/a/services", User("system:kube-proxy"), "None"),
        ("PATCH", "/api/v1/namespaces/a/pods/p/status", User("x"), "Request"),
        ("PATCH", "/api/v1/namespaces/a/pods/p", User("x"), "None"),
        ("PATCH", "/api/v1/namespaces/prod/pods/p", User("x"), "RequestResponse"),
        ("GET", "/api/v1/nodes/n", User("x"), "RequestResponse"),
        ("GET", "/api/v1/namespaces/prod/secrets/s", User("x"), "Metadata"),
        ("GET", "/apis/apps/v1/namespaces/prod/deployments/quiet", User("x"), "None"),
        ("GET", "/apis/apps/v1/namespaces/prod/deployments?fieldSelector=metadata.name=quiet", User("x"), "None"),
        ("PUT", "/apis/apps/v1/namespaces/a/deployments/loud/scale", User("x"), "Request"),
        ("PUT", "/apis/apps/v1/namespaces/a/daemonsets/d/status", User("x"), "Request"),
        ("POST", "/apis/apps/v1/namespaces/a/deployments", User("x", ("devs",)), "Request"),
        ("POST", "/apis/apps/v1/namespaces/a/deployments", User("x"), "None"),
        ("GET", "/apis", User("x", ("devs",)), "Metadata"),
    ],
)
def test_the_first_rule_that_matches_decides(method: str, path: str, user: User, level: str) -> None:
    path, _, text = path.partition("?")
    query = Query(text)
    request = Request(method, path, text, Headers())
    call = Call(request, query, resolve(method, path, query, Registry(KINDS)), user)
    assert parse(RULES).judge(authz.ask(call)).level == level


def test_stages_and_managed_fields_are_left_out_by_policy_and_rule() -> None:
    policy = parse(
        document(
            {"level": "Metadata", "users": ["a"], "omitStages": ["Panic"], "omitManagedFields": False},
            {"level": "Metadata", "users": ["b"]},
            omitStages=["RequestReceived"],
            omitManagedFields=True,
        )
    )
    assert policy.judge(Question(User("a"), "get")) == Verdict("Metadata", frozenset({"RequestReceived", "Panic"}))
    assert policy.judge(Question(User("b"), "get")) == Verdict("Metadata", frozenset({"RequestReceived"}), True)
    assert policy.judge(Question(User("c"), "get")) == Verdict("None", frozenset({"RequestReceived"}), True)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ([], "the file holds no object"),
        (
            {"apiVersion": "audit.k8s.io/v1beta1", "kind": "Policy"},
            "unknown group version field audit.k8s.io/v1beta1",
        ),
        (document(), "loaded illegal policy with 0 rules"),
        (
            document({"level": "All"}),
            r'rules\[0\].level: Unsupported value: "All": supported values: "None", "Metadata"',
        ),
        (document({"verbs": ["get"]}), r"rules\[0\].level: Required value"),
        (
            document({"level": "None", "omitStages": ["X"]}),
            r'rules\[0\].omitStages\[0\]: Invalid value: "X": allowed',
        ),
        (document({"level": "None"}, omitStages=["X"]), r'omitStages\[0\]: Invalid value: "X"'),
        (document({"level": "None", "nonResourceURLs": ["x"]}), "must begin with a '/' character"),
        (document({"level": "None", "nonResourceURLs": ["/a*/b"]}), "must be the final character"),
        (document({"level": "None", "nonResourceURLs": ["/a"], "namespaces": ["n"]}), "cannot apply to both"),
        (document({"level": "None", "resources": [{"group": "a/v1"}]}), "a lowercase RFC 1123 subdomain"),
        (document({"level": "None", "resources": [{"resourceNames": ["a"]}]}), "requires at least one resource"),
        (document({"level": "None", "verbs": "get"}), "verbs must be a list of texts"),
        (document({"level": "None", "resources": ["pods"]}), "resources must be a list of objects"),
    ],
)
def test_policies_that_cannot_be_used(wrong: Any, why: str) -> None:
    with pytest.raises(PolicyError, match=why):
        parse(wrong)


def test_fields_that_mean_nothing_are_named() -> None:
    assert unknown_fields(document({"level": "None", "verb": ["get"]}, levels=1)) == ["levels", "rules[0].verb"]


def test_a_policy_file_is_yaml(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n")
    assert policyfile.read(tmp_path / "policy.yaml").judge(Question(User("x"), "get")).level == "Metadata"
    with pytest.raises(PolicyError, match=r"none.yaml: No such file"):
        policyfile.read(tmp_path / "none.yaml")


# Events


def facts(level: str, verb: str = "create", omit: bool = False, **asked: str) -> Facts:
    question = Question(User("jane", ("devs",)), verb, **asked)
    return Facts(
        "id", Verdict(level, omit_managed_fields=omit), question, "v1", "/uri", NOON, ("10.0.0.1",), "kubectl"
    )


POD: Obj = {"metadata": {"name": "p", "uid": "u", "managedFields": [{}]}, "spec": {}}


def test_an_event_has_upstreams_fields_in_upstreams_order() -> None:
    outcome = Outcome(201, annotations={"a": "b"}, request=POD, answer=POD, impersonated=User("joe"))
    made = events.event(
        facts("RequestResponse", resource="pods", namespace="n"), "ResponseComplete", NOON + 1, outcome
    )
    assert list(made) == [
        "kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser",
        "sourceIPs", "userAgent", "objectRef", "responseStatus", "requestObject", "responseObject",
        "requestReceivedTimestamp", "stageTimestamp", "annotations",
    ]  # fmt: skip
    assert made["user"] == {"username": "jane", "groups": ["devs"]}
    assert made["objectRef"] == {"resource": "pods", "namespace": "n", "name": "p", "uid": "u", "apiVersion": "v1"}
    assert made["responseStatus"] == {"metadata": {}, "code": 201}
    assert made["stageTimestamp"] == "2026-01-02T12:00:01.000000Z"


@pytest.mark.parametrize(
    ("level", "objects"),
    [
        ("Metadata", set()),
        ("Request", {"requestObject"}),
        ("RequestResponse", {"requestObject", "responseObject"}),
    ],
)
def test_objects_by_level(level: str, objects: set[str]) -> None:
    outcome = Outcome(200, request=POD, answer=POD)
    made = events.event(facts(level, resource="pods"), "ResponseComplete", NOON, outcome)
    assert {name for name in made if name.endswith("Object")} == objects


def test_a_request_that_has_just_come_has_no_status() -> None:
    made = events.event(facts("Metadata", "get", path="/healthz"), "RequestReceived", NOON + 5, Outcome())
    assert "responseStatus" not in made and "objectRef" not in made
    assert made["stageTimestamp"] == made["requestReceivedTimestamp"] == "2026-01-02T12:00:00.000000Z"


def test_managed_fields_are_left_out_of_objects_lists_and_tables() -> None:
    bare = {"metadata": {"name": "p", "uid": "u"}, "spec": {}}
    assert events.without_managed_fields(POD) == bare
    assert events.without_managed_fields({"items": [POD]}) == {"items": [bare]}
    assert events.without_managed_fields({"rows": [{"cells": [], "object": POD}]})["rows"][0]["object"] == bare
    assert "managedFields" in POD["metadata"]


def test_a_patch_does_not_say_what_it_is_about() -> None:
    made = events.event(
        facts("Metadata", "patch", resource="pods", name="p"), "ResponseComplete", NOON, Outcome(200, request=POD)
    )
    assert made["objectRef"] == {"resource": "pods", "name": "p", "apiVersion": "v1"}


def test_a_long_user_agent_is_cut() -> None:
    long = facts("Metadata")
    long.agent = "x" * 2000
    assert events.event(long, "RequestReceived", NOON, Outcome())["userAgent"] == "x" * 1024 + "...TRUNCATED"


@pytest.mark.parametrize(
    ("forwarded", "real", "remote", "found"),
    [
        ("", "", "10.0.0.9", ("10.0.0.9",)),
        ("1.1.1.1, x, 2.2.2.2", "", "10.0.0.9", ("1.1.1.1", "2.2.2.2", "10.0.0.9")),
        ("1.1.1.1", "1.1.1.1", "1.1.1.1", ("1.1.1.1",)),
        ("1.1.1.1", "3.3.3.3", "1.1.1.1", ("1.1.1.1", "3.3.3.3", "1.1.1.1")),
    ],
)
def test_where_a_request_comes_from(forwarded: str, real: str, remote: str, found: tuple[str, ...]) -> None:
    assert events.sources(forwarded, real, remote) == found


# Files


def test_a_full_file_gets_the_time_into_its_name() -> None:
    assert rotation.backup_name("audit.log", NOON + 0.678) == "audit-2026-01-02T12-00-00.678.log"
    assert rotation.made_at("audit.log", "audit-2026-01-02T12-00-00.678.log") == NOON + 0.678


@pytest.mark.parametrize(
    ("keep", "days", "gone"), [(0, 0, []), (2, 0, [3, 40]), (0, 7, [40]), (3, 7, [40]), (1, 2, [1, 3, 40])]
)
def test_old_files_go_by_number_and_age(keep: int, days: int, gone: list[int]) -> None:
    names = {age: rotation.backup_name("audit.log", NOON - age * rotation.DAY) for age in (0, 1, 3, 40)}
    files = [*names.values(), "audit.log", "other-2026-01-01T12-00-00.000.log", "audit-x.log"]
    assert rotation.expired("audit.log", files, NOON, keep, days) == [names[age] for age in gone]


def test_the_file_is_for_its_owner_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "new" / "audit.log"
    for line in (b"1\n", b"2\n"):
        writer = Writer(str(path), Limits(), FakeClock())
        writer.put(lambda line=line: line)
        writer.close()
    assert path.read_bytes() == b"1\n2\n"
    assert path.stat().st_mode & 0o777 == 0o600


class Ticking:
    """Each look at this clock takes a second."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> float:
        self.looks += 1
        return NOON + self.looks

    def monotonic(self) -> float:
        return self.now()


def test_a_full_file_is_moved_away(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "audit.log"), Limits(size=1, backups=2), Ticking())
    for number in range(5):
        writer.put(lambda number=number: b"%d" % number * 700_000)
    writer.close()
    backups = [rotation.backup_name("audit.log", NOON + look) for look in (3, 4)]
    kept = {path.name: path.read_bytes()[:1] for path in tmp_path.iterdir()}
    assert kept == {backups[0]: b"2", backups[1]: b"3", "audit.log": b"4"}


def test_an_event_that_cannot_be_made_does_not_end_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer = Writer(str(tmp_path / "audit.log"), Limits(), FakeClock())
    writer.put(lambda: b"%d" % 1 / 0)  # type: ignore[operator]
    writer.put(lambda: b"after\n")
    writer.close()
    assert (tmp_path / "audit.log").read_bytes() == b"after\n"
    assert writer.lost == 1 and "events are lost" in caplog.text


def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuditError, match=r"Not a directory|File exists"):
        Writer(str(tmp_path / "file" / "audit.log"), Limits(), FakeClock())


# The server


class Log:
    """A server's log. `events()` has what was recorded, and ends it."""

    def __init__(self, api: ApiServer, path: Path) -> None:
        self._api, self._path = api, path

    def start(self, policy: Policy = METADATA_OF_ALL) -> None:
        api = self._api.server.api
        api.audit = Audit(policy, Writer(str(self._path), Limits(), api.clock), api.clock)

    async def events(self) -> list[Obj]:
        api = self._api.server.api
        if api.audit:
            await api.audit.close()
            api.audit = None
        return [orjson.loads(line) for line in self._path.read_bytes().splitlines()]


@pytest.fixture
async def log(api: ApiServer, tmp_path: Path) -> AsyncIterator[Log]:
    log = Log(api, tmp_path / "audit.log")
    yield log
    await log.events()


async def test_requests_are_recorded_with_who_and_what_came_of_it(api: ApiServer, log: Log) -> None:
    log.start()
    await api.client.create(kinds.CONFIG_MAP, {"metadata": {"name": "a"}, "data": {"secret": "x"}}, "default")
    with pytest.raises(ApiError):
        await api.client_for("jane").get(kinds.SECRET, "s", "default")
    made, refused = await log.events()
    assert (made["verb"], made["user"]["username"], made["responseStatus"]["code"]) == ("create", "admin", 201)
    assert made["objectRef"]["name"] == "a" and "requestObject" not in made
    assert made["annotations"] == {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""}
    assert refused["objectRef"] == {"resource": "secrets", "namespace": "default", "name": "s", "apiVersion": "v1"}
    assert (refused["responseStatus"]["code"], refused["responseStatus"]["reason"]) == (403, "Forbidden")
    assert refused["annotations"]["authorization.k8s.io/decision"] == "forbid"


async def test_objects_are_recorded_where_the_policy_says_so(api: ApiServer, log: Log) -> None:
    log.start(
        parse(document({"level": "RequestResponse", "omitStages": ["RequestReceived"], "omitManagedFields": True}))
    )
    await api.client.create(kinds.CONFIG_MAP, {"metadata": {"name": "a"}, "data": {"k": "v"}}, "default")
    (event,) = await log.events()
    assert event["requestObject"]["data"] == event["responseObject"]["data"] == {"k": "v"}
    assert "managedFields" not in event["responseObject"]["metadata"]


@pytest.mark.parametrize("form", ["application/yaml", "application/vnd.kubernetes.protobuf"])
async def test_objects_in_other_forms_are_recorded_as_json(api: ApiServer, log: Log, form: str) -> None:
    from wherry.apiserver import yamltext
    from wherry.wire import protobuf

    log.start(parse(document({"level": "RequestResponse", "omitStages": ["RequestReceived"]})))
    obj = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}, "data": {"k": "v"}}
    body = yamltext.dump(obj) if form.endswith("yaml") else protobuf.encode(obj)
    headers = [("Content-Type", form), ("Accept", form), ("Accept-Encoding", "gzip")]
    await api.client.transport.request("POST", "/api/v1/namespaces/default/configmaps", headers, body or b"")
    (event,) = await log.events()
    assert event["requestObject"]["data"] == event["responseObject"]["data"] == {"k": "v"}


async def test_a_request_may_have_an_identity_of_its_own(api: ApiServer, log: Log) -> None:
    log.start()
    answers = [
        await api.client.transport.request("GET", "/version", headers) for headers in ([], [("Audit-ID", "mine")])
    ]
    recorded = [event["auditID"] for event in await log.events()]
    assert recorded == [answer.headers.get("Audit-ID") for answer in answers]
    assert recorded[1] == "mine" and len(recorded[0]) == 36


async def test_both_identities_of_an_impersonated_request_are_recorded(api: ApiServer, log: Log) -> None:
    log.start()
    root = api.client_for("root", "system:masters", headers=[("Impersonate-User", "joe")])
    await root.create(kinds.SELF_SUBJECT_REVIEW, {"metadata": {}})
    (event,) = await log.events()
    assert (event["user"]["username"], event["impersonatedUser"]["username"]) == ("root", "joe")


async def test_credentials_that_are_wrong_are_recorded(api: ApiServer, log: Log) -> None:
    log.start()
    request = Request("GET", "/api/v1/pods", "", Headers([("Authorization", "Bearer wrong")]))
    answer = await api.server.handler(request)
    assert isinstance(answer, Response) and answer.status == 401
    (event,) = await log.events()
    assert (event["stage"], event["user"], event["responseStatus"]["code"]) == ("ResponseStarted", {}, 401)
    assert event["responseStatus"]["message"] == "Authentication failed, attempted: bearer"


async def test_a_watch_is_recorded_when_it_starts_and_when_it_ends(api: ApiServer, log: Log) -> None:
    log.start(parse(document({"level": "Metadata"})))
    async with asyncio.timeout(5), aclosing(api.client.watch(kinds.NAMESPACE)) as watch:
        async for _ in watch:
            break
    await asyncio.sleep(0)
    stages = [event["stage"] for event in await log.events() if event["verb"] == "watch"]
    assert stages == ["RequestReceived", "ResponseStarted", "ResponseComplete"]
