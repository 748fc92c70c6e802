"""What makes pods: deployments, jobs, and the rest."""

from wherry.api import Obj
from wherry.apiserver.warnings.pods import of_owner_name, of_template
from wherry.apiserver.warnings.storage import of_claim_spec

MANY_COMPLETIONS, MANY_PODS = 100_000, 10_000
_TOO_MANY = (
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes "
    "might not be able to track completedIndexes when a big number of indexes fail"
)
_HISTORY = "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"


def _changed(new: Obj, old: Obj | None) -> bool:
    """Whether this is a new object or a new generation of one."""
    return old is None or new["metadata"].get("generation") != old["metadata"].get("generation")


def of_pod_template(new: Obj, old: Obj | None) -> list[str]:
    return of_template(new.get("template"), "template") if _changed(new, old) else []


def of_named(new: Obj, old: Obj | None) -> list[str]:
    """Deployments, replica sets and replication controllers."""
    found = of_owner_name(new) if old is None else []
    return found + (of_template(new["spec"].get("template"), "spec.template") if _changed(new, old) else [])


def of_daemon_set(new: Obj, old: Obj | None) -> list[str]:
    template = new["spec"].get("template")
    if old is not None and template == old["spec"].get("template"):
        return []
    return of_template(template, "spec.template")


def of_stateful_set(new: Obj, old: Obj | None) -> list[str]:
    spec = new["spec"]
    found = of_template(spec.get("template"), "spec.template") if _changed(new, old) else []
    for index, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        at = f"spec.volumeClaimTemplates[{index}]" + ("" if old is None else ".Spec")
        found += of_claim_spec(claim.get("spec") or {}, at)
    return found + ([_HISTORY] if (spec.get("revisionHistoryLimit") or 0) < 0 else [])


def of_job(new: Obj, old: Obj | None) -> list[str]:
    found = of_owner_name(new) if old is None else []
    return found + (_of_job_spec(new["spec"], "spec") if _changed(new, old) else [])


def of_cron_job(new: Obj, old: Obj | None) -> list[str]:
    spec = new["spec"]
    found = of_owner_name(new) if old is None else []
    if _changed(new, old):
        found += _of_job_spec(spec["jobTemplate"].get("spec") or {}, "spec.jobTemplate.spec")
    if old is not None and "TZ" in spec.get("schedule", ""):
        page = "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/"
        how = f"use timeZone instead, see {page} for more details"
        found.append(f"cannot use TZ or CRON_TZ in spec.spec.schedule, {how}")
    return found


def _of_job_spec(spec: Obj, at: str) -> list[str]:
    completions, parallelism = spec.get("completions") or 0, spec.get("parallelism") or 0
    many = completions > MANY_COMPLETIONS and parallelism > MANY_PODS
    found = [f"{at}: {_TOO_MANY}"] if many and spec.get("completionMode") == "Indexed" else []
    return found + of_template(spec.get("template"), f"{at}.template")
