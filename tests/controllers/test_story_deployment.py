"""Stories of roll-outs, with all controllers at work."""

from story import web, world

from wherry.api import meta
from wherry.api.kinds import DEPLOYMENT, POD, REPLICA_SET


def complete(w, replicas, image):
    async def check():
        status = (await w.get(DEPLOYMENT, "web")).get("status") or {}
        pods = [pod for pod in await w.all(POD) if not meta.deleting(pod)]
        images = {pod["spec"]["containers"][0]["image"] for pod in pods}
        counts = [status.get(f"{each}Replicas", 0) for each in ("updated", "available")] + [status.get("replicas", 0)]
        return counts == [replicas] * 3 and len(pods) == replicas and images <= {image}

    return check


async def test_a_deployment_comes_up_scales_updates_and_goes_back():
    async with world(nodes=2) as w:
        await w.create(DEPLOYMENT, web(3))
        await w.until(complete(w, 3, "web:1"))
        await w.patch(DEPLOYMENT, "web", {"spec": {"replicas": 5}})
        await w.until(complete(w, 5, "web:1"))
        await w.patch(DEPLOYMENT, "web", image("web:2"), "strategic")
        await w.until(complete(w, 5, "web:2"))
        assert len(await w.names(REPLICA_SET)) == 2
        await w.patch(DEPLOYMENT, "web", image("web:1"), "strategic")
        await w.until(complete(w, 5, "web:1"))
        await w.settle()
        sets = {meta.annotations(each)["deployment.kubernetes.io/revision"] for each in await w.all(REPLICA_SET)}
        assert sets == {"2", "3"}
        deployment = await w.get(DEPLOYMENT, "web")
        assert meta.annotations(deployment)["deployment.kubernetes.io/revision"] == "3"
        assert meta.condition(deployment, "Progressing")["reason"] == "NewReplicaSetAvailable"
        assert meta.is_true(deployment, "Available")


def image(name):
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": name}]}}}}


async def test_never_fewer_than_asked_for_are_available_during_an_update():
    async with world() as w:
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        await w.create(DEPLOYMENT, web(4, strategy=rolling))
        await w.until(complete(w, 4, "web:1"))
        await w.patch(DEPLOYMENT, "web", image("web:2"), "strategic")
        done = complete(w, 4, "web:2")
        seen = []

        async def watched():
            pods = await w.all(POD)
            seen.append(
                (
                    sum(meta.is_true(pod, "Ready") and not meta.deleting(pod) for pod in pods),
                    sum(not meta.deleting(pod) for pod in pods),
                )
            )
            return await done()

        await w.until(watched)
        assert min(ready for ready, _ in seen) >= 4
        assert max(all_ for _, all_ in seen) <= 5


async def test_an_update_that_cannot_work_stops_and_is_reported_and_undone():
    async with world() as w:
        w.broken = lambda pod: pod["spec"]["containers"][0]["image"] == "web:bad"
        await w.create(DEPLOYMENT, web(3, progressDeadlineSeconds=30))
        await w.until(complete(w, 3, "web:1"))
        await w.patch(DEPLOYMENT, "web", image("web:bad"), "strategic")

        async def timed_out():
            found = meta.condition(await w.get(DEPLOYMENT, "web"), "Progressing")
            return found["reason"] == "ProgressDeadlineExceeded"

        await w.until(timed_out)
        assert (await w.get(DEPLOYMENT, "web"))["status"]["availableReplicas"] == 3
        await w.patch(DEPLOYMENT, "web", image("web:1"), "strategic")
        await w.until(complete(w, 3, "web:1"))


async def test_deleting_a_deployment_removes_its_sets_and_pods():
    async with world() as w:
        await w.create(DEPLOYMENT, web(3))
        await w.until(complete(w, 3, "web:1"))
        await w.client.delete(DEPLOYMENT, "web", "default")

        async def gone():
            return not await w.names(POD) and not await w.names(REPLICA_SET)

        await w.until(gone)


async def test_a_set_of_five_hundred_is_made_once_only():
    async with world(nodes=0) as w:
        await w.create(DEPLOYMENT, web(700))
        await w.settle()
        assert len(await w.names(POD)) == 700
        (only,) = await w.all(REPLICA_SET)
        assert only["status"]["replicas"] == 700
