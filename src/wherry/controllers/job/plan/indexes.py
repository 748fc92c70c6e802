"""Completion indexes: sets of them as the status writes them, and those of pods.

Source: upstream's pkg/controller/job (indexed_job_utils.go, success_policy.go).
"""

from collections.abc import Iterable

from wherry.api import Obj, meta

INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"


def is_indexed(job: Obj) -> bool:
    return job["spec"].get("completionMode") == "Indexed"


def parse(text: str, completions: int) -> set[int]:
    """`1,3-5,7` -> the indexes below `completions`; what is corrupt is ignored."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            found.update(range(int(first), min(int(last or first), completions - 1) + 1))
    return found


def printed(indexes: Iterable[int]) -> str:
    """Runs of three and more as `3-5`, two as `3,4`."""
    parts: list[str] = []
    run: list[int] = []
    for index in [*sorted(indexes), -1]:
        if run and index == run[-1] + 1:
            run.append(index)
            continue
        if run:
            parts.append(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)))
        run = [index]
    return ",".join(parts)


def of_pod(pod: Obj) -> int | None:
    text = meta.annotations(pod).get(INDEX, "")
    return int(text) if text.isascii() and text.isdigit() else None


def of_pods(pods: Iterable[Obj]) -> set[int]:
    return {index for pod in pods if (index := of_pod(pod)) is not None}


def failure_count(pod: Obj) -> int:
    return _count(pod, FAILURES)


def absolute_failure_count(pod: Obj) -> int:
    """Failures of the index before this pod, ignored ones too."""
    return _count(pod, FAILURES) + _count(pod, IGNORED_FAILURES)


def _count(pod: Obj, annotation: str) -> int:
    text = meta.annotations(pod).get(annotation, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) < 2**31 else 0


def success_rule(policy: Obj | None, completions: int, succeeded: set[int]) -> str | None:
    """What to say if a rule of the success policy holds."""
    if not succeeded:
        return None
    for number, rule in enumerate((policy or {}).get("rules") or ()):
        wanted = rule.get("succeededCount")
        if rule.get("succeededIndexes") is not None:
            required = parse(rule["succeededIndexes"], completions)
            reached = required & succeeded
            if required and (reached == required or (wanted is not None and len(reached) >= wanted)):
                return f"Matched rules at index {number}"
        elif wanted is not None and len(succeeded) >= wanted:
            return f"Matched rules at index {number}"
    return None
