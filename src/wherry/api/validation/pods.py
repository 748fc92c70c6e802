"""Pods: what one may be when it is made, and what may change later."""

from wherry.api import Obj, copies
from wherry.api.errors import FieldError, forbidden_field, invalid_value, required, unsupported
from wherry.api.patch.values import clone, same
from wherry.api.validation import addresses, containers, fields, internal, metadata, podspec, resizing, scheduling
from wherry.api.validation.fields import Check
from wherry.api.validation.metadata import Errors
from wherry.api.validation.rules import Rules

_MIRROR = podspec.MIRROR
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


_correct = copies.Known()


def annotations_and_spec(pod: Obj) -> Errors:
    """What holds for a pod at any time, its name and labels apart."""
    found = copies.fingerprint(pod)
    if found in _correct:
        return []
    errors = list(_annotations_and_spec(pod))
    if not errors:
        _correct.add(found)
    return errors


def _annotations_and_spec(pod: Obj) -> Check:
    meta, spec = pod["metadata"], pod["spec"]
    yield from annotations(meta.get("annotations") or {}, spec, "metadata.annotations")
    yield from podspec.check(spec, meta, "spec", is_pod=True)
    if not spec.get("serviceAccountName"):
        for index, volume in enumerate(spec.get("volumes") or ()):
            for number, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
                if source.get("serviceAccountToken") is not None:
                    at = f"spec.volumes[{index}].projected.sources[{number}].serviceAccountToken"
                    yield forbidden_field(at, "must not be specified when serviceAccountName is not set")
    for key in ("containers", "initContainers"):
        yield from fields.each(spec.get(key), f"spec.{key}", containers.image_text)


def annotations(found: Obj, spec: Obj, path: str) -> Check:
    """Annotations that mean something to pods."""
    if _MIRROR in found and not spec.get("nodeName"):
        message = "must set spec.nodeName if mirror pod annotation is set"
        yield invalid_value(f"{path}[{_MIRROR}]", found[_MIRROR], message)
    cost = found.get(_DELETION_COST)
    if cost is not None and not _is_int32(cost):
        yield invalid_value(f"{path}[{_DELETION_COST}]", cost, "must be a 32bit integer")
    for key, profile in found.items():
        if key == _SECCOMP_POD or key.startswith(_SECCOMP_CONTAINER):
            yield from _seccomp_annotation(profile, f"{path}.{key}")
    names = {container.get("name", "") for _, container in podspec.with_paths(spec, "")}
    for key, profile in found.items():
        if key.startswith(_APP_ARMOR):
            name = key.removeprefix(_APP_ARMOR)
            if name not in names:
                yield invalid_value(f"{path}[{key}]", name, "container not found")
            if profile not in ("", "runtime/default", "unconfined") and not profile.startswith("localhost/"):
                yield invalid_value(f"{path}[{key}]", profile, f'invalid AppArmor profile name: "{profile}"')


def _is_int32(text: str) -> bool:
    """A 32-bit integer in the one way of writing it."""
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or (digits[0] == "0" and digits != "0") or text == "-0":
        return False
    return -(2**31) <= int(text) < 2**31


def _seccomp_annotation(profile: str, path: str) -> Check:
    if profile in ("runtime/default", "docker/default", "unconfined"):
        return
    if profile.startswith("localhost/"):
        yield from fields.descending_path(profile.removeprefix("localhost/"), path)
    else:
        yield invalid_value(path, profile, "must be a valid seccomp profile")


def _create(pod: Obj) -> Errors:
    spec = pod["spec"]
    errors = annotations_and_spec(pod)
    if spec.get("ephemeralContainers"):
        errors.append(forbidden_field("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        message = "cannot be set until all schedulingGates have been cleared"
        errors.append(forbidden_field("spec.nodeName", message))
    return [*errors, *profiles_match(pod, "spec")]


def profiles_match(pod: Obj, path: str) -> Check:
    """A profile in a security context and in an old annotation must say the same."""
    yield from _profiles_match(pod, "seccomp", "seccompProfile", path)
    yield from _profiles_match(pod, "apparmor", "appArmorProfile", path)


def _profiles_match(pod: Obj, word: str, key: str, path: str) -> Errors:
    spec, found = pod["spec"], pod["metadata"].get("annotations") or {}
    if not found or (word == "apparmor" and (spec.get("os") or {}).get("name") == "windows"):
        return []
    of_pod = (spec.get("securityContext") or {}).get(key)
    pairs = [(path, of_pod, _SECCOMP_POD)] if word == "seccomp" else []
    for at, container in podspec.with_paths(spec, path):
        own = (container.get("securityContext") or {}).get(key)
        prefix = _SECCOMP_CONTAINER if word == "seccomp" else _APP_ARMOR
        profile = own if word == "seccomp" or own is not None else of_pod
        pairs.append((at, profile, prefix + container.get("name", "")))
    return [
        error
        for at, profile, annotation in pairs
        if profile is not None and annotation in found
        for error in _matches(found[annotation], profile, f"{at}.securityContext.{key}", word)
    ]


def _matches(annotation: str, profile: Obj, path: str, word: str) -> Check:
    kind, file = profile.get("type", ""), profile.get("localhostProfile")
    defaults = ("runtime/default", "docker/default") if word == "seccomp" else ("runtime/default",)
    expected = {"Unconfined": ("unconfined",), "RuntimeDefault": defaults}.get(kind)
    differs = f"{word} type in annotation and field must match"
    local = annotation.startswith("localhost/")
    if annotation not in expected if expected is not None else kind == "Localhost" and not local:
        yield forbidden_field(f"{path}.type", differs)
    elif kind == "Localhost" and annotation.removeprefix("localhost/") != file:
        yield forbidden_field(f"{path}.localhostProfile", f"{word} profile in annotation and field must match")


# Updates

_UPDATABLE = ",".join(
    (
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    )
)


def annotation_updates(new: Obj, old: Obj) -> Check:
    """Annotations that cannot change, and the rules of those that can."""
    now, before = new["metadata"].get("annotations") or {}, old["metadata"].get("annotations") or {}
    path = "metadata.annotations"
    for key, value in before.items():
        if now.get(key) == value:
            continue
        if key.startswith(_APP_ARMOR):
            yield forbidden_field(f"{path}[{key}]", "may not remove or update AppArmor annotations")
        if key == _MIRROR:
            yield forbidden_field(f"{path}[{key}]", "may not remove or update mirror pod annotation")
    for key in now:
        if key not in before and key.startswith(_APP_ARMOR):
            yield forbidden_field(f"{path}[{key}]", "may not add AppArmor annotations")
        if key not in before and key == _MIRROR:
            yield forbidden_field(f"{path}[{key}]", "may not add mirror pod annotation")
    yield from annotations(now, new["spec"], path)


def _update(new: Obj, old: Obj) -> Errors:
    errors = _whole(new) + list(annotation_updates(new, old))
    spec, before = new["spec"], old["spec"]
    for key in ("containers", "initContainers"):
        now, then = spec.get(key) or [], before.get(key) or []
        if len(now) != len(then):
            return [*errors, forbidden_field(f"spec.{key}", "pod updates may not add or remove containers")]
        for index, container in enumerate(now):
            at = f"spec.{key}[{index}]"
            errors += [*fields.needed(container, at, "image"), *containers.image_text(container, at)]
    errors += _deadline(spec, before)
    errors += _added_tolerations(spec.get("tolerations") or [], before.get("tolerations") or [])
    errors += _deleted_gates(spec.get("schedulingGates") or [], before.get("schedulingGates") or [])
    if same(spec, before):
        return errors
    masked, gated = _masked(spec, before)
    errors += gated
    if not same(masked, before):
        message = f"pod updates may not change fields other than {_UPDATABLE}\n"
        errors.append(forbidden_field("spec", message + internal.diff("core.PodSpec", before, masked)))
    return errors


def _whole(pod: Obj) -> Errors:
    errors = metadata.check(pod, True, metadata.subdomain) + metadata.kube_finalizers(pod["metadata"])
    return errors + annotations_and_spec(pod)


def _deadline(spec: Obj, before: Obj) -> Errors:
    now, then, path = (
        spec.get("activeDeadlineSeconds"),
        before.get("activeDeadlineSeconds"),
        "spec.activeDeadlineSeconds",
    )
    if now is None:
        if then is None:
            return []
        return [invalid_value(path, None, "must not update from a positive integer to nil value")]
    errors = list(fields.in_range(now, path, 0, 2**31 - 1))
    if then is not None and then < now:
        errors.append(invalid_value(path, now, "must be less than or equal to previous value"))
    return errors


def _added_tolerations(now: list[Obj], before: list[Obj]) -> Errors:
    path, errors = "spec.tolerations", []
    known = [_without_seconds(each) for each in now]
    for each in before:
        if _without_seconds(each) not in known:
            message = "existing toleration can not be modified except its tolerationSeconds"
            errors.append(forbidden_field(path, message))
    return [*errors, *scheduling.tolerations(now, path)]


def _without_seconds(toleration: Obj) -> Obj:
    return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}


def _deleted_gates(now: list[Obj], before: list[Obj]) -> Errors:
    known = {gate.get("name") for gate in before}
    return [
        forbidden_field(
            f"spec.schedulingGates[{index}].name",
            f"only deletion is allowed, but found new scheduling gate '{gate.get('name', '')}'",
        )
        for index, gate in enumerate(now)
        if gate.get("name") not in known
    ]


_MAY_CHANGE = ("activeDeadlineSeconds", "schedulingGates", "tolerations")


def _masked(spec: Obj, before: Obj) -> tuple[Obj, Errors]:
    """The new spec with everything that may change as it was before; and what is wrong with changes that only a pod
    that waits at a gate may make."""
    masked = clone(spec)
    for key in ("containers", "initContainers"):
        for container, old in zip(masked.get(key) or (), before.get(key) or (), strict=True):
            container["image"] = old.get("image", "")
    for key in _MAY_CHANGE:
        masked.pop(key, None)
        if key in before:
            masked[key] = before[key]
    if before.get("terminationGracePeriodSeconds", 0) < 0 and masked.get("terminationGracePeriodSeconds") == 1:
        masked["terminationGracePeriodSeconds"] = before["terminationGracePeriodSeconds"]
    errors: Errors = []
    if before.get("schedulingGates"):
        errors += _gated_selector(masked, before)
        errors += _gated_affinity(masked, before)
    return masked, errors


def _gated_selector(masked: Obj, before: Obj) -> Errors:
    now, then = masked.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    message = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
    errors = [
        invalid_value("spec.nodeSelector", now, message) for key, value in then.items() if now.get(key) != value
    ]
    masked.pop("nodeSelector", None)
    if "nodeSelector" in before:
        masked["nodeSelector"] = before["nodeSelector"]
    return errors


_TERMS = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"


def _node_terms(spec: Obj) -> list[Obj]:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or []


def _gated_affinity(masked: Obj, before: Obj) -> Errors:
    errors: Errors = []
    now, then = _node_terms(masked), _node_terms(before)
    if then and len(now) != len(then):
        message = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        errors.append(invalid_value(_TERMS, now, message))
    else:
        for index, (new, old) in enumerate(zip(now, then, strict=False)):
            if not _only_added(new, old):
                message = "only additions are allowed (no mutations or deletions)"
                errors.append(invalid_value(f"{_TERMS}[{index}]", new, message))
    kept = (before.get("affinity") or {}).get("nodeAffinity")
    affinity = {key: value for key, value in (masked.get("affinity") or {}).items() if key != "nodeAffinity"}
    if kept is not None:
        affinity["nodeAffinity"] = kept
    masked.pop("affinity", None)
    if affinity or before.get("affinity") is not None:
        masked["affinity"] = affinity
    return errors


def _only_added(new: Obj, old: Obj) -> bool:
    lists = ("matchExpressions", "matchFields")
    if not any(old.get(key) for key in lists) and any(new.get(key) for key in lists):
        return False
    return all((new.get(key) or [])[: len(old.get(key) or ())] == (old.get(key) or []) for key in lists)


# Sub-resources


def _status(new: Obj, old: Obj) -> Errors:
    errors = list(annotation_updates(new, old))
    now, before = new.get("status") or {}, old.get("status") or {}
    errors += _conditions(now.get("conditions"))
    if new["spec"].get("nodeName") != old["spec"].get("nodeName"):
        errors.append(forbidden_field("status.nodeName", "may not be changed directly"))
    nominated = now.get("nominatedNodeName", "")
    if nominated and nominated != before.get("nominatedNodeName", ""):
        errors += fields.subdomain(nominated, "status.nominatedNodeName")
        if old["spec"].get("nodeName"):
            message = "may not be set on pods that are already bound to a node"
            errors.append(forbidden_field("status.nominatedNodeName", message))
    if now.get("observedGeneration", 0) < 0:
        message = "must be a non-negative integer"
        errors.append(invalid_value("status.observedGeneration", now["observedGeneration"], message))
    errors += metadata.immutable(now.get("qosClass", ""), before.get("qosClass", ""), "status.qosClass")
    for key, sort in _STATUSES.items():
        errors += _transitions(now.get(key) or [], before.get(key) or [], old["spec"], sort, f"status.{key}")
    errors += _claim_statuses(now.get("resourceClaimStatuses"), new["spec"])
    return errors + list(_addresses(now))


_STATUSES = {
    "containerStatuses": "containers",
    "initContainerStatuses": "initContainers",
    "ephemeralContainerStatuses": "",
}


def _conditions(found: list[Obj] | None) -> Check:
    for index, condition in enumerate(found or ()):
        at = f"status.conditions[{index}]"
        if condition.get("observedGeneration", 0) < 0:
            message = "must be a non-negative integer"
            yield invalid_value(f"{at}.observedGeneration", condition["observedGeneration"], message)
        if condition.get("type") not in ("PodScheduled", "Ready", "Initialized"):
            yield from fields.qualified_name(condition.get("type", ""), f"{at}.Type")


def _transitions(now: list[Obj], before: list[Obj], spec: Obj, sort: str, path: str) -> Check:
    """A container that has ended stays ended, unless something restarts it."""
    current = {each.get("name"): each for each in now}
    declared = {each.get("name"): each for each in spec.get(sort) or ()} if sort else {}
    for index, old in enumerate(before):
        ended = (old.get("state") or {}).get("terminated")
        new = current.get(old.get("name"))
        if ended is None or new is None or (new.get("state") or {}).get("terminated") is not None:
            continue
        container = declared.get(old.get("name")) or {}
        if not sort or not _restarts(container, spec.get("restartPolicy", ""), ended.get("exitCode", 0)):
            yield forbidden_field(f"{path}[{index}].state", "may not be transitioned to non-terminated state")


def _restarts(container: Obj, pod_policy: str, code: int) -> bool:
    for rule in container.get("restartPolicyRules") or ():
        codes = rule.get("exitCodes") or {}
        if (code in (codes.get("values") or ())) == (codes.get("operator") == "In"):
            return True
    policy = container.get("restartPolicy") or pod_policy
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def _claim_statuses(found: list[Obj] | None, spec: Obj) -> Check:
    known = {claim.get("name") for claim in spec.get("resourceClaims") or ()}
    seen: set[str] = set()
    for index, status in enumerate(found or ()):
        at, name = f"status.resourceClaimStatuses[{index}]", status.get("name", "")
        if name not in known:
            message = "must match the name of an entry in `spec.resourceClaims`"
            yield invalid_value(f"{at}.name", name, message)
        if name in seen:
            yield FieldError("FieldValueDuplicate", f"{at}.name", name)
        seen.add(name)
        if status.get("resourceClaimName") is not None:
            yield from fields.subdomain(status["resourceClaimName"], f"{at}.resourceClaimName")


def _addresses(status: Obj) -> Check:
    hosts = [each.get("ip", "") for each in status.get("hostIPs") or ()]
    pods = [each.get("ip", "") for each in status.get("podIPs") or ()]
    yield from fields.each(pods, "status.podIPs", addresses.legacy_ip)
    yield from _one_a_family(pods, status.get("podIPs"), "status.podIPs")
    if hosts and hosts[0] != status.get("hostIP", ""):
        yield invalid_value("status.hostIPs[0].ip", hosts[0], "must be equal to `hostIP`")
    yield from fields.each(hosts, "status.hostIPs", addresses.legacy_ip)
    yield from _one_a_family(hosts, status.get("hostIPs"), "status.hostIPs")


def _one_a_family(texts: list[str], shown: list[Obj] | None, path: str) -> Check:
    if len(texts) < 2 or any(addresses.parse(each) is None for each in texts):
        return
    if len(texts) > 2 or not addresses.dual_stack(texts):
        go = [internal.shown("core.PodIP", each) for each in shown or ()]
        yield invalid_value(path, go, "may specify no more than one IP for each IP family")


def _ephemeral(new: Obj, old: Obj) -> Errors:
    errors = _whole(new) + list(annotation_updates(new, old))
    if _MIRROR in (old["metadata"].get("annotations") or {}):
        return [forbidden_field("[]", "static pods do not support ephemeral containers")]
    now = {each.get("name"): each for each in new["spec"].get("ephemeralContainers") or ()}
    for each in old["spec"].get("ephemeralContainers") or ():
        name, path = each.get("name", ""), "spec.ephemeralContainers"
        if name not in now:
            message = f'existing ephemeral containers "{name}" may not be removed\n'
            errors.append(forbidden_field(path, message))
        elif not same(each, now[name]):
            message = f'existing ephemeral containers "{name}" may not be changed\n'
            message += internal.diff("core.EphemeralContainer", each, now[name])
            errors.append(forbidden_field(path, message))
    return errors


def _resize(new: Obj, old: Obj) -> Errors:
    fixed = list(resizing.fixed(old))
    return fixed or [*_whole(new), *resizing.change(new, old)]


def binding(found: Obj) -> Check:
    """A Binding of a pod to a node."""
    target = found.get("target") or {}
    if target.get("kind") not in (None, "", "Node"):
        yield unsupported("target.kind", target["kind"], ("Node", "<empty>"))
    if not target.get("name"):
        yield required("target.name")


RULES = {
    "v1/Pod": Rules(
        body=_create,
        change=_update,
        subresources={"status": _status, "ephemeralcontainers": _ephemeral, "resize": _resize},
    ),
}
