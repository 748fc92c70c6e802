"""Defaults of batch/v1."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj

VALUES: Mapping[str, Mapping[str, Any]] = {
    "batch.v1.CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "batch.v1.PodFailurePolicyOnPodConditionsPattern": {"status": "True"},
}

_JOB = {"completionMode": "NonIndexed", "suspend": False, "manualSelector": False}


def _job(job: Obj, now: float) -> None:
    spec = job["spec"]
    if spec.get("parallelism") is None:
        if spec.get("completions") is None:
            spec["completions"] = 1
        spec["parallelism"] = 1
    if spec.get("backoffLimit") is None:
        spec["backoffLimit"] = 6 if spec.get("backoffLimitPerIndex") is None else 2**31 - 1
    if spec.get("podReplacementPolicy") is None:
        spec["podReplacementPolicy"] = "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
    for key, value in _JOB.items():
        if spec.get(key) is None:
            spec[key] = value
    labels = (spec["template"].get("metadata") or {}).get("labels")
    if labels and not job["metadata"].get("labels"):
        job["metadata"]["labels"] = dict(labels)


RULES = {"batch.v1.Job": _job}
