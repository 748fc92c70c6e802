"""Which pods failed, whether that counts, and how long to wait before the next.

Source: upstream's pkg/controller/job (pod_failure_policy.go, backoff_utils.go).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from wherry.api import Obj, meta
from wherry.controllers import pods as facts
from wherry.lib.timestamps import parse

BACKOFF_FIRST, BACKOFF_MOST = 10.0, 600.0


class Verdict(NamedTuple):
    """Of the pod failure policy on one pod. `fail_job`: the message if the whole job must fail."""

    counts: bool
    action: str = ""
    fail_job: str | None = None


def only_replaces_failed(job: Obj) -> bool:
    """Whether a terminating pod is waited for before it is replaced."""
    return job["spec"].get("podReplacementPolicy") == "Failed" or bool(job["spec"].get("podFailurePolicy"))


def is_failed(job: Obj, pod: Obj) -> bool:
    if facts.phase(pod) == "Failed":
        return True
    return not only_replaces_failed(job) and meta.deleting(pod) and facts.phase(pod) != "Succeeded"


def judge(job: Obj, pod: Obj) -> Verdict:
    """The first rule that matches decides; without one a failure counts."""
    for number, rule in enumerate((job["spec"].get("podFailurePolicy") or {}).get("rules") or ()):
        matched = _match(pod, rule)
        if matched is None:
            continue
        action = rule["action"]
        message = f"{matched} matching {action} rule at index {number}" if action == "FailJob" else None
        return Verdict(action != "Ignore", action, message)
    return Verdict(True)


def _match(pod: Obj, rule: Obj) -> str | None:
    if rule.get("onExitCodes"):
        return _match_exit_codes(pod, rule["onExitCodes"])
    for condition in (pod.get("status") or {}).get("conditions") or ():
        for pattern in rule.get("onPodConditions") or ():
            if condition["type"] == pattern["type"] and condition["status"] == pattern.get("status", "True"):
                return f"Pod {meta.key(pod)} has condition {condition['type']}"
    return None


def _match_exit_codes(pod: Obj, rule: Obj) -> str | None:
    status = pod.get("status") or {}
    for field in ("containerStatuses", "initContainerStatuses"):
        for each in status.get(field) or ():
            ended = (each.get("state") or {}).get("terminated")
            if not ended or rule.get("containerName") not in (None, each["name"]) or not ended.get("exitCode"):
                continue
            if (ended["exitCode"] in rule["values"]) == (rule["operator"] == "In"):
                where = f"Container {each['name']} for pod {meta.key(pod)}"
                return f"{where} failed with exit code {ended['exitCode']}"
    return None


def restarts_past_limit(job: Obj, pods: Iterable[Obj]) -> bool:
    """With restartPolicy OnFailure the restarts of running pods count."""
    if job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    total = 0
    for pod in pods:
        if facts.phase(pod) in ("Running", "Pending"):
            status = pod["status"]
            for field in ("initContainerStatuses", "containerStatuses"):
                total += sum(each.get("restartCount", 0) for each in status.get(field) or ())
    limit = int(job["spec"].get("backoffLimit", 6))
    return total > 0 if limit == 0 else total >= limit


def finished_at(pod: Obj) -> float:
    """When the pod ended, as well as can be told."""
    status = pod.get("status") or {}
    sidecars = {c["name"] for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"}
    looked_at = [*(status.get("containerStatuses") or ())]
    looked_at += [each for each in status.get("initContainerStatuses") or () if each["name"] in sidecars]
    ends = [str(((each.get("state") or {}).get("terminated") or {}).get("finishedAt") or "") for each in looked_at]
    if ends and all(ends):
        return max(parse(end) for end in ends)
    ready = meta.condition(pod, "Ready")
    if ready and ready.get("status") == "False" and ready.get("lastTransitionTime"):
        return parse(ready["lastTransitionTime"])
    if meta.deleting(pod):
        metadata = pod["metadata"]
        return parse(metadata["deletionTimestamp"]) - float(metadata.get("deletionGracePeriodSeconds", 0))
    return facts.created_at(pod)


def pause(failed: Sequence[Obj], succeeded: Sequence[Obj], now: float) -> float:
    """Seconds until the next pod may be made: it doubles with each failure since the last success."""
    last_success = max(map(finished_at, succeeded), default=float("-inf"))
    since = [end for pod in failed if (end := finished_at(pod)) > last_success]
    return pause_after(len(since), max(since), now) if since else 0.0


def pause_after(failures: int, last: float, now: float) -> float:
    if failures <= 0:
        return 0.0
    length = min(BACKOFF_MOST, BACKOFF_FIRST * 2.0 ** min(failures - 1, 20))
    return max(0.0, length - (now - last))
