"""The status of a Job: what its counters, conditions and lists of indexes may say, and how they may change."""

import re
from collections.abc import Callable

from wherry.api import Obj, meta
from wherry.api.errors import OMITTED, duplicate, invalid_value, required
from wherry.api.validation import fields, metadata
from wherry.api.validation.fields import Check


class BadIndexes(ValueError):
    """Text that is no list of indexes."""


def intervals(text: str, completions: int) -> list[tuple[int, int]]:
    """`1,3-5` -> [(1, 1), (3, 5)]. Raises BadIndexes in upstream's words."""
    found: list[tuple[int, int]] = []
    for part in text.split(",") if text else ():
        first, last = _interval(part, completions)
        if found and found[-1][1] >= first:
            raise BadIndexes(f"non-increasing order, previous: {found[-1][1]}, current: {first}")
        found.append((first, last))
    return found


def _interval(part: str, completions: int) -> tuple[int, int]:
    limits = part.split("-")
    if len(limits) > 2:
        message = f'the fragment "{part}" violates the requirement that an index interval can have at most two parts'
        raise BadIndexes(f"{message} separated by '-'")
    numbers = []
    for limit in limits:
        if not re.fullmatch(r"[+-]?\d+", limit):
            raise BadIndexes(f'cannot convert string to integer for index: "{limit}"')
        if int(limit) >= completions:
            raise BadIndexes(f'too large index: "{limit}"')
        numbers.append(int(limit))
    if len(numbers) > 1 and numbers[0] >= numbers[1]:
        raise BadIndexes(f"non-increasing order, previous: {numbers[0]}, current: {numbers[1]}")
    return numbers[0], numbers[-1]


def _has(job: Obj, condition: str) -> bool:
    return meta.is_true(job, condition)


def _finished(job: Obj) -> bool:
    return _has(job, "Complete") or _has(job, "Failed")


def check(new: Obj, old: Obj) -> Check:
    now, before = new.get("status") or {}, old.get("status") or {}
    for key in ("active", "succeeded", "failed", "ready", "terminating"):
        yield from fields.not_negative(now.get(key), f"status.{key}")
    yield from _uncounted(now.get("uncountedTerminatedPods") or {})
    for check in (_ending, _finished_rules, _index_rules, _criteria, _disabling):
        yield from check(new, old, now, before)


def _uncounted(found: Obj) -> Check:
    seen: set[str] = set()
    for key in ("succeeded", "failed"):
        for index, uid in enumerate(found.get(key) or ()):
            at = f"status.uncountedTerminatedPods.{key}[{index}]"
            if not uid:
                yield invalid_value(at, uid, "must not be empty")
            elif uid in seen:
                yield duplicate(at, uid)
            seen.add(uid)


def _changed(job: Obj, old: Obj, test: Callable[[Obj], bool]) -> bool:
    return test(job) != test(old)


def _differs(now: Obj, before: Obj, *keys: str) -> bool:
    return any(now.get(key) != before.get(key) for key in keys)


def _complete(job: Obj) -> bool:
    return _has(job, "Complete")


def _ending(new: Obj, old: Obj, now: Obj, before: Obj) -> Check:
    complete, failed = _complete(new), _has(new, "Failed")
    turned = _changed(new, old, _complete)
    failed_turned = _changed(new, old, lambda job: _has(job, "Failed"))
    target_turned = _changed(new, old, lambda job: _has(job, "FailureTarget"))
    conditions = "status.conditions"
    if (turned or failed_turned) and complete and failed:
        yield invalid_value(conditions, OMITTED, "cannot set Complete=True and Failed=true conditions")
    if (turned or target_turned) and complete and _has(new, "FailureTarget"):
        yield invalid_value(conditions, OMITTED, "cannot set Complete=True and FailureTarget=true conditions")
    ended, started = now.get("completionTime"), now.get("startTime")
    if turned or _differs(now, before, "completionTime"):
        if ended is not None and not complete:
            message = "cannot set completionTime when there is no Complete=True condition"
            yield invalid_value("status.completionTime", ended, message)
        if ended is None and complete:
            yield required("status.completionTime", "completionTime is required for Complete jobs")
    if _differs(now, before, "startTime", "completionTime") and started and ended and ended < started:
        yield invalid_value("status.completionTime", ended, "must be equal to or after `startTime`")
    if (failed_turned or _differs(now, before, "failedIndexes")) and failed and not _has(new, "FailureTarget"):
        message = "cannot set Failed=True condition without the FailureTarget=true condition"
        yield invalid_value(conditions, OMITTED, message)
    criteria_turned = _changed(new, old, lambda job: _has(job, "SuccessCriteriaMet"))
    if (turned or criteria_turned) and complete and not _has(new, "SuccessCriteriaMet"):
        message = "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"
        yield invalid_value(conditions, OMITTED, message)


def _finished_rules(new: Obj, old: Obj, now: Obj, before: Obj) -> Check:
    finished, turned = _finished(new), _changed(new, old, _finished)
    empty = new["spec"].get("suspend") and new["spec"].get("completions") == 0
    if (turned or _differs(now, before, "active")) and now.get("active", 0) > 0 and finished:
        yield invalid_value("status.active", now.get("active", 0), "active>0 is invalid for finished job")
    if (turned or _differs(now, before, "startTime")) and not empty and finished and now.get("startTime") is None:
        yield required("status.startTime", "startTime is required for finished job")
    uncounted = now.get("uncountedTerminatedPods") or {}
    if (turned or _differs(now, before, "uncountedTerminatedPods")) and finished and any(uncounted.values()):
        shown = {"Succeeded": uncounted.get("succeeded"), "Failed": uncounted.get("failed")}
        yield invalid_value("status.uncountedTerminatedPods", shown, "must be empty for finished job")


def _index_rules(new: Obj, old: Obj, now: Obj, before: Obj) -> Check:
    spec, completions = new["spec"], new["spec"].get("completions")
    done, failed = now.get("completedIndexes", ""), now.get("failedIndexes")
    done_turned, failed_turned = _differs(now, before, "completedIndexes"), _differs(now, before, "failedIndexes")
    per_index = spec.get("backoffLimitPerIndex") is not None
    if done_turned and completions is not None:
        yield from _parsed(done, completions, "completedIndexes")
    if failed_turned and completions is not None and per_index and failed is not None:
        yield from _parsed(failed, completions, "failedIndexes")
    if done_turned and done and spec.get("completionMode") != "Indexed":
        message = "cannot set non-empty completedIndexes when non-indexed completion mode"
        yield invalid_value("status.completedIndexes", done, message)
    if failed_turned and not per_index and failed is not None:
        message = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        yield invalid_value("status.failedIndexes", failed, message)
    if (done_turned or failed_turned) and completions is not None and failed:
        both = _overlap(done, failed, completions)
        if both is not None:
            message = f"failedIndexes and completedIndexes overlap at index: {both}"
            yield invalid_value("status.failedIndexes", failed, message)
    turned = _changed(new, old, _finished) or _differs(now, before, "terminating")
    if turned and now.get("terminating", 0) > 0 and _finished(new):
        yield invalid_value(
            "status.terminating", now.get("terminating", 0), "terminating>0 is invalid for finished job"
        )
    if (
        _differs(now, before, "ready", "active")
        and now.get("ready") is not None
        and now["ready"] > now.get("active", 0)
    ):
        yield invalid_value("status.ready", now.get("ready", 0), "cannot set more ready pods than active")


def _parsed(text: str, completions: int, key: str) -> Check:
    try:
        intervals(text, completions)
    except BadIndexes as error:
        yield invalid_value(f"status.{key}", text, f"error parsing {key}: {error}")


def _overlap(one: str, two: str, completions: int) -> int | None:
    """The first index that both lists hold; intervals that cannot be read are passed over."""
    found: list[list[tuple[int, int]]] = []
    for text in (one, two):
        intervals = []
        for part in text.split(",") if text else ():
            try:
                intervals.append(_interval(part, completions))
            except BadIndexes:
                continue
        found.append(intervals)
    shared = [max(a, c) for a, b in found[0] for c, d in found[1] if a <= d and c <= b]
    return min(shared, default=None)


def _criteria(new: Obj, old: Obj, now: Obj, before: Obj) -> Check:
    met, conditions = _has(new, "SuccessCriteriaMet"), "status.conditions"
    if met and _has(new, "Failed"):
        yield invalid_value(conditions, OMITTED, "cannot set SuccessCriteriaMet=True and Failed=true conditions")
    if met and _has(new, "FailureTarget"):
        message = "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"
        yield invalid_value(conditions, OMITTED, message)
    if new["spec"].get("successPolicy") is not None and not met and _complete(new):
        message = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True"
        yield invalid_value(conditions, OMITTED, message)


def _disabling(new: Obj, old: Obj, now: Obj, before: Obj) -> Check:
    spec, conditions = new["spec"], "status.conditions"
    for kind in ("Failed", "Complete", "FailureTarget"):
        if _has(old, kind) and not _has(new, kind):
            yield invalid_value(conditions, OMITTED, f"cannot disable the terminal {kind}=True condition")
    if now.get("failed", 0) < before.get("failed", 0):
        yield invalid_value("status.failed", now.get("failed", 0), "cannot decrease the failed counter")
    elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")
    if not elastic and now.get("succeeded", 0) < before.get("succeeded", 0):
        yield invalid_value("status.succeeded", now.get("succeeded", 0), "cannot decrease the succeeded counter")
    for key in ("completionTime",):
        if now.get(key) and before.get(key) and now[key] != before[key]:
            yield invalid_value(f"status.{key}", now[key], metadata.IMMUTABLE)
    resuming = _has(old, "Suspended") and any(
        each.get("type") == "Suspended" and each.get("status") == "False" for each in now.get("conditions") or ()
    )
    if _differs(now, before, "startTime") and before.get("startTime") and not resuming and not spec.get("suspend"):
        message = "field is immutable for unsuspended job once set"
        yield invalid_value("status.startTime", now.get("startTime"), message)
    if _has(old, "SuccessCriteriaMet") and not _has(new, "SuccessCriteriaMet"):
        yield invalid_value(conditions, OMITTED, "cannot disable the SuccessCriteriaMet=True condition")
    if _complete(old) and not _has(old, "SuccessCriteriaMet") and _has(new, "SuccessCriteriaMet"):
        message = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"
        yield invalid_value(conditions, OMITTED, message)
