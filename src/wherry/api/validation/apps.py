"""Workloads: Deployment, ReplicaSet, StatefulSet, DaemonSet, ControllerRevision, ReplicationController."""

from collections.abc import Iterator

from wherry.api import Obj
from wherry.api.errors import FieldError, forbidden_field, invalid_value, required, unsupported
from wherry.api.patch.values import same
from wherry.api.validation import claims, fields, internal, metadata, pods, templates
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules


def _replicated_template(spec: Obj, path: str) -> Check:
    """The template of a Deployment or a ReplicaSet, under its selector."""
    template = spec["template"]
    chosen = templates.understood(spec.get("selector"))
    if chosen is None:
        yield invalid_value("spec.selector", templates.shown(spec.get("selector")), "invalid label selector")
        return
    if not chosen.empty:
        yield from templates.selector_matches(spec.get("selector"), template, path)
    yield from templates.template(template, path)
    yield from templates.always_running(template, "ReplicaSet", path)


def _deployment(obj: Obj) -> Check:
    spec = obj["spec"]
    yield from fields.not_negative(spec.get("replicas"), "spec.replicas")
    yield from templates.selector(spec.get("selector"), "deployment", "spec.selector")
    yield from _replicated_template(spec, "spec.template")
    yield from _deployment_strategy(spec["strategy"], "spec.strategy")
    yield from fields.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    yield from fields.not_negative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit")
    deadline = spec.get("progressDeadlineSeconds")
    yield from fields.not_negative(deadline, "spec.progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        yield invalid_value("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def _deployment_strategy(strategy: Obj, path: str) -> Check:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            message = "may not be specified when strategy `type` is 'Recreate'"
            yield forbidden_field(f"{path}.rollingUpdate", message)
    elif kind == "RollingUpdate":
        if rolling is None:
            yield required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")
            return
        unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
        yield from templates.count_or_percent(unavailable, f"{path}.rollingUpdate.maxUnavailable")
        yield from templates.count_or_percent(surge, f"{path}.rollingUpdate.maxSurge")
        if not templates.amount(unavailable) and not templates.amount(surge):
            message = "may not be 0 when `maxSurge` is 0"
            yield invalid_value(f"{path}.rollingUpdate.maxUnavailable", unavailable, message)
        yield from templates.at_most_all(unavailable, f"{path}.rollingUpdate.maxUnavailable")
    else:
        shown = internal.shown("apps.DeploymentStrategy", strategy)
        yield unsupported(path, shown, ("Recreate", "RollingUpdate"))


def _deployment_update(new: Obj, old: Obj) -> Check:
    yield from _deployment(new)
    yield from metadata.immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector")


_DEPLOYMENT_COUNTS = (
    "observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas",
    "terminatingReplicas", "collisionCount",
)  # fmt: skip


def _deployment_status(new: Obj, old: Obj) -> Check:
    status = new.get("status") or {}
    yield from templates.counts(status, "status", _DEPLOYMENT_COUNTS)
    parts = ("updatedReplicas", "readyReplicas", "availableReplicas")
    yield from templates.no_more_than_replicas(status, parts, "readyReplicas")
    yield from templates.collisions(status, old.get("status") or {})


def _replica_set(obj: Obj) -> Check:
    spec = obj["spec"]
    yield from fields.not_negative(spec.get("replicas"), "spec.replicas")
    yield from fields.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    yield from templates.selector(spec.get("selector"), "deployment", "spec.selector")
    yield from _replicated_template(spec, "spec.template")


def _replica_set_update(new: Obj, old: Obj) -> Check:
    yield from _replica_set(new)
    yield from metadata.immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector")


_REPLICA_COUNTS = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration")


def _replica_status(new: Obj, old: Obj) -> Check:
    status = new.get("status") or {}
    yield from templates.counts(status, "status", (*_REPLICA_COUNTS, "terminatingReplicas"))
    parts = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    yield from templates.no_more_than_replicas(status, parts, "readyReplicas")


def _controller(obj: Obj) -> Check:
    spec = obj["spec"]
    yield from fields.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    if not spec.get("selector"):
        yield required("spec.selector")
    if spec.get("replicas") is None:
        yield required("spec.replicas")
    else:
        yield from fields.not_negative(spec["replicas"], "spec.replicas")
    template, path = spec.get("template"), "spec.template"
    if template is None:
        yield required(path)
        return
    labels = (template.get("metadata") or {}).get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("selector") or {}).items()):
        message = "`selector` does not match template `labels`"
        yield invalid_value(f"{path}.metadata.labels", dict(sorted(labels.items())) or None, message)
    yield from templates.template(template, path)
    yield from templates.always_running(template, "ReplicationController", path)


# StatefulSet


def _stateful_set(obj: Obj) -> Check:
    yield from _stateful_set_spec(obj["spec"], new=True)


def _stateful_set_spec(spec: Obj, new: bool, check_template: bool = True) -> Check:
    yield from _stateful_strategies(spec)
    retention = spec.get("persistentVolumeClaimRetentionPolicy")
    if retention is not None:
        for key in ("whenDeleted", "whenScaled"):
            at = f"spec.persistentVolumeClaimRetentionPolicy.{key}"
            yield from fields.one_of(retention.get(key, ""), at, ("Retain", "Delete"))
    if new:
        for index, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
            yield from claims.spec(claim.get("spec") or {}, f"spec.volumeClaimTemplates[{index}].spec")
    yield from fields.not_negative(spec.get("replicas"), "spec.replicas")
    yield from fields.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    if spec.get("ordinals") is not None:
        yield from fields.not_negative(spec["ordinals"].get("start", 0), "spec.ordinals.start")
    if new and spec.get("serviceName"):
        yield from fields.label(spec["serviceName"], "spec.serviceName")
    yield from templates.selector(spec.get("selector"), "statefulset", "spec.selector")
    yield from _stateful_template(spec, check_template)
    template = spec["template"].get("spec") or {}
    if template.get("restartPolicy", "") != "Always":
        at = "spec.template.spec.restartPolicy"
        yield unsupported(at, template.get("restartPolicy", ""), ("Always",))
    if template.get("activeDeadlineSeconds") is not None:
        message = "activeDeadlineSeconds in StatefulSet is not Supported"
        yield forbidden_field("spec.template.spec.activeDeadlineSeconds", message)


def _stateful_strategies(spec: Obj) -> Check:
    policy, strategy = spec.get("podManagementPolicy", ""), spec.get("updateStrategy") or {}
    if not policy:
        yield required("spec.podManagementPolicy")
    elif policy not in ("OrderedReady", "Parallel"):
        yield invalid_value("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    shown = internal.shown("apps.StatefulSetUpdateStrategy", strategy) or {}
    if not kind:
        yield required("spec.updateStrategy")
    elif kind == "OnDelete":
        if rolling is not None:
            message = "only allowed for updateStrategy 'RollingUpdate'"
            yield invalid_value("spec.updateStrategy.rollingUpdate", shown["RollingUpdate"], message)
    elif kind == "RollingUpdate":
        yield from _stateful_rolling(rolling or {}, "spec.updateStrategy.rollingUpdate")
    else:
        message = "must be 'RollingUpdate' or 'OnDelete'"
        yield invalid_value("spec.updateStrategy", shown, message)


def _stateful_rolling(rolling: Obj, path: str) -> Check:
    yield from fields.not_negative(rolling.get("partition"), f"{path}.partition")
    unavailable, at = rolling.get("maxUnavailable"), f"{path}.maxUnavailable"
    if unavailable is not None:
        yield from templates.count_or_percent(unavailable, at)
        if not templates.amount(unavailable):
            yield invalid_value(at, unavailable, "cannot be 0")
        yield from templates.at_most_all(unavailable, at)


def _stateful_template(spec: Obj, check_template: bool) -> Check:
    """The template as its pods will be: with the volumes of their claims."""
    path, template = "spec.template", spec["template"]
    chosen = templates.understood(spec.get("selector"))
    if chosen is None:
        yield invalid_value("spec.selector", templates.shown(spec.get("selector")), "")
        return
    if not chosen.empty:
        yield from templates.selector_matches(spec.get("selector"), template, path)
    pod = {key: value for key, value in (template.get("spec") or {}).items() if key not in ("hostname", "subdomain")}
    made = {
        name: {"name": name, "persistentVolumeClaim": {"claimName": name}}
        for claim in spec.get("volumeClaimTemplates") or ()
        for name in [(claim.get("metadata") or {}).get("name", "")]
    }
    if made:
        others = [each for each in pod.get("volumes") or () if each.get("name") not in made]
        pod["volumes"] = [*made.values(), *others]
    meta = template.get("metadata") or {}
    if check_template:
        yield from templates.template({**template, "spec": pod}, path)
    yield from metadata.labels(meta.get("labels"), f"{path}.labels")
    yield from metadata.annotations(meta.get("annotations"), f"{path}.annotations")
    yield from pods.annotations(meta.get("annotations") or {}, pod, f"{path}.annotations")


_MUTABLE = (
    "replicas", "template", "updateStrategy", "minReadySeconds", "ordinals", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
)  # fmt: skip
_FIXED_MESSAGE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def _stateful_set_update(new: Obj, old: Obj) -> Check:
    was_valid = not any(_stateful_set_spec(old["spec"], new=False))
    yield from _stateful_set_spec(new["spec"], new=False, check_template=was_valid)
    fixed = ({key: value for key, value in obj["spec"].items() if key not in _MUTABLE} for obj in (new, old))
    if not same(*fixed):
        yield forbidden_field("spec", _FIXED_MESSAGE)


_STATEFUL_COUNTS = (
    "replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas", "observedGeneration",
    "collisionCount",
)  # fmt: skip


def _stateful_set_status(new: Obj, old: Obj) -> Check:
    status = new.get("status") or {}
    yield from templates.counts(status, "status", _STATEFUL_COUNTS)
    parts = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    yield from templates.no_more_than_replicas(status, parts, "status.readyReplicas")
    yield from templates.collisions(status, old.get("status") or {})


# DaemonSet


def _daemon_set(obj: Obj) -> Check:
    spec, template = obj["spec"], obj["spec"]["template"]
    chosen = spec.get("selector")
    yield from metadata.label_selector(chosen, "spec.selector")
    yield from templates.selector_matches(chosen, template, "spec.template")
    if chosen is not None and not chosen.get("matchLabels") and not chosen.get("matchExpressions"):
        yield invalid_value("spec.selector", chosen, "empty selector is invalid for daemonset")
    yield from templates.template(template, "spec.template")
    yield from templates.always_running(template, "DaemonSet", "spec.template")
    yield from fields.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    yield from _daemon_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    yield from fields.not_negative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit")


def _daemon_strategy(strategy: Obj, path: str) -> Check:
    kind, rolling = strategy.get("type", ""), strategy.get("rollingUpdate")
    if kind == "RollingUpdate":
        if rolling is None:
            yield required(f"{path}.rollingUpdate")
            return
        yield from _daemon_rolling(rolling, f"{path}.rollingUpdate")
    elif kind != "OnDelete":
        shown = internal.shown("apps.DaemonSetUpdateStrategy", strategy)
        yield unsupported(path, shown, ("RollingUpdate", "OnDelete"))


def _daemon_rolling(rolling: Obj, path: str) -> Check:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    yield from templates.count_or_percent(unavailable, f"{path}.maxUnavailable")
    yield from templates.count_or_percent(surge, f"{path}.maxSurge")
    yield from templates.at_most_all(unavailable, f"{path}.maxUnavailable")
    yield from templates.at_most_all(surge, f"{path}.maxSurge")
    if templates.amount(unavailable) and templates.amount(surge):
        yield invalid_value(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero")
    if not templates.amount(unavailable) and not templates.amount(surge):
        yield required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def _daemon_set_update(new: Obj, old: Obj) -> Check:
    yield from metadata.immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector")
    yield from _daemon_set(new)


_DAEMON_COUNTS = (
    "currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady", "observedGeneration",
    "updatedNumberScheduled", "numberAvailable", "numberUnavailable", "collisionCount",
)  # fmt: skip


def _daemon_set_status(new: Obj, old: Obj) -> Check:
    status = new.get("status") or {}
    yield from templates.counts(status, "status", _DAEMON_COUNTS)
    yield from templates.collisions(status, old.get("status") or {})


# ControllerRevision


def _revision(obj: Obj) -> Check:
    yield from fields.not_negative(obj.get("revision", 0), "revision")
    if obj.get("data") is None:
        yield required("data", "data is mandatory")
    elif not isinstance(obj["data"], dict):
        yield required("data", "data must be a valid JSON object")


def _revision_update(new: Obj, old: Obj) -> Iterator[FieldError]:
    yield from metadata.check(new, True)
    yield from metadata.kube_finalizers(new["metadata"])
    yield from fields.not_negative(new.get("revision", 0), "revision")
    yield from metadata.immutable(new.get("data"), old.get("data"), "data")


def _pod_template(obj: Obj) -> Check:
    yield from templates.template(obj.get("template") or {}, "template")


RULES = {
    "apps/v1/Deployment": Rules(
        body=_deployment, change=_deployment_update, subresources={"status": _deployment_status}
    ),
    "apps/v1/ReplicaSet": Rules(
        body=_replica_set, change=_replica_set_update, subresources={"status": _replica_status}
    ),
    "apps/v1/StatefulSet": Rules(
        metadata.label, _stateful_set, _stateful_set_update, {"status": _stateful_set_status}
    ),
    "apps/v1/DaemonSet": Rules(
        body=_daemon_set, change=_daemon_set_update, subresources={"status": _daemon_set_status}
    ),
    "apps/v1/ControllerRevision": Rules(body=_revision, change=_revision_update),
    "v1/ReplicationController": Rules(body=_controller, subresources={"status": _replica_status}),
    "v1/PodTemplate": Rules(body=_pod_template),
}
