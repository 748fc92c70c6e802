"""What a pod's status says."""

import pytest
from nodetest import T0, at, condition, container, pod, record, status_of, view

from wherry.node.plan import plan, probing, qos
from wherry.node.plan.view import Health, Volumes

PHASES = [
    ("Always", [], "Pending"),
    ("Always", [record("a")], "Pending"),
    ("Always", [record("a"), record("b")], "Running"),
    ("Always", [record("a"), record("b", "exited")], "Running"),
    ("Always", [record("a", "exited"), record("b", "exited")], "Running"),
    ("OnFailure", [record("a", "exited"), record("b", "exited")], "Succeeded"),
    ("OnFailure", [record("a", "exited"), record("b", "exited", exit_code=1)], "Running"),
    ("Never", [record("a", "exited"), record("b", "exited", exit_code=1)], "Failed"),
    ("Never", [record("a"), record("b", "exited", exit_code=1)], "Running"),
]


@pytest.mark.parametrize(("policy", "records", "phase"), PHASES)
def test_phase(policy, records, phase):
    of = pod(container("a"), container("b"), restartPolicy=policy)
    assert plan(view(of, *records)).status["phase"] == phase


def test_a_new_pod_waits():
    result = plan(view(pod(), sandbox=None, volumes=Volumes()))
    assert status_of(result)["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert condition(result, "PodReadyToStartContainers")["status"] == "False"
    assert condition(result, "ContainersReady")["message"] == "containers with unready status: [main]"
    assert condition(result, "Initialized")["status"] == "True"
    assert condition(result, "PodScheduled")["observedGeneration"] == 1
    assert result.status["startTime"] == "2023-11-14T22:13:22Z"
    assert result.status["hostIP"] == "192.0.2.1"
    assert "podIP" not in result.status


def test_a_running_pod_is_ready():
    result = plan(view(pod(), record()))
    shown = status_of(result)
    assert (shown["ready"], shown["started"], shown["containerID"]) == (True, True, "wherry://main-0")
    assert shown["state"] == {"running": {"startedAt": "2023-11-14T22:13:20Z"}}
    assert all(each["status"] == "True" for each in result.status["conditions"])
    assert result.status["podIPs"] == [{"ip": "10.244.0.5"}]


@pytest.mark.parametrize(
    ("probes", "health", "started", "ready"),
    [
        ({"readinessProbe": {"exec": {}}}, Health(), True, False),
        ({"readinessProbe": {"exec": {}}}, Health(ready=True), True, True),
        ({"readinessProbe": {"exec": {}}}, Health(ready=False), True, False),
        ({"startupProbe": {"exec": {}}}, Health(), False, False),
        ({"startupProbe": {"exec": {}}}, Health(started=True), True, True),
        ({"startupProbe": {"exec": {}}, "readinessProbe": {"exec": {}}}, Health(started=True), True, False),
    ],
)
def test_probes_decide_started_and_ready(probes, health, started, ready):
    shown = status_of(plan(view(pod(container(**probes)), record(), health={"main-0": health})))
    assert (shown["started"], shown["ready"]) == (started, ready)


def test_readiness_gates():
    of = pod(readinessGates=[{"conditionType": "a.b/c"}])
    result = condition(plan(view(of, record())), "Ready")
    assert (result["status"], result["reason"]) == ("False", "ReadinessGatesNotReady")
    of["status"] = {"conditions": [{"type": "a.b/c", "status": "True"}]}
    result = plan(view(of, record()))
    assert condition(result, "Ready")["status"] == "True"
    assert condition(result, "a.b/c")["status"] == "True"


def test_transition_times_move_only_with_the_status():
    first = plan(view(pod(), record(), now=T0)).status
    later = plan(view(pod(), record(), now=T0 + 50, status=first)).status
    assert first == later
    down = plan(view(pod(), record(state="exited", delay=10), now=T0 + 9, status=first))
    assert condition(down, "Ready")["lastTransitionTime"] == "2023-11-14T22:13:29Z"
    assert condition(down, "PodScheduled")["lastTransitionTime"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "Completed"),
        ({"exit_code": 2}, "Error"),
        ({"exit_code": 137, "oom_killed": True}, "OOMKilled"),
        ({"exit_code": 128, "reason": "StartError"}, "StartError"),
    ],
)
def test_reasons_of_ends(fields, reason):
    shown = status_of(plan(view(pod(restartPolicy="Never"), record(state="exited", message="why", **fields))))
    assert shown["state"]["terminated"]["reason"] == reason
    assert shown["state"]["terminated"]["message"] == "why"


def test_the_attempt_before_shows_as_last_state():
    before = record(state="exited", exit_code=5)
    shown = status_of(plan(view(pod(), before, record(attempt=1))))
    assert shown["restartCount"] == 1
    assert shown["lastState"]["terminated"]["exitCode"] == 5


def test_a_container_that_vanished_counts_as_restarted_once():
    first = plan(view(pod(), record())).status
    lost = plan(view(pod(), status=first, sandbox=None)).status
    assert lost["containerStatuses"][0]["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert lost["containerStatuses"][0]["restartCount"] == 1
    assert lost["phase"] == "Running"
    again = plan(view(pod(), status=lost, sandbox=None)).status
    assert again["containerStatuses"][0]["restartCount"] == 1


def test_termination_messages_share_the_room_of_a_status():
    of = pod(*(container(f"c{i}") for i in range(4)), restartPolicy="Never")
    result = plan(view(of, *(record(f"c{i}", "exited", message="x" * 4096) for i in range(4))))
    assert len(status_of(result, "c0")["state"]["terminated"]["message"]) == 3072


def test_host_network_pods_have_the_nodes_address():
    result = plan(view(pod(hostNetwork=True), record()))
    assert result.status["podIP"] == "192.0.2.1"


def test_the_address_of_a_finished_pod_stays():
    running = plan(view(pod(restartPolicy="Never"), record())).status
    ended = view(pod(restartPolicy="Never"), record(state="exited"), status=running)
    assert plan(at(ended, sandbox=None)).status["podIP"] == "10.244.0.5"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1000m", "memory": "1024Mi"}}, "Guaranteed"),
        ({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}}, "Burstable"),
        ({"limits": {"cpu": "2"}}, "Burstable"),
        ({"requests": {"cpu": "0"}}, "BestEffort"),
    ],
)
def test_quality_of_service(resources, expected):
    assert qos.qos_class(pod(container(resources=resources))) == expected


@pytest.mark.parametrize(
    ("probe", "answers", "verdict"),
    [
        ({}, [True], True),
        ({}, [False, False], None),
        ({}, [False, False, False], False),
        ({"failureThreshold": 1}, [False], False),
        ({"successThreshold": 2}, [True], None),
        ({"successThreshold": 2}, [True, True], True),
        ({}, [True, False, False, True, False, False], True),
        ({}, [True, False, False, False], False),
    ],
)
def test_probe_thresholds(probe, answers, verdict):
    tally = probing.Tally()
    for ok in answers:
        tally = probing.observe(tally, probe, ok)
    assert tally.verdict is verdict


def test_an_early_failure_does_not_count():
    tally = probing.observe(probing.Tally(), {"failureThreshold": 1}, False, counted=False)
    assert tally.verdict is None
    assert probing.observe(tally, {}, True, counted=False).verdict is True
