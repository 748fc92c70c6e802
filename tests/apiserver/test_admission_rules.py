"""Admission: what plug-ins change and refuse."""

import asyncio

import pytest

from wherry.api import Obj, kinds
from wherry.apiserver.admission import CHAIN
from wherry.apiserver.admission.pod_security import existing, policy_of
from wherry.apiserver.admission.pod_security.standards import CHECKS, LATEST, violations
from wherry.client.interface import ApiError
from wherry.client.rest import RestClient

RESTRICTED_CONTEXT = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def pod_spec(container: Obj | None = None, **more: object) -> Obj:
    return {"containers": [{"name": "c", "image": "x", **(container or {})}], **more}


def reasons(level: str, spec: Obj, minor: int = LATEST, **metadata: object) -> list[str]:
    return [each.reason for each in violations(level, minor, dict(metadata), spec)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (pod_spec(), []),
        (pod_spec(hostNetwork=True, hostPID=True), ["host namespaces"]),
        (pod_spec({"securityContext": {"privileged": True}}), ["privileged"]),
        (pod_spec({"securityContext": {"capabilities": {"add": ["CHOWN"]}}}), []),
        (pod_spec({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}), ["non-default capabilities"]),
        (pod_spec({"ports": [{"hostPort": 80}]}), ["hostPort"]),
        (pod_spec(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), ["hostPath volumes"]),
        (pod_spec({"securityContext": {"procMount": "Unmasked"}}), ["procMount"]),
        (pod_spec({"securityContext": {"procMount": "Unmasked"}}, hostUsers=False), []),
        (pod_spec(securityContext={"seccompProfile": {"type": "Unconfined"}}), ["seccompProfile"]),
        (pod_spec(securityContext={"seLinuxOptions": {"type": "spc_t"}}), ["seLinuxOptions"]),
        (pod_spec(securityContext={"sysctls": [{"name": "kernel.msgmax"}]}), ["forbidden sysctls"]),
        (pod_spec(securityContext={"windowsOptions": {"hostProcess": True}}), ["hostProcess"]),
        (pod_spec({"livenessProbe": {"httpGet": {"host": "1.2.3.4"}}}), ["probe or lifecycle host"]),
        (pod_spec(volumes=[{"name": "v", "nfs": {}}]), []),
    ],
)
def test_baseline(spec: Obj, expected: list[str]) -> None:
    assert reasons("baseline", spec) == expected


def test_restricted_asks_for_four_things_of_a_plain_pod() -> None:
    assert reasons("restricted", pod_spec()) == [
        "allowPrivilegeEscalation != false",
        "unrestricted capabilities",
        "runAsNonRoot != true",
        "seccompProfile",
    ]
    fine = pod_spec({"securityContext": RESTRICTED_CONTEXT}, securityContext=RESTRICTED_POD)
    assert reasons("restricted", fine) == []
    assert reasons("restricted", fine | {"volumes": [{"name": "v", "nfs": {}}]}) == ["restricted volume types"]
    assert reasons("privileged", pod_spec(hostNetwork=True)) == []


def test_a_check_counts_from_its_version_on() -> None:
    probing = pod_spec({"livenessProbe": {"httpGet": {"host": "1.2.3.4"}}})
    assert reasons("baseline", probing, 33) == []
    assert reasons("baseline", probing, 34) == ["probe or lifecycle host"]
    assert len({check.name for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize(
    ("labels", "enforce", "warn", "errors"),
    [
        ({}, "privileged:latest", "privileged:latest", 0),
        ({"enforce": "baseline"}, "baseline:latest", "baseline:latest", 0),
        ({"enforce": "baseline", "warn": "privileged"}, "baseline:latest", "privileged:latest", 0),
        ({"enforce": "baseline", "enforce-version": "v1.20"}, "baseline:v1.20", "baseline:v1.20", 0),
        ({"enforce": "bogus"}, "restricted:latest", "privileged:latest", 1),
        ({"warn-version": "v9"}, "privileged:latest", "privileged:latest", 1),
    ],
)
def test_labels_of_a_namespace(labels: dict[str, str], enforce: str, warn: str, errors: int) -> None:
    policy, found = policy_of({f"pod-security.kubernetes.io/{name}": value for name, value in labels.items()})
    assert (str(policy.enforce), str(policy.warn), len(found)) == (enforce, warn, errors)


def test_pods_that_would_be_refused_are_named_once_a_reason() -> None:
    policy, _ = policy_of({"pod-security.kubernetes.io/enforce": "baseline"})
    pods = [{"metadata": {"name": name}, "spec": pod_spec(hostPID=True)} for name in "cab"]
    texts = existing(policy.enforce, "ns", pods)
    assert texts[1:] == ["a (and 2 other pods): host namespaces"]


async def make_account(client: RestClient) -> None:
    await client.create(kinds.SERVICE_ACCOUNT, {"metadata": {"name": "default", "namespace": "default"}})


def pod(name: str, **spec: object) -> Obj:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": pod_spec(**spec)}


async def test_an_enforced_level_refuses_pods(client: RestClient) -> None:
    await make_account(client)
    await client.create(kinds.POD, pod("before", hostNetwork=True))
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    await client.patch(kinds.NAMESPACE, "default", None, {"metadata": {"labels": labels}})
    with pytest.raises(
        ApiError, match=r'violates PodSecurity "baseline:latest": host namespaces \(hostNetwork=true\)'
    ):
        await client.create(kinds.POD, pod("after", hostNetwork=True))
    await client.create(kinds.POD, pod("plain"))


async def test_pods_get_tokens_tolerations_and_priority(client: RestClient) -> None:
    await make_account(client)
    made = (await client.create(kinds.POD, pod("p")))["spec"]
    assert made["serviceAccountName"] == "default"
    assert made["containers"][0]["volumeMounts"][0]["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert [each["key"] for each in made["tolerations"]] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    assert (made["priority"], made["preemptionPolicy"]) == (0, "PreemptLowerPriority")


async def test_a_pod_needs_its_service_account(client: RestClient) -> None:
    with pytest.raises(ApiError, match='serviceaccount "default" not found'):
        await client.create(kinds.POD, pod("p"))


async def test_limits_fill_in_and_refuse(client: RestClient) -> None:
    await make_account(client)
    limit = {"type": "Container", "default": {"cpu": "500m"}, "max": {"cpu": "1"}}
    await client.create(
        kinds.LIMIT_RANGE, {"metadata": {"name": "l", "namespace": "default"}, "spec": {"limits": [limit]}}
    )
    made = await client.create(kinds.POD, pod("p"))
    assert made["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "500m"}, "requests": {"cpu": "500m"}}
    large = pod("q", container={"resources": {"limits": {"cpu": "2"}}})
    with pytest.raises(ApiError, match="maximum cpu usage per Container is 1, but limit is 2"):
        await client.create(kinds.POD, large)


async def quota(client: RestClient, **hard: str) -> None:
    made = {"metadata": {"name": "q", "namespace": "default"}, "spec": {"hard": hard}}
    await client.create(kinds.RESOURCE_QUOTA, made)
    status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
    await client.patch(kinds.RESOURCE_QUOTA, "q", "default", status, subresource="status")


async def test_a_quota_is_never_overdrawn_by_requests_at_once(client: RestClient) -> None:
    await quota(client, configmaps="5")
    names = [f"c{n}" for n in range(20)]
    answers = await asyncio.gather(
        *(client.create(kinds.CONFIG_MAP, {"metadata": {"name": name}}, "default") for name in names),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, ApiError)]
    assert len(refused) == 15
    assert all("exceeded quota: q, requested: configmaps=1" in str(each) for each in refused)
    found = await client.get(kinds.RESOURCE_QUOTA, "q", "default")
    assert found["status"]["used"] == {"configmaps": "5"}


async def test_a_limit_on_cpu_makes_pods_say_how_much(client: RestClient) -> None:
    await make_account(client)
    await quota(client, **{"requests.cpu": "1"})
    with pytest.raises(ApiError, match=r"failed quota: q: must specify requests\.cpu for: c"):
        await client.create(kinds.POD, pod("p"))
    await client.create(kinds.POD, pod("p", container={"resources": {"requests": {"cpu": "600m"}}}))
    with pytest.raises(
        ApiError, match=r"requested: requests\.cpu=600m, used: requests\.cpu=600m, limited: requests\.cpu=1"
    ):
        await client.create(kinds.POD, pod("q", container={"resources": {"requests": {"cpu": "600m"}}}))


async def test_nothing_is_made_in_a_namespace_that_ends(client: RestClient) -> None:
    await client.create(kinds.NAMESPACE, {"metadata": {"name": "n"}})
    await client.delete(kinds.NAMESPACE, "n")
    with pytest.raises(ApiError, match="because it is being terminated"):
        await client.create(kinds.CONFIG_MAP, {"metadata": {"name": "a"}}, "n")
    with pytest.raises(ApiError, match='namespaces "none" not found'):
        await client.create(kinds.CONFIG_MAP, {"metadata": {"name": "a"}}, "none")
    for name in ("default", "kube-system"):
        with pytest.raises(ApiError, match="this namespace may not be deleted"):
            await client.delete(kinds.NAMESPACE, name)


def test_every_plugin_does_something() -> None:
    assert all(hasattr(plugin, "mutate") or hasattr(plugin, "validate") for plugin in CHAIN)
