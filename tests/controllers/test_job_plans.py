"""Job and CronJob: counting, failing, indexes; schedules and history."""

import pytest
from worldmaking import NOW, deleting, metadata, only, owned, pod, the

from wherry.api import meta
from wherry.api.kinds import CRON_JOB, JOB, POD
from wherry.controllers.actions import Create, Delete, Event, Patch, Requeue, UpdateStatus
from wherry.controllers.attempt import Attempt, Failure
from wherry.controllers.cronjob import plan as cronjob
from wherry.controllers.job import plan as job
from wherry.controllers.job.plan import failures, indexes, making
from wherry.lib.timestamps import rfc3339


def a_job(**spec):
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [], "restartPolicy": "Never"}}
    defaults = {"parallelism": 1, "completions": 1, "backoffLimit": 6, "completionMode": "NonIndexed"}
    given = {key: value for key, value in spec.items() if value is not None}
    without = [key for key, value in spec.items() if value is None]
    made = {**defaults, "selector": {"matchLabels": {"app": "web"}}, "template": template, **given}
    return {
        "metadata": metadata("work"),
        "spec": {key: value for key, value in made.items() if key not in without},
        "status": {},
    }


class Jobs:
    """A job and its pods as earlier passes left them."""

    def __init__(self, **spec):
        self.job, self.pods, self.now = a_job(**spec), [], NOW

    def plan(self, failure=None):
        actions = job.reconcile(self.job, self.pods, Attempt(self.now, failure))
        for each in only(actions, UpdateStatus):
            self.job = {**self.job, "status": each.obj["status"]}
        for each in only(actions, Patch):
            for known in self.pods:
                if meta.name(known) == each.name:
                    known["metadata"]["finalizers"] = []
        return actions

    def have(self, name="p", phase="Running", index=None, tracked=True, going=False, **facts):
        ready = phase == "Running"
        made = owned(pod(name, phase=phase, ready=ready, ready_for=facts.pop("ended", 0), **facts), JOB, self.job)
        if tracked:
            made["metadata"]["finalizers"] = [making.FINALIZER]
        if index is not None:
            made["metadata"]["annotations"] = {**meta.annotations(made), indexes.INDEX: str(index)}
        self.pods.append(deleting(made, *meta.finalizers(made)) if going else made)
        return made

    @property
    def status(self):
        return self.job["status"]

    def condition(self, type):
        return meta.condition(self.job, type)


def creates(actions):
    return [each for each in only(actions, Create) if each.kind == POD]


WANTED = [
    # parallelism, completions, succeeded so far, active -> made
    (1, 1, 0, 0, 1),
    (3, 5, 0, 0, 3),
    (3, 5, 3, 0, 2),
    (3, 5, 0, 2, 1),
    (3, None, 0, 0, 3),
    (0, 5, 0, 0, 0),
]


@pytest.mark.parametrize(("parallelism", "completions", "succeeded", "active", "made"), WANTED)
def test_how_many_pods_run(parallelism, completions, succeeded, active, made):
    world = Jobs(parallelism=parallelism, completions=completions)
    world.job["status"] = {"succeeded": succeeded} if succeeded else {}
    for number in range(active):
        world.have(f"p{number}")
    assert len(creates(world.plan())) == made
    assert world.status.get("active", 0) == active + made


def test_a_pod_of_a_job_waits_to_be_counted():
    world = Jobs()
    created = the(world.plan(), Create).obj
    assert created["metadata"]["finalizers"] == [making.FINALIZER]
    assert world.status["startTime"] == rfc3339(NOW)


def test_a_success_is_noted_then_let_go_then_counted_and_the_job_complete():
    world = Jobs()
    world.plan()
    done = world.have(phase="Succeeded")
    actions = world.plan()
    assert world.status["uncountedTerminatedPods"] == {"succeeded": [meta.uid(done)]}
    order = [type(each) for each in actions if isinstance(each, UpdateStatus)]
    assert order and actions.index(the(actions, UpdateStatus)) == 0
    assert the(actions, Patch).name == "p"
    assert world.condition("SuccessCriteriaMet") and not world.condition("Complete")
    actions = world.plan()
    assert world.status["succeeded"] == 1 and world.status["uncountedTerminatedPods"] == {}
    assert world.condition("Complete")["reason"] == "CompletionsReached"
    assert world.status["completionTime"] == rfc3339(NOW)
    assert [each.reason for each in only(actions, Event)] == ["Completed"]
    assert world.plan() == []


def test_what_was_noted_is_not_counted_twice():
    world = Jobs(parallelism=2, completions=2)
    done = world.have(phase="Succeeded")
    world.job["status"] = {"uncountedTerminatedPods": {"succeeded": [meta.uid(done)]}}
    world.plan()
    assert world.status.get("succeeded", 0) == 0
    world.plan()
    assert world.status["succeeded"] == 1


def test_a_failed_pod_is_replaced_after_a_pause_that_grows():
    world = Jobs(backoffLimit=6)
    world.have("a", phase="Failed", ended=4)
    assert the(world.plan(), Requeue).seconds == 6
    assert not creates(world.plan())
    world.now = NOW + 7
    assert creates(world.plan())
    world.have("b", phase="Failed", ended=0)
    world.now = NOW
    assert the(world.plan(), Requeue).seconds == 20


def test_a_success_ends_the_pause():
    world = Jobs(parallelism=1, completions=3)
    world.have("a", phase="Failed", ended=5)
    world.have("b", phase="Succeeded", ended=1)
    assert creates(world.plan())


def test_too_many_failures_fail_the_job():
    world = Jobs(backoffLimit=1)
    for name in ("a", "b"):
        world.have(name, phase="Failed")
    world.plan()
    assert world.condition("FailureTarget")["reason"] == "BackoffLimitExceeded"
    actions = world.plan()
    assert world.condition("Failed")["message"] == "Job has reached the specified backoff limit"
    assert world.status["failed"] == 2
    assert [each.reason for each in only(actions, Event)] == ["BackoffLimitExceeded"]


def test_restarts_in_place_count_too():
    world = Jobs(backoffLimit=2)
    world.job["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    world.have()["status"]["containerStatuses"] = [{"name": "c", "restartCount": 2}]
    world.plan()
    assert world.condition("FailureTarget")["reason"] == "BackoffLimitExceeded"


def test_a_deadline_ends_the_job_and_its_pods():
    world = Jobs(activeDeadlineSeconds=60)
    world.plan()
    world.have()
    assert the(world.plan(), Requeue).seconds == 60
    world.now = NOW + 60
    actions = world.plan()
    assert only(actions, Delete) and world.condition("FailureTarget")["reason"] == "DeadlineExceeded"
    assert not world.condition("Failed")
    world.pods.clear()
    world.plan()
    assert world.condition("Failed")["reason"] == "DeadlineExceeded"


def test_a_suspended_job_has_no_pods_and_does_not_count_those_it_removes():
    world = Jobs(suspend=True)
    world.have()
    actions = world.plan()
    assert only(actions, Delete) and only(actions, Patch)
    assert world.condition("Suspended")["status"] == "True" and "startTime" not in world.status
    assert world.status["uncountedTerminatedPods"] == {}
    world.pods.clear()
    world.job["spec"]["suspend"] = False
    assert creates(world.plan())
    assert world.condition("Suspended")["status"] == "False" and world.status["startTime"] == rfc3339(NOW)


def test_fewer_in_parallel_removes_the_excess():
    world = Jobs(parallelism=1, completions=5)
    for name in ("a", "b"):
        world.have(name, age=100 if name == "a" else 1)
    assert len(only(world.plan(), Delete)) == 1


@pytest.mark.parametrize(("policy", "made"), [("TerminatingOrFailed", 1), ("Failed", 0)])
def test_when_a_terminating_pod_is_replaced(policy, made):
    world = Jobs(podReplacementPolicy=policy)
    world.have(going=True, tracked=False)
    world.now = NOW + 100
    assert len(creates(world.plan())) == made


def test_a_refused_create_does_not_claim_pods_that_are_not_there():
    world = Jobs()
    world.plan(Failure(Create(POD, {}), "quota"))
    assert "active" not in world.status


def ended(code, name="c"):
    return [{"name": name, "state": {"terminated": {"exitCode": code}}}]


RULES = [
    # rule, exit code -> counts, fails the job
    ({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}, 42, True, True),
    ({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}, 1, True, False),
    ({"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [42]}}, 1, True, True),
    ({"action": "Ignore", "onExitCodes": {"operator": "In", "values": [42]}}, 42, False, False),
    ({"action": "Count", "onExitCodes": {"operator": "In", "values": [42]}}, 42, True, False),
    ({"action": "FailJob", "onExitCodes": {"containerName": "d", "operator": "In", "values": [42]}}, 42, True, False),
    ({"action": "Ignore", "onPodConditions": [{"type": "Ready", "status": "False"}]}, 1, False, False),
]


@pytest.mark.parametrize(("rule", "code", "counts", "fails"), RULES)
def test_the_pod_failure_policy(rule, code, counts, fails):
    world = Jobs(podFailurePolicy={"rules": [rule]})
    failed = world.have(phase="Failed")
    failed["status"]["containerStatuses"] = ended(code)
    verdict = failures.judge(world.job, failed)
    assert (verdict.counts, verdict.fail_job is not None) == (counts, fails)
    if fails:
        world.plan()
        assert world.condition("FailureTarget")["reason"] == "PodFailurePolicy"


PRINTED = [("", set()), ("3", {3}), ("1,2", {1, 2}), ("0-2,5", {0, 1, 2, 5}), ("1,3-5,7,8", {1, 3, 4, 5, 7, 8})]


@pytest.mark.parametrize(("text", "values"), PRINTED)
def test_indexes_are_printed_as_runs(text, values):
    assert indexes.printed(values) == text and indexes.parse(text, 100) == values


def test_indexes_beyond_the_completions_and_rubbish_are_ignored():
    assert indexes.parse("1-9,x,20", 4) == {1, 2, 3}


def indexed(**spec):
    return Jobs(completionMode="Indexed", **spec)


def test_each_index_gets_its_pod():
    world = indexed(parallelism=2, completions=3)
    world.have("a", index=0, phase="Succeeded")
    world.have("b", index=2)
    created = the(world.plan(), Create).obj
    assert meta.annotations(created)[indexes.INDEX] == "1" and meta.labels(created)[indexes.INDEX] == "1"
    assert created["metadata"]["generateName"] == "work-1-" and created["spec"]["hostname"] == "work-1"
    assert world.status["completedIndexes"] == "0" and world.status["succeeded"] == 1


def test_duplicates_of_an_index_go():
    world = indexed(parallelism=2, completions=2)
    world.have("a", index=0, age=100)
    world.have("b", index=0, age=1)
    assert [meta.name(each.obj) for each in only(world.plan(), Delete)] == ["b"]


def test_an_index_fails_when_its_own_limit_is_reached_and_the_others_go_on():
    world = indexed(parallelism=2, completions=2, backoffLimitPerIndex=1, backoffLimit=100)
    world.have("a", index=0, phase="Failed", annotations={indexes.FAILURES: "1"})
    world.have("b", index=1, phase="Failed", ended=60)
    actions = world.plan()
    assert world.status["failedIndexes"] == "0"
    created = the(actions, Create).obj
    assert meta.annotations(created)[indexes.INDEX] == "1" and meta.annotations(created)[indexes.FAILURES] == "1"
    assert [each.name for each in only(actions, Patch)] == ["a"]


def test_a_job_fails_with_its_indexes():
    world = indexed(completions=1, backoffLimitPerIndex=0, backoffLimit=100)
    world.have("a", index=0, phase="Failed")
    world.plan()
    assert world.condition("FailureTarget")["reason"] == "FailedIndexes"


def test_more_failed_indexes_than_allowed_fail_the_job():
    world = indexed(completions=5, backoffLimitPerIndex=0, backoffLimit=100, maxFailedIndexes=0)
    world.have("a", index=0, phase="Failed")
    world.plan()
    assert world.condition("FailureTarget")["reason"] == "MaxFailedIndexesExceeded"


SUCCESS = [
    ([{"succeededIndexes": "0,2"}], {0, 2, 4}, "Matched rules at index 0"),
    ([{"succeededIndexes": "0,2"}], {0}, None),
    ([{"succeededCount": 2}], {3, 4}, "Matched rules at index 0"),
    ([{"succeededIndexes": "0-3", "succeededCount": 2}], {1, 3}, "Matched rules at index 0"),
    ([{"succeededCount": 5}, {"succeededIndexes": "1"}], {1}, "Matched rules at index 1"),
]


@pytest.mark.parametrize(("rules", "succeeded", "message"), SUCCESS)
def test_the_success_policy(rules, succeeded, message):
    assert indexes.success_rule({"rules": rules}, 5, succeeded) == message


def test_others_jobs_are_left_alone():
    world = Jobs(managedBy="example.com/queue")
    assert world.plan() == []


def test_pods_of_a_finished_job_are_let_go():
    world = Jobs()
    world.job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    world.have()
    assert the(world.plan(), Patch).name == "p"


# CronJob


def cron(schedule="*/5 * * * *", age=3600, **spec):
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": {}}}}
    return {
        "metadata": metadata("tick", age=age),
        "spec": {"schedule": schedule, "jobTemplate": template, "concurrencyPolicy": "Allow", **spec},
        "status": {},
    }


def due(of, jobs=(), now=NOW, zone=None):
    return cronjob.reconcile(of, jobs, zone or cronjob.Zone(), Attempt(now))


def child(of, name, ended=None, at=0.0):
    made = owned({"metadata": metadata(name), "spec": {}, "status": {"startTime": rfc3339(NOW - at)}}, CRON_JOB, of)
    made["metadata"]["annotations"] = {cronjob.SCHEDULED: rfc3339(NOW - at)}
    if ended:
        made["status"] |= {
            "conditions": [{"type": ended, "status": "True"}],
            "completionTime": rfc3339(NOW - at + 1),
        }
    return made


def test_the_latest_missed_start_is_made_up_for():
    of = cron()
    actions = due(of, now=NOW + 130)
    made = the(actions, Create).obj
    assert meta.name(made) == f"tick-{int(NOW) // 60}"
    assert meta.annotations(made)[cronjob.SCHEDULED] == rfc3339(NOW)
    assert meta.controller_of(made)["uid"] == meta.uid(of)
    assert the(actions, UpdateStatus).obj["status"]["lastScheduleTime"] == rfc3339(NOW)
    assert the(actions, Requeue).seconds == pytest.approx(170.1)


def test_nothing_is_due_before_the_first_time():
    actions = due(cron(age=60), now=NOW - 30)
    assert not only(actions, Create) and the(actions, Requeue).seconds == pytest.approx(30.1)


def test_a_start_is_made_once():
    of = cron()
    of["status"] = {"lastScheduleTime": rfc3339(NOW)}
    assert not only(due(of, now=NOW + 10), Create)


@pytest.mark.parametrize(("policy", "created", "deleted"), [("Allow", 1, 0), ("Forbid", 0, 0), ("Replace", 1, 1)])
def test_what_happens_while_a_job_still_runs(policy, created, deleted):
    of = cron(concurrencyPolicy=policy)
    actions = due(of, [child(of, "running", at=300)], now=NOW + 1)
    assert (len(only(actions, Create)), len(only(actions, Delete))) == (created, deleted)


def test_a_start_that_is_too_late_is_skipped():
    actions = due(cron(startingDeadlineSeconds=10), now=NOW + 60)
    assert not only(actions, Create)
    actions = due(cron("0 * * * *", startingDeadlineSeconds=100), now=NOW + 60)
    assert only(actions, Create)


def test_very_many_missed_starts_are_told():
    actions = due(cron("* * * * *", age=3 * 3600))
    assert "TooManyMissedTimes" in [each.reason for each in only(actions, Event)]
    assert only(actions, Create)


def test_a_suspended_one_starts_nothing():
    assert only(due(cron(suspend=True)), Create) == []


@pytest.mark.parametrize("schedule", ["* * * *", "61 * * * *", "x * * * *"])
def test_a_schedule_that_cannot_be_read_is_told(schedule):
    assert [each.reason for each in only(due(cron(schedule)), Event)] == ["UnparseableSchedule"]


def test_an_unknown_zone_is_told():
    assert [e.reason for e in only(due(cron(), zone=cronjob.Zone(None, "no")), Event)] == ["UnknownTimeZone"]


def test_history_is_kept_to_its_limits():
    of = cron(successfulJobsHistoryLimit=1, failedJobsHistoryLimit=0, suspend=True)
    jobs = [child(of, "old", "Complete", 600), child(of, "new", "Complete", 300), child(of, "bad", "Failed", 100)]
    actions = due(of, jobs)
    assert sorted(meta.name(each.obj) for each in only(actions, Delete)) == ["bad", "old"]
    assert the(actions, UpdateStatus).obj["status"]["lastSuccessfulTime"] == rfc3339(NOW - 299)


def test_running_jobs_are_listed_and_ended_ones_are_told():
    of = cron(suspend=True)
    running = child(of, "running")
    listed = the(due(of, [running]), UpdateStatus).obj
    assert [each["name"] for each in listed["status"]["active"]] == ["running"]
    finished = {**running, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    assert [each.reason for each in only(due(listed, [finished]), Event)] == ["SawCompletedJob"]
    assert [each.reason for each in only(due(listed, []), Event)] == ["MissingJob"]
