"""Pods with real containers: from creation to deletion."""

import asyncio

import pytest
from nodehost import IMAGE, SLEEPER, is_ready, phase, sh, soon, status_of, waiting_for

from wherry.api.kinds import POD

pytestmark = pytest.mark.root


async def test_a_pod_becomes_ready_and_goes_away(node):
    await node.create("web", SLEEPER)
    pod = await node.until("web", is_ready)
    assert pod["status"]["podIP"] == "10.244.7.2"
    assert pod["status"]["hostIP"] == "192.0.2.1"
    shown = status_of(pod)
    assert shown["restartCount"] == 0
    assert shown["imageID"].startswith("sha256:") or "@sha256:" in shown["imageID"]
    assert "10.244.7.2" in await node.output("web", "ip", "addr")
    reasons = [reason for reason, _ in await node.events("web")]
    assert reasons == ["Pulled", "Created", "Started"]
    await node.delete("web")
    assert node.engine.sandboxes() == []
    assert not node.config.pod_dir(pod["metadata"]["uid"]).exists()
    assert not node.config.log_dir("default", "web", pod["metadata"]["uid"]).exists()


async def test_a_job_like_pod_succeeds_and_keeps_its_log(node):
    await node.create("job", sh("echo done; echo bye > /dev/termination-log"), restartPolicy="Never")
    pod = await node.until("job", phase("Succeeded"))
    ended = status_of(pod)["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (0, "Completed", "bye\n")
    assert "done" in node.log(pod)
    await soon(lambda: not node.engine.sandboxes())


async def test_a_failed_container_without_message_shows_its_last_words(node):
    container = sh("echo oh no; exit 3", terminationMessagePolicy="FallbackToLogsOnError")
    await node.create("bad", container, restartPolicy="Never")
    ended = status_of(await node.until("bad", phase("Failed")))["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "oh no\n")


async def test_a_crashing_container_is_restarted_and_then_waits(node):
    await node.create("crash", sh("exit 1"))
    pod = await node.until("crash", waiting_for("CrashLoopBackOff"))
    shown = status_of(pod)
    assert shown["restartCount"] == 1
    assert shown["lastState"]["terminated"]["exitCode"] == 1
    assert pod["status"]["phase"] == "Running"
    assert "BackOff" in [reason for reason, _ in await node.events("crash")]


async def test_a_command_that_does_not_exist(node):
    await node.create("typo", {"name": "main", "command": ["/no/such/thing"]}, restartPolicy="Never")
    pod = await node.until("typo", phase("Failed"))
    ended = status_of(pod)["state"]["terminated"]
    assert ended["reason"] in ("StartError", "ContainerCannotRun")
    assert "/no/such/thing" in ended["message"]


async def test_init_containers_run_first_and_sidecars_beside(node):
    volumes = [{"name": "v", "emptyDir": {}}]
    mounts = [{"name": "v", "mountPath": "/v"}]
    inits = [
        sh("echo one >> /v/order", "one", volumeMounts=mounts),
        sh("echo side >> /v/order; trap 'exit 0' TERM; sleep 3600 & wait", "side", volumeMounts=mounts)
        | {"restartPolicy": "Always"},
        sh("echo two >> /v/order", "two", volumeMounts=mounts),
    ]
    await node.create("steps", SLEEPER | {"volumeMounts": mounts}, initContainers=inits, volumes=volumes)
    pod = await node.until("steps", is_ready)
    assert (await node.output("steps", "cat", "/v/order")).split() == ["one", "side", "two"]
    assert status_of(pod, "one")["state"]["terminated"]["reason"] == "Completed"
    assert "running" in status_of(pod, "side")["state"]


async def test_an_unknown_image(node):
    await node.create("noimage", {"name": "main", "image": "127.0.0.1:1/nothing:here"})
    pod = await node.until("noimage", waiting_for("ErrImagePull"))
    assert pod["status"]["phase"] == "Pending"
    await node.until("noimage", waiting_for("ImagePullBackOff"))
    reasons = [reason for reason, _ in await node.events("noimage")]
    assert reasons[:2] == ["Pulling", "Failed"]
    await node.delete("noimage")


async def test_an_image_that_is_there_but_must_be_fetched(node):
    await node.create("always", SLEEPER | {"imagePullPolicy": "Always"})
    await node.until("always", waiting_for("ErrImagePull"))
    await node.until("always", waiting_for("ImagePullBackOff"))


async def test_an_image_that_must_be_there_and_is_not(node):
    await node.create("never", {"name": "main", "image": "nothing:here", "imagePullPolicy": "Never"})
    await node.until("never", waiting_for("ErrImageNeverPull"))


async def test_a_container_that_refers_to_nothing_waits_until_it_is_there(node):
    source = {"configMapKeyRef": {"name": "later", "key": "a"}}
    await node.create("ref", SLEEPER | {"env": [{"name": "A", "valueFrom": source}]})
    pod = await node.until("ref", waiting_for("CreateContainerConfigError"))
    assert status_of(pod)["state"]["waiting"]["message"] == 'configmap "later" not found'
    from wherry.api.kinds import CONFIG_MAP

    await node.client.create(CONFIG_MAP, {"metadata": {"name": "later", "namespace": "default"}, "data": {"a": "1"}})
    await node.until("ref", is_ready)
    assert (await node.output("ref", "sh", "-c", "echo $A")).strip() == "1"


async def test_a_stop_hook_runs_before_the_end(node):
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hooked > /v/hook"]}}}
    mounts = [{"name": "v", "mountPath": "/v"}]
    volumes = [{"name": "v", "hostPath": {"path": str(node.state / "shared"), "type": "DirectoryOrCreate"}}]
    await node.create("hook", SLEEPER | {"lifecycle": hook, "volumeMounts": mounts}, volumes=volumes)
    await node.until("hook", is_ready)
    await node.delete("hook")
    assert (node.state / "shared" / "hook").read_text() == "hooked\n"


async def test_a_start_hook_that_fails_restarts_the_container(node):
    hook = {"postStart": {"exec": {"command": ["false"]}}}
    await node.create("badhook", SLEEPER | {"lifecycle": hook}, terminationGracePeriodSeconds=1)
    await node.until("badhook", waiting_for("CrashLoopBackOff"))
    reasons = [reason for reason, _ in await node.events("badhook")]
    assert "FailedPostStartHook" in reasons
    assert "Killing" in reasons


async def test_a_container_that_ignores_the_stop_signal_is_killed(node):
    await node.create("deaf", sh("trap '' TERM; while true; do sleep 1; done"), terminationGracePeriodSeconds=1)
    await node.until("deaf", is_ready)
    await node.delete("deaf")


async def test_a_deletion_without_grace_leaves_nothing(node):
    await node.create("force", sh("trap '' TERM; while true; do sleep 1; done"))
    await node.until("force", is_ready)
    await node.client.delete(POD, "force", "default", grace_period=0)
    await soon(lambda: not node.engine.sandboxes())


async def test_a_pod_that_waits_for_a_volume_can_be_deleted(node):
    volumes = [{"name": "page", "configMap": {"name": "never"}}]
    pod = await node.create("stuck", SLEEPER, volumes=volumes)
    await node.until("stuck", lambda pod: pod.get("status", {}).get("podIP"))
    await node.delete("stuck")
    assert not node.config.pod_dir(pod["metadata"]["uid"]).exists()


async def test_a_deadline_ends_a_pod(node):
    await node.create("late", SLEEPER, activeDeadlineSeconds=1)
    pod = await node.until("late", phase("Failed"))
    assert pod["status"]["reason"] == "DeadlineExceeded"


async def test_a_pod_that_does_not_fit_is_rejected(node):
    await node.create("big", SLEEPER | {"resources": {"requests": {"cpu": "1000"}}})
    pod = await node.until("big", phase("Failed"))
    assert pod["status"]["reason"] == "OutOfcpu"


async def test_several_pods_at_once(node):
    names = [f"p{number}" for number in range(10)]
    await asyncio.gather(*(node.create(name, SLEEPER) for name in names))
    pods = await asyncio.gather(*(node.until(name, is_ready) for name in names))
    assert len({pod["status"]["podIP"] for pod in pods}) == 10
    await asyncio.gather(*(node.delete(name) for name in names))
    assert node.engine.sandboxes() == []


async def test_an_ephemeral_container_is_added_to_a_pod_that_runs(node):
    await node.create("web", SLEEPER)
    pod = await node.until("web", is_ready)
    debugger = sh("echo polo", "debugger") | {"image": IMAGE, "targetContainerName": "main"}
    debugger["imagePullPolicy"] = "IfNotPresent"
    change = {"spec": {"ephemeralContainers": [debugger]}}
    await node.client.patch(POD, "web", "default", change, type="strategic", subresource="ephemeralcontainers")

    def ended(pod):
        shown = (pod["status"].get("ephemeralContainerStatuses") or [{}])[0]
        return "terminated" in shown.get("state", {})

    pod = await node.until("web", ended)
    assert is_ready(pod)
    assert "polo" in node.log(pod, "debugger")
