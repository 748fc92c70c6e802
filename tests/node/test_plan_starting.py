"""Which containers a pod starts, in which order, and why the others wait."""

import pytest
from nodetest import T0, actions, at, container, events, pod, record, status_of, view

from wherry.node.plan import plan, restarts
from wherry.node.plan.actions import (
    CreateContainer,
    CreateSandbox,
    MountVolumes,
    PullImage,
    RemoveContainer,
    RemoveSandbox,
    ResizeContainer,
    RunHook,
    StartContainer,
    StopContainer,
)
from wherry.node.plan.view import Failure, Health, Image, Rejection, Sandbox, Volumes


def started(*names: str, attempt: int = 0, delay: float = 0) -> list[object]:
    out: list[object] = []
    for name in names:
        out += [CreateContainer(name, attempt, delay), StartContainer(name, attempt)]
    return out


def sidecar(name: str, **fields: object) -> dict:
    return container(name, restartPolicy="Always", **fields)


def test_a_new_pod_gets_sandbox_volumes_and_image_at_once():
    new = view(pod(), sandbox=None, volumes=Volumes(), images={})
    assert actions(new) == [CreateSandbox(), MountVolumes(), PullImage("main", "busybox:1")]


def test_containers_wait_for_the_volumes():
    assert actions(view(pod(), volumes=Volumes(busy=True))) == []


def test_all_containers_start_in_their_order():
    assert actions(view(pod(container("b"), container("a")))) == started("b", "a")


def test_a_lost_network_namespace_replaces_the_sandbox():
    lost = view(pod(), record(), sandbox=Sandbox("s-1", ready=False))
    assert actions(lost) == [RemoveSandbox("s-1")]


INIT = pod(init=(container("one"), container("two")))
SIDECAR = pod(init=(sidecar("side"), container("one")))
PROBED = pod(init=(sidecar("side", startupProbe={"exec": {}}), container("one")))


@pytest.mark.parametrize(
    ("of", "records", "health", "expected"),
    [
        (INIT, [], {}, started("one")),
        (INIT, [record("one")], {}, []),
        (INIT, [record("one", "exited")], {}, started("two")),
        (INIT, [record("one", "exited"), record("two", "exited")], {}, started("main")),
        (INIT, [record("one", "exited"), record("two", "exited"), record()], {}, []),
        (INIT, [record("one", "exited", exit_code=1)], {}, started("one", attempt=1, delay=10)),
        (SIDECAR, [], {}, started("side")),
        (SIDECAR, [record("side")], {}, started("one")),
        (SIDECAR, [record("side"), record("one", "exited")], {}, started("main")),
        (SIDECAR, [record("side", "exited"), record("one")], {}, started("side", attempt=1, delay=10)),
        (SIDECAR, [record("side", "exited"), record()], {}, started("side", attempt=1, delay=10)),
        (PROBED, [record("side")], {}, []),
        (PROBED, [record("side")], {"side-0": Health(started=True)}, started("one")),
    ],
)
def test_init_containers_and_sidecars_go_in_order(of, records, health, expected):
    assert actions(view(of, *records, health=health)) == expected


def test_a_failed_init_container_of_a_pod_that_never_restarts_fails_the_pod():
    failed = view(pod(init=(container("one"),), restartPolicy="Never"), record("one", "exited", exit_code=3))
    result = plan(failed)
    assert result.status["phase"] == "Failed"
    assert status_of(result, "main")["state"]["waiting"]["reason"] == "PodInitializing"


@pytest.mark.parametrize(
    ("policy", "code", "restarts_it"),
    [("Always", 0, True), ("Always", 1, True), ("OnFailure", 0, False), ("OnFailure", 1, True), ("Never", 1, False)],
)
def test_restart_policies(policy, code, restarts_it):
    ended = view(pod(restartPolicy=policy), record(state="exited", exit_code=code))
    assert bool(actions(ended)) is restarts_it


@pytest.mark.parametrize(
    ("rule", "code", "restarts_it"),
    [
        ({"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}, 42, True),
        ({"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}, 1, False),
        ({"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [42]}}, 1, True),
    ],
)
def test_a_container_has_restart_rules_of_its_own(rule, code, restarts_it):
    spec = container(restartPolicy="Never", restartPolicyRules=[rule])
    assert restarts.should_restart(pod(spec), spec, code) is restarts_it


def test_crash_loop_delays_double_to_five_minutes_and_reset():
    delays, last = [], record(state="exited", delay=0)
    for _ in range(8):
        delays.append(restarts.next_delay(last))
        last = record(state="exited", delay=restarts.delay_after(last))
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]
    survivor = record(state="exited", delay=300, created_at=T0, finished_at=T0 + 601)
    assert restarts.next_delay(survivor) == 0


def test_a_crashing_container_waits_and_says_how_long():
    crashed = view(pod(), record(state="exited", attempt=4, delay=80, exit_code=1), now=T0 + 6)
    result = plan(crashed)
    assert actions(crashed) == []
    assert result.wake_at == T0 + 5 + 80
    shown = status_of(result)
    assert shown["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": "back-off 1m20s restarting failed container=main pod=web_default(u-1)",
    }
    assert shown["lastState"]["terminated"]["exitCode"] == 1
    assert events(crashed) == [("BackOff", "Back-off restarting failed container main in pod web_default(u-1)")]
    assert events(at(crashed, status=result.status)) == []
    assert actions(at(crashed, now=T0 + 85)) == started("main", attempt=5, delay=160)


def test_of_ended_attempts_only_the_last_is_kept():
    records = [record(state="exited", attempt=number, exit_code=1) for number in range(3)]
    assert actions(view(pod(), *records, now=T0 + 9))[:2] == [RemoveContainer("main-1"), RemoveContainer("main-0")]


@pytest.mark.parametrize(
    ("policy", "image", "now", "expected"),
    [
        ("IfNotPresent", Image(present=True), T0, ("go", "")),
        ("IfNotPresent", Image(), T0, ("pull", "")),
        ("Always", Image(present=True), T0, ("pull", "")),
        ("Always", Image(present=True, pulled=True), T0, ("go", "")),
        ("Never", Image(present=True), T0, ("go", "")),
        ("Never", Image(), T0, ("wait", "ErrImageNeverPull")),
        ("IfNotPresent", Image(pulling=True), T0, ("wait", "")),
        ("IfNotPresent", Image(invalid="bad"), T0, ("wait", "InvalidImageName")),
        ("IfNotPresent", Image(error="no", failed_at=T0, failures=1), T0 + 1, ("wait", "ErrImagePull")),
        ("IfNotPresent", Image(error="no", failed_at=T0, failures=1), T0 + 9, ("wait", "ImagePullBackOff")),
        ("IfNotPresent", Image(error="no", failed_at=T0, failures=1), T0 + 10, ("pull", "")),
        ("IfNotPresent", Image(error="no", failed_at=T0, failures=9), T0 + 299, ("wait", "ImagePullBackOff")),
        ("IfNotPresent", Image(error="no", failed_at=T0, failures=9), T0 + 300, ("pull", "")),
    ],
)
def test_images_by_pull_policy(policy, image, now, expected):
    from wherry.node.plan import images

    answer = images.answer(container(imagePullPolicy=policy), image, now)
    assert (answer.verdict, answer.reason) == expected


def test_a_missing_image_shows_in_the_status():
    missing = view(pod(), images={"main": Image(error="not found", failed_at=T0, failures=1)}, now=T0 + 5)
    result = plan(missing)
    assert status_of(result)["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert result.wake_at == T0 + 10


def test_a_container_that_cannot_be_made_is_tried_again_later():
    failure = Failure("CreateContainerConfigError", 'configmap "a" not found', T0, count=3)
    failing = view(pod(), failures={"main": failure})
    assert actions(failing) == []
    assert plan(failing).wake_at == T0 + 4
    assert status_of(plan(failing))["state"]["waiting"]["reason"] == "CreateContainerConfigError"
    assert actions(at(failing, now=T0 + 4)) == started("main")


HOOKED = pod(container(lifecycle={"postStart": {"exec": {"command": ["true"]}}}), container("second"))


@pytest.mark.parametrize(
    ("records", "hooks", "expected"),
    [
        ([], {}, [*started("main"), RunHook("postStart", "main")]),
        ([record()], {"main-0": "running"}, []),
        ([record()], {"main-0": "done"}, started("second")),
    ],
)
def test_a_post_start_hook_holds_back_the_next_container(records, hooks, expected):
    assert actions(view(HOOKED, *records, hooks=hooks)) == expected


def test_a_failed_post_start_hook_ends_the_container():
    failed = view(HOOKED, record(), hooks={"main-0": "failed"})
    assert actions(failed)[0] == StopContainer("main", "main-0", 30)


@pytest.mark.parametrize(
    ("health", "message", "grace"),
    [
        (Health(alive=False), "Container main failed liveness probe, will be restarted", 7),
        (Health(started=False), "Container main failed startup probe, will be restarted", 30),
    ],
)
def test_a_failed_probe_ends_the_container(health, message, grace):
    probed = pod(container(livenessProbe={"terminationGracePeriodSeconds": 7}, startupProbe={"exec": {}}))
    failed = view(probed, record(), health={"main-0": health})
    assert actions(failed) == [StopContainer("main", "main-0", grace)]
    assert events(failed) == [("Killing", message)]


@pytest.mark.parametrize(
    ("outdated", "no_room", "expected"),
    [
        (("cpu",), None, [ResizeContainer("main", "main-0")]),
        (("cpu", "memory"), None, [StopContainer("main", "main-0", 30)]),
        (("cpu",), Rejection("Infeasible", "too much"), []),
    ],
)
def test_new_limits_in_place_or_by_a_restart(outdated, no_room, expected):
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    wants = {"requests": {"cpu": "2"}}
    had = {"requests": {"cpu": "1"}}
    of = pod(container(resizePolicy=policy, resources=wants))
    known = {
        "name": "main",
        "containerID": "wherry://main-0",
        "resources": had,
        "allocatedResources": had["requests"],
    }
    seen = view(of, record(outdated=outdated), no_room=no_room, status={"containerStatuses": [known]})
    assert actions(seen) == expected
    shown = status_of(plan(seen))
    assert (shown["resources"], shown["allocatedResources"]) == (had, {"cpu": "1"})
    assert status_of(plan(at(seen, containers=(record(),))))["resources"] == wants
    conditions = [each["type"] for each in plan(seen).status["conditions"]]
    assert ("PodResizePending" in conditions) is (no_room is not None)


def test_a_changed_image_restarts_the_container():
    changed = view(pod(), record(image="busybox:0"))
    assert actions(changed) == [StopContainer("main", "main-0", 30)]


def test_a_container_that_was_made_but_not_started_is_made_again():
    assert actions(view(pod(), record(state="created"))) == [RemoveContainer("main-0"), *started("main")]


@pytest.mark.parametrize(
    ("state", "last", "attempt"),
    [
        ({"running": {}}, {}, 4),
        ({"terminated": {"exitCode": 1, "containerID": "wherry://x"}}, {}, 4),
        ({"waiting": {}}, {"terminated": {"containerID": "wherry://x"}}, 4),
        ({"waiting": {}}, {"terminated": {"reason": "ContainerStatusUnknown"}}, 3),
    ],
)
def test_the_status_remembers_attempts_that_the_engine_lost(state, last, attempt):
    known = {"containerStatuses": [{"name": "main", "restartCount": 3, "state": state, "lastState": last}]}
    assert actions(view(pod(), status=known)) == started("main", attempt=attempt)
