"""Job and CronJob."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wherry.api import Obj
from wherry.api.errors import (
    OMITTED,
    duplicate,
    invalid_value,
    required,
    too_long,
    too_many,
    unsupported,
)
from wherry.api.patch.values import clone, same
from wherry.api.validation import fields, internal, job_status, metadata, templates
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import cron, names

_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_STATUSES = ("False", "True", "Unknown")
_COUNTS = (
    "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
)  # fmt: skip
_MANY = 100_000
_FEWER = 10_000


def _quoted(values: tuple[str, ...]) -> str:
    """A list as Go's %q prints it."""
    return "[" + " ".join(f'"{value}"' for value in values) + "]"


def _job(obj: Obj) -> Check:
    spec, name = obj["spec"], obj["metadata"].get("name", "")
    yield from _generated_selector(obj)
    yield from _whole_spec(spec, "spec")
    completions = spec.get("completions")
    if spec.get("completionMode") == "Indexed" and completions:
        hostname = f"{name}-{completions - 1}"
        if names.dns_label_errors(hostname):
            message = f"will not able to create pod with invalid DNS label: {hostname}"
            yield invalid_value("metadata.name", name, message)


def _generated_selector(obj: Obj) -> Check:
    spec, uid, name = obj["spec"], obj["metadata"].get("uid", ""), obj["metadata"].get("name", "")
    if spec.get("manualSelector") or spec.get("selector") is None:
        return
    if not uid:
        yield required("metadata.uid")
    expected = {
        "controller-uid": uid,
        "job-name": name,
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
    }
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    for key, value in expected.items():
        at = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            yield required(at, f"must be '{value}'")
        if labels.get(key, "") != value:
            yield invalid_value(at, labels or None, f"must be '{value}'")
    chosen = templates.understood(spec["selector"])
    if chosen is not None and not chosen.matches(expected):
        yield invalid_value("spec.selector", templates.shown(spec["selector"]), "`selector` not auto-generated")


def _whole_spec(spec: Obj, path: str) -> Check:
    yield from _spec(spec, path)
    if spec.get("selector") is None:
        yield required(f"{path}.selector")
    else:
        yield from metadata.label_selector(spec["selector"], f"{path}.selector")
    yield from templates.selector_matches(spec.get("selector"), spec["template"], f"{path}.template")


def _spec(spec: Obj, path: str) -> Check:
    for key in _COUNTS:
        yield from fields.not_negative(spec.get(key), f"{path}.{key}")
    if spec.get("maxFailedIndexes") is not None:
        yield from fields.not_negative(spec["maxFailedIndexes"], f"{path}.maxFailedIndexes")
        if spec.get("backoffLimitPerIndex") is None:
            yield required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if spec.get("managedBy") is not None:
        yield from fields.domain_path(spec["managedBy"], f"{path}.managedBy")
        if len(spec["managedBy"]) > 63:
            yield too_long(f"{path}.managedBy", 63)
    yield from _completion_mode(spec, path)
    if spec.get("podFailurePolicy") is not None:
        yield from _failure_policy(spec, f"{path}.podFailurePolicy")
    if spec.get("successPolicy") is not None:
        yield from _success_policy(spec, f"{path}.successPolicy")
    replacement, at = spec.get("podReplacementPolicy"), f"{path}.podReplacementPolicy"
    if replacement is not None:
        allowed = ("Failed",) if spec.get("podFailurePolicy") is not None else ("Failed", "TerminatingOrFailed")
        yield from fields.one_of(replacement, at, allowed)
    yield from templates.template(spec["template"], f"{path}.template")
    yield from _restart_policy(spec, f"{path}.template.spec.restartPolicy")


def _restart_policy(spec: Obj, path: str) -> Check:
    policy = (spec["template"].get("spec") or {}).get("restartPolicy", "")
    if policy in ("", "Always"):
        yield required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        yield unsupported(path, policy, ("OnFailure", "Never"))
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        yield invalid_value(path, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _completion_mode(spec: Obj, path: str) -> Check:
    mode = spec.get("completionMode")
    if mode is not None:
        yield from fields.one_of(mode, f"{path}.completionMode", ("NonIndexed", "Indexed"))
    if mode == "Indexed":
        yield from _indexed(spec, path)
    elif mode in (None, "NonIndexed"):
        for key in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(key) is not None:
                yield invalid_value(f"{path}.{key}", spec[key], "requires indexed completion mode")


def _indexed(spec: Obj, path: str) -> Check:
    completions, parallelism = spec.get("completions"), spec.get("parallelism")
    failed = spec.get("maxFailedIndexes")
    if completions is None:
        yield required(f"{path}.completions", "when completion mode is Indexed")
    if parallelism is not None and parallelism > _MANY:
        message = f"must be less than or equal to {_MANY} when completion mode is Indexed"
        yield invalid_value(f"{path}.parallelism", parallelism, message)
    if completions is not None and failed is not None and failed > completions:
        yield invalid_value(f"{path}.maxFailedIndexes", failed, "must be less than or equal to completions")
    if failed is not None and failed > _MANY:
        yield invalid_value(f"{path}.maxFailedIndexes", failed, f"must be less than or equal to {_MANY}")
    if completions is None or completions <= _MANY or spec.get("backoffLimitPerIndex") is None:
        return
    tail = (
        f"must be less than or equal to {_FEWER} when completions are above {_MANY} "
        "and used with backoff limit per index"
    )
    if failed is None:
        message = f"must be specified when completions is above {_MANY}"
        yield required(f"{path}.maxFailedIndexes", message)
    if parallelism is not None and parallelism > _FEWER:
        yield invalid_value(f"{path}.parallelism", parallelism, tail)
    if failed is not None and failed > _FEWER:
        yield invalid_value(f"{path}.maxFailedIndexes", failed, tail)


def _failure_policy(spec: Obj, path: str) -> Check:
    rules = spec["podFailurePolicy"].get("rules") or []
    if len(rules) > 20:
        yield too_many(f"{path}.rules", len(rules), 20)
    pod = spec["template"].get("spec") or {}
    known = {each.get("name", "") for key in ("containers", "initContainers") for each in pod.get(key) or ()}
    for index, rule in enumerate(rules):
        yield from _failure_rule(rule, spec, known, f"{path}.rules[{index}]")


def _failure_rule(rule: Obj, spec: Obj, known: set[str], path: str) -> Check:
    action, codes, conditions = rule.get("action", ""), rule.get("onExitCodes"), rule.get("onPodConditions") or []
    if not action:
        yield required(f"{path}.action", f"valid values: {_quoted(_ACTIONS)}")
    elif action == "FailIndex":
        if spec.get("backoffLimitPerIndex") is None:
            yield invalid_value(f"{path}.action", action, "requires the backoffLimitPerIndex to be set")
    else:
        yield from fields.one_of(action, f"{path}.action", _ACTIONS)
    if codes is not None:
        yield from _exit_codes(codes, known, f"{path}.onExitCodes")
    if len(conditions) > 20:
        yield too_many(f"{path}.onPodConditions", len(conditions), 20)
    yield from fields.each(conditions, f"{path}.onPodConditions", _condition_pattern)
    both = "specifying both OnExitCodes and OnPodConditions is not supported"
    if codes is not None and conditions:
        yield invalid_value(path, OMITTED, both)
    if codes is None and not conditions:
        yield invalid_value(path, OMITTED, "specifying one of OnExitCodes and OnPodConditions is required")


def _condition_pattern(pattern: Obj, path: str) -> Check:
    yield from fields.qualified_name(pattern.get("type", ""), f"{path}.type")
    status = pattern.get("status", "")
    if not status:
        yield required(f"{path}.status", f"valid values: {_quoted(_STATUSES)}")
    else:
        yield from fields.one_of(status, f"{path}.status", _STATUSES)


def _exit_codes(found: Obj, known: set[str], path: str) -> Check:
    operator, values, container = found.get("operator", ""), found.get("values") or [], found.get("containerName")
    if not operator:
        yield required(f"{path}.operator", f"valid values: {_quoted(('In', 'NotIn'))}")
    else:
        yield from fields.one_of(operator, f"{path}.operator", ("In", "NotIn"))
    if container is not None and container not in known:
        message = "must be one of the container or initContainer names in the pod template"
        yield invalid_value(f"{path}.containerName", container, message)
    if not values:
        yield invalid_value(f"{path}.values", found.get("values"), "at least one value is required")
    elif len(values) > 255:
        yield too_many(f"{path}.values", len(values), 255)
    seen: set[int] = set()
    for index, value in enumerate(values):
        if operator == "In" and value == 0:
            yield invalid_value(f"{path}.values[{index}]", value, "must not be 0 for the In operator")
        if value in seen:
            yield duplicate(f"{path}.values[{index}]", value)
        seen.add(value)
    if sorted(values) != values:
        yield invalid_value(f"{path}.values", values, "must be ordered")


def _success_policy(spec: Obj, path: str) -> Check:
    rules = spec["successPolicy"].get("rules") or []
    if spec.get("completionMode") != "Indexed":
        shown = internal.shown("batch.SuccessPolicy", {"rules": rules})
        yield invalid_value(path, shown, "requires indexed completion mode")
        return
    if not rules:
        message = "at least one rules must be specified when the successPolicy is specified"
        yield required(f"{path}.rules", message)
    if len(rules) > 20:
        yield too_many(f"{path}.rules", len(rules), 20)
    for index, rule in enumerate(rules):
        yield from _success_rule(rule, spec.get("completions") or 0, f"{path}.rules[{index}]")


def _success_rule(rule: Obj, completions: int, path: str) -> Check:
    count, indexes, total = rule.get("succeededCount"), rule.get("succeededIndexes"), 0
    if count is None and indexes is None:
        yield required(path, "at least one of succeededCount or succeededIndexes must be specified")
    if indexes is not None:
        if len(indexes) > 64 * 1024:
            yield too_long(f"{path}.succeededIndexes", 64 * 1024)
        try:
            total = sum(last - first + 1 for first, last in job_status.intervals(indexes, completions))
        except job_status.BadIndexes as error:
            yield invalid_value(f"{path}.succeededIndexes", indexes, f"error parsing succeededIndexes: {error}")
    if count is not None:
        at = f"{path}.succeededCount"
        yield from fields.not_negative(count, at)
        if count > completions:
            message = f"must be less than or equal to {completions} (the number of specified completions)"
            yield invalid_value(at, count, message)
        if indexes is not None and count > total:
            what = "the number of indexes in the specified succeededIndexes field"
            message = f"must be less than or equal to {total} ({what})"
            yield invalid_value(at, count, message)


# Updates


def _job_update(new: Obj, old: Obj) -> Check:
    yield from _job(new)
    yield from metadata.check_update(new, old)
    yield from metadata.kube_finalizers(new["metadata"])
    spec, before = new["spec"], old["spec"]
    yield from _whole_spec(spec, "spec")
    yield from _completions_update(spec, before)
    yield from internal.immutable("meta.LabelSelector", spec.get("selector"), before.get("selector"), "spec.selector")
    yield from _template_update(new, old)
    for key in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
        yield from metadata.immutable(spec.get(key), before.get(key), f"spec.{key}")


def _completions_update(spec: Obj, before: Obj) -> Check:
    now, then = spec.get("completions"), before.get("completions")
    if spec.get("completionMode") != "Indexed":
        yield from metadata.immutable(now, then, "spec.completions")
    elif now is not None and now != then and now != spec.get("parallelism"):
        yield invalid_value("spec.completions", now, "can only be modified in tandem with spec.parallelism")


def _template_update(new: Obj, old: Obj) -> Check:
    """A template never changes, except where its pods may run while the job is suspended and has none."""
    now, then = new["spec"]["template"], clone(old["spec"]["template"])
    paused = old["spec"].get("suspend") and _never_started(old)
    if paused:
        _take_directives(then, now)
        _take_resources(then, now)
        if not same(now.get("spec"), then.get("spec")):
            shown = internal.shown("core.PodSpec", now.get("spec"))
            yield invalid_value("spec.template.spec", shown, metadata.IMMUTABLE)
        return
    yield from internal.immutable("core.PodTemplateSpec", now, then, "spec.template")


def _never_started(job: Obj) -> bool:
    """Whether a suspended job has no pods, or never had any."""
    status = job.get("status") or {}
    suspended = any(
        each.get("type") == "Suspended" and each.get("status") == "True" for each in status.get("conditions") or ()
    )
    return status.get("startTime") is None or (suspended and not status.get("active"))


def _take_directives(template: Obj, source: Obj) -> None:
    """Copy what says where pods may run from one template into another."""
    spec, wanted = template.setdefault("spec", {}), source.get("spec") or {}
    for key in ("nodeSelector", "tolerations", "schedulingGates"):
        spec.pop(key, None)
        if key in wanted:
            spec[key] = wanted[key]
    others = {key: value for key, value in (spec.get("affinity") or {}).items() if key != "nodeAffinity"}
    nodes = (wanted.get("affinity") or {}).get("nodeAffinity")
    merged = others | ({"nodeAffinity": nodes} if nodes is not None else {})
    spec.pop("affinity", None)
    if merged or wanted.get("affinity") is not None:
        spec["affinity"] = merged
    meta_now, meta_then = source.get("metadata") or {}, template.setdefault("metadata", {})
    for key in ("labels", "annotations"):
        meta_then.pop(key, None)
        if key in meta_now:
            meta_then[key] = meta_now[key]


def _take_resources(template: Obj, source: Obj) -> None:
    for key in ("containers", "initContainers"):
        now, then = (source.get("spec") or {}).get(key) or [], (template.get("spec") or {}).get(key) or []
        if len(now) == len(then):
            for new, old in zip(now, then, strict=True):
                if new.get("name") == old.get("name"):
                    old["resources"] = new.get("resources", {})


# CronJob


def _cron_job(obj: Obj) -> Check:
    yield from _cron_spec(obj["spec"], None)
    name = obj["metadata"].get("name", "")
    if len(name) > 52:
        yield invalid_value("metadata.name", name, "must be no more than 52 characters")


def _cron_job_update(new: Obj, old: Obj) -> Check:
    yield from _cron_spec(new["spec"], old["spec"])


def _cron_spec(spec: Obj, old: Obj | None) -> Check:
    if not spec.get("schedule"):
        yield required("spec.schedule")
    else:
        yield from _schedule(spec, "TZ" in (old or {}).get("schedule", ""))
    yield from fields.not_negative(spec.get("startingDeadlineSeconds"), "spec.startingDeadlineSeconds")
    if old is None or old.get("timeZone") != spec.get("timeZone"):
        yield from _time_zone(spec.get("timeZone"))
    policies = ("Allow", "Forbid", "Replace")
    yield from fields.one_of_or_needed(spec.get("concurrencyPolicy"), "spec.concurrencyPolicy", policies)
    job, path = spec["jobTemplate"].get("spec") or {}, "spec.jobTemplate.spec"
    yield from _spec(job, path)
    if job.get("selector") is not None:
        yield invalid_value(f"{path}.selector", job["selector"], "`selector` will be auto-generated")
    if job.get("manualSelector"):
        yield unsupported(f"{path}.manualSelector", True, ("nil", "false"))
    for key in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        yield from fields.not_negative(spec.get(key), f"spec.{key}")


def _schedule(spec: Obj, zone_allowed: bool) -> Check:
    text = spec["schedule"]
    try:
        cron.parse(text)
    except ValueError as error:
        yield invalid_value("spec.schedule", text, str(error))
    if "TZ" not in text:
        return
    if not zone_allowed:
        message = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield invalid_value("spec.schedule", text, message)
    elif spec.get("timeZone") is not None:
        message = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        yield invalid_value("spec.schedule", text, message)


def _time_zone(zone: str | None) -> Check:
    path = "spec.timeZone"
    if zone is None:
        return
    if not zone:
        yield invalid_value(path, zone, "timeZone must be nil or non-empty string")
        return
    for part in zone.split("/"):
        if part in (".", "..") or part.startswith("-") or not re.fullmatch(r"[A-Za-z.\-_0-9+]{1,14}", part):
            yield invalid_value(path, zone, f"unknown time zone {zone}")
            return
    if zone.lower() == "local":
        message = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        yield invalid_value(path, zone, message)
        return
    try:
        ZoneInfo(zone)  # the system's time zone database is a constant
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield invalid_value(path, zone, f"unknown time zone {zone}")


RULES = {
    "batch/v1/Job": Rules(body=_job, change=_job_update, subresources={"status": job_status.check}, only_whole=True),
    "batch/v1/CronJob": Rules(body=_cron_job, change=_cron_job_update),
}
