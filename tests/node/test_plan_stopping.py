"""How pods end."""

from nodetest import T0, actions, at, container, events, pod, record, status_of, view

from wherry.node.plan import plan
from wherry.node.plan.actions import DeletePod, Forget, RemoveSandbox, RunHook, StopContainer, UnmountVolumes
from wherry.node.plan.view import Rejection, Stop, Volumes

DELETING = {"deletionTimestamp": "2023-11-14T22:13:50Z", "deletionGracePeriodSeconds": 30}
PRE_STOP = {"preStop": {"exec": {"command": ["true"]}}}


def test_deletion_stops_every_container_with_the_grace_period():
    ending = view(pod(container("a"), container("b"), metadata=DELETING), record("a"), record("b"), ending_since=T0)
    assert actions(ending) == [StopContainer("a", "a-0", 28), StopContainer("b", "b-0", 28)]
    assert events(ending) == [("Killing", "Stopping container a"), ("Killing", "Stopping container b")]


def test_a_stop_that_is_under_way_is_not_asked_for_again_unless_the_grace_got_shorter():
    stops = {"main-0": Stop(T0, kill_at=T0 + 30)}
    ending = view(pod(metadata=DELETING), record(), ending_since=T0, stops=stops)
    assert actions(ending) == []
    shorter = DELETING | {"deletionGracePeriodSeconds": 0}
    assert actions(at(ending, pod=pod(metadata=shorter))) == [StopContainer("main", "main-0", 2)]


def test_a_pre_stop_hook_runs_first_and_spends_of_the_grace_period():
    ending = view(pod(container(lifecycle=PRE_STOP), metadata=DELETING), record(), ending_since=T0, now=T0)
    assert actions(ending) == [RunHook("preStop", "main", "main-0", 30)]
    hooked = at(ending, stops={"main-0": Stop(T0, "running")}, now=T0 + 10)
    assert actions(hooked) == []
    assert plan(hooked).wake_at == T0 + 30
    done = at(hooked, stops={"main-0": Stop(T0, "done")})
    assert actions(done) == [StopContainer("main", "main-0", 20)]
    assert actions(at(hooked, now=T0 + 30)) == [StopContainer("main", "main-0", 2)]


def side(name):
    return container(name, restartPolicy="Always")


def test_sidecars_end_after_the_others_last_one_first():
    of = pod(init=(side("s1"), side("s2")), metadata=DELETING)
    ending = view(of, record("s1"), record("s2"), record(), ending_since=T0, now=T0)
    assert actions(ending) == [StopContainer("main", "main-0", 30)]
    after_main = at(ending, containers=(record("s1"), record("s2"), record(state="exited")))
    assert actions(after_main) == [StopContainer("s2", "s2-0", 30)]
    after_second = at(ending, containers=(record("s1"), record("s2", "exited"), record(state="exited")))
    assert actions(after_second) == [StopContainer("s1", "s1-0", 30)]


def test_when_the_grace_period_is_over_sidecars_end_too():
    of = pod(init=(side("s1"),), metadata=DELETING)
    stops = {"main-0": Stop(T0, kill_at=T0 + 30)}
    late = view(of, record("s1"), record(), ending_since=T0, now=T0 + 30, stops=stops)
    assert actions(late) == [StopContainer("s1", "s1-0", 2)]


def test_the_object_goes_last():
    ended = view(pod(metadata=DELETING), record(state="exited"), ending_since=T0)
    assert actions(ended) == [RemoveSandbox("s-1"), UnmountVolumes(), DeletePod()]
    assert plan(ended).status["phase"] == "Succeeded"


def test_a_pod_with_finalizers_is_not_deleted_again_and_again():
    metadata = DELETING | {"deletionGracePeriodSeconds": 0, "finalizers": ["a.b/c"]}
    ended = view(pod(metadata=metadata), sandbox=None, volumes=Volumes())
    assert actions(ended) == [UnmountVolumes()]


def test_a_pod_that_vanished_from_the_api_is_stopped_and_forgotten():
    gone = view(pod(), record(), deleted=True, ending_since=T0, now=T0)
    assert actions(gone) == [StopContainer("main", "main-0", 30)]
    assert actions(at(gone, containers=())) == [RemoveSandbox("s-1"), UnmountVolumes(), Forget()]


def test_a_finished_pod_is_let_go_only_after_the_api_knows():
    of = pod(restartPolicy="Never")
    ended = view(of, record(state="exited"))
    result = plan(ended)
    assert (result.status["phase"], actions(ended)) == ("Succeeded", [])
    known = at(ended, pod=of | {"status": result.status}, status=result.status)
    assert actions(known) == [RemoveSandbox("s-1"), UnmountVolumes()]
    after = at(known, containers=(), sandbox=None, volumes=Volumes())
    assert (plan(after).actions, plan(after).status) == ((), None)


def test_sidecars_end_when_the_work_is_done():
    of = pod(init=(side("s1"),), restartPolicy="Never")
    assert actions(view(of, record("s1"), record(state="exited"), now=T0)) == [StopContainer("s1", "s1-0", 30)]


def test_a_pod_past_its_deadline_fails_once_its_containers_have_ended():
    of = pod(activeDeadlineSeconds=60)
    status = {"startTime": "2023-11-14T22:13:20Z", "phase": "Running"}
    running = view(of, record(), status=status, now=T0 + 10)
    assert plan(running).wake_at == T0 + 60
    late = at(running, now=T0 + 61)
    assert actions(late) == [StopContainer("main", "main-0", 30)]
    assert plan(late).status["phase"] == "Running"
    ended = plan(at(late, containers=(record(state="exited", exit_code=143),)))
    assert ended.status["phase"] == "Failed"
    assert ended.status["reason"] == "DeadlineExceeded"


def test_a_rejected_pod_fails_with_the_reason():
    result = plan(view(pod(), sandbox=None, volumes=Volumes(), rejection=Rejection("OutOfcpu", "no cpu left")))
    assert (result.status["phase"], result.status["reason"]) == ("Failed", "OutOfcpu")
    assert result.actions == ()


def test_containers_that_are_lost_while_the_pod_ends_show_an_unknown_end():
    known = {"containerStatuses": [{"name": "main", "restartCount": 0, "state": {"running": {}}}], "phase": "Running"}
    result = plan(view(pod(metadata=DELETING), status=known, ending_since=T0))
    assert status_of(result)["state"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert result.status["phase"] == "Failed"
