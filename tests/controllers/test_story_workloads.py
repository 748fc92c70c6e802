"""Stories of jobs, stateful and daemon sets, services, and of what goes with what."""

from story import web, world

from wherry.api import meta
from wherry.api.kinds import (
    CONFIG_MAP,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    ENDPOINTS,
    JOB,
    NAMESPACE,
    POD,
    REPLICA_SET,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
)

LABELS = {"app": "web"}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}


def named(name, **spec):
    return {"metadata": {"name": name}, "spec": spec}


async def test_every_namespace_has_its_account_and_certificate_and_goes_with_all_in_it():
    async with world() as w:
        await w.create(NAMESPACE, {"metadata": {"name": "demo"}})

        async def equipped():
            account = await w.exists(SERVICE_ACCOUNT, "default", "demo")
            return account and await w.exists(CONFIG_MAP, "kube-root-ca.crt", "demo")

        await w.until(equipped)
        held = {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}, "data": {}}
        await w.create(CONFIG_MAP, held, "demo")
        await w.create(DEPLOYMENT, web(2), "demo")
        await w.settle()
        await w.client.delete(NAMESPACE, "demo")

        async def waiting():
            found = meta.condition(await w.get(NAMESPACE, "demo"), "NamespaceFinalizersRemaining")
            return found is not None and found["status"] == "True"

        await w.until(waiting)
        assert await w.names(POD, "demo") == []
        assert not await w.exists(SERVICE_ACCOUNT, "default", "demo")
        await w.client.patch(CONFIG_MAP, "held", "demo", {"metadata": {"finalizers": None}})

        async def gone():
            return not await w.exists(NAMESPACE, "demo")

        await w.until(gone)


async def slices(w):
    """Those of the service `web`."""
    return [each for each in await w.all(ENDPOINT_SLICE) if meta.name(each).startswith("web-")]


async def test_a_service_follows_its_pods():
    async with world() as w:
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        await w.create(SERVICE, named("web", selector=LABELS, ports=ports))
        await w.settle()
        (empty,) = await slices(w)
        assert not empty.get("endpoints")
        await w.create(DEPLOYMENT, web(3))

        async def listed(number):
            ready = [e for each in await slices(w) for e in each.get("endpoints") or () if e["conditions"]["ready"]]
            subsets = (await w.get(ENDPOINTS, "web")).get("subsets") or []
            return len(ready) == number == sum(len(each.get("addresses") or ()) for each in subsets)

        await w.until(lambda: listed(3))
        await w.patch(DEPLOYMENT, "web", {"spec": {"replicas": 1}})
        await w.until(lambda: listed(1))
        await w.client.delete(SERVICE, "web", "default")

        async def gone():
            return not await slices(w) and not await w.exists(ENDPOINTS, "web")

        await w.until(gone)


async def test_foreground_deletion_waits_and_orphaning_leaves_dependents():
    async with world() as w:
        await w.create(DEPLOYMENT, web(2))
        await w.settle()
        await w.client.delete(DEPLOYMENT, "web", "default", propagation="Orphan")

        async def orphaned():
            (only,) = await w.all(REPLICA_SET)
            return not await w.exists(DEPLOYMENT, "web") and not meta.owners(only)

        await w.until(orphaned)
        (name,) = await w.names(REPLICA_SET)
        assert len(await w.names(POD)) == 2
        await w.client.delete(REPLICA_SET, name, "default", propagation="Foreground")
        seen = []

        async def gone():
            seen.append((await w.exists(REPLICA_SET, name), len(await w.names(POD))))
            return seen[-1] == (False, 0)

        await w.until(gone)
        assert all(there or not pods for there, pods in seen)


async def test_a_stateful_set_comes_up_in_order_and_updates_in_reverse():
    async with world() as w:
        spec = {"replicas": 3, "serviceName": "db", "selector": {"matchLabels": LABELS}, "template": TEMPLATE}
        await w.create(STATEFUL_SET, named("db", **spec))
        order = []

        async def up():
            order.extend(name for name in await w.names(POD) if name not in order)
            return (await w.get(STATEFUL_SET, "db"))["status"].get("readyReplicas") == 3

        await w.until(up)
        assert order == ["db-0", "db-1", "db-2"]
        change = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}}
        await w.patch(STATEFUL_SET, "db", change, "strategic")
        replaced = []

        async def updated():
            for pod in await w.all(POD):
                fresh = pod["spec"]["containers"][0]["image"] == "web:2"
                if fresh and meta.name(pod) not in replaced:
                    replaced.append(meta.name(pod))
            status = (await w.get(STATEFUL_SET, "db"))["status"]
            return status["currentRevision"] == status["updateRevision"] and len(replaced) == 3

        await w.until(updated)
        assert replaced == ["db-2", "db-1", "db-0"]


async def test_a_daemon_set_follows_the_nodes():
    async with world(nodes=2) as w:
        await w.create(DAEMON_SET, named("agent", selector={"matchLabels": LABELS}, template=TEMPLATE))

        async def everywhere(number):
            status = (await w.get(DAEMON_SET, "agent"))["status"]
            return status.get("desiredNumberScheduled") == number == status.get("numberReady")

        await w.until(lambda: everywhere(2))
        await w.add_node("n3")
        await w.until(lambda: everywhere(3))


def job(**spec):
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "task"}]}}
    return {"template": template, **spec}


async def test_a_job_runs_to_its_end():
    async with world() as w:
        w.phase = lambda pod: "Succeeded"
        await w.create(JOB, named("work", **job(completions=5, parallelism=2)))

        async def done():
            return meta.is_true(await w.get(JOB, "work"), "Complete")

        await w.until(done)
        status = (await w.get(JOB, "work"))["status"]
        assert status["succeeded"] == 5 and "completionTime" in status
        pods = await w.all(POD)
        assert len(pods) == 5 and not any(meta.finalizers(pod) for pod in pods)


async def test_a_job_gives_up_after_its_failures():
    async with world() as w:
        w.phase = lambda pod: "Failed"
        await w.create(JOB, named("work", **job(backoffLimit=2)))
        await w.pass_time(90)
        found = await w.get(JOB, "work")
        assert meta.condition(found, "Failed")["reason"] == "BackoffLimitExceeded"
        assert found["status"]["failed"] == 3


async def test_a_cron_job_starts_by_the_clock():
    async with world() as w:
        w.phase = lambda pod: "Succeeded"
        spec = {"schedule": "*/2 * * * *", "successfulJobsHistoryLimit": 2, "jobTemplate": {"spec": job()}}
        await w.create(CRON_JOB, named("tick", **spec))
        await w.pass_time(11 * 60, beat=20)
        names = await w.names(JOB)
        assert len(names) == 2
        found = await w.get(CRON_JOB, "tick")
        assert int(names[-1].rpartition("-")[2]) == int(w.clock.now()) // 120 * 2
        assert found["status"]["lastScheduleTime"] and not found["status"].get("active")
