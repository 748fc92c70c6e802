"""PodSecurity: the Pod Security Standards, as a namespace's labels ask for them.

    pod-security.kubernetes.io/enforce[-version]   refuses pods
    pod-security.kubernetes.io/warn[-version]      warns, also of what makes pods

Source: pod-security-admission.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wherry.api import Obj, errors, kinds
from wherry.api.errors import FieldError
from wherry.api.kinds import Kind
from wherry.apiserver import canonical
from wherry.apiserver.admission.attributes import Attributes, Lister
from wherry.apiserver.admission.pod_security import standards
from wherry.apiserver.admission.pod_security.standards import LATEST, Violation

PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
MOST_PODS = 3000  # existing pods that a new level is tried on
_VERSION = re.compile(r"v1\.(0|[1-9]\d*)")
_IGNORED = ("exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status")


class Standard(NamedTuple):
    """A level, as of a minor version of Kubernetes."""

    level: str = LEVELS[0]
    minor: int = LATEST

    def __str__(self) -> str:
        return f"{self.level}:{'latest' if self.minor == LATEST else f'v1.{self.minor}'}"

    @property
    def strictness(self) -> int:
        return LEVELS.index(self.level)

    def violations(self, metadata: Obj, spec: Obj) -> list[Violation]:
        return standards.violations(self.level, self.minor, metadata, spec)


class Policy(NamedTuple):
    enforce: Standard = Standard()
    warn: Standard = Standard()


def policy_of(labels: Mapping[str, str]) -> tuple[Policy, list[FieldError]]:
    """What a namespace's labels ask for, and what is wrong with them. What is wrong counts as strict for `enforce`
    and as nothing for `warn`."""
    found: list[FieldError] = []
    standard = {
        mode: Standard(_level(labels, mode, found), _minor(labels, mode, found))
        for mode in ("enforce", "audit", "warn")
    }
    enforce, warn = standard["enforce"], standard["warn"]
    named = labels.get(PREFIX + "enforce")
    if PREFIX + "warn" not in labels and named in LEVELS and enforce.strictness > warn.strictness:
        warn = Standard(enforce.level, warn.minor if PREFIX + "warn-version" in labels else enforce.minor)
    return Policy(enforce, warn), found


def _level(labels: Mapping[str, str], mode: str, found: list[FieldError]) -> str:
    level = labels.get(PREFIX + mode, LEVELS[0])
    if level in LEVELS:
        return level
    found.append(_wrong(PREFIX + mode, level, f"must be one of {', '.join(LEVELS)}"))
    return LEVELS[2] if mode == "enforce" else LEVELS[0]


def _minor(labels: Mapping[str, str], mode: str, found: list[FieldError]) -> int:
    version = labels.get(f"{PREFIX}{mode}-version", "latest")
    match = _VERSION.fullmatch(version)
    if version != "latest" and not match:
        found.append(_wrong(f"{PREFIX}{mode}-version", version, 'must be "latest" or "v1.x"'))
    return int(match[1]) if match else LATEST


def _wrong(label: str, value: str, why: str) -> FieldError:
    return errors.invalid_value(f"metadata.labels[{label}]", value, why)


def wants(attributes: Attributes) -> list[tuple[Kind, str]]:
    """The pods of a namespace whose enforced level gets stricter."""
    new, old = attributes.new, attributes.old
    if not attributes.concerns(kinds.NAMESPACE, "UPDATE") or new is None or old is None:
        return []
    after, before = policy_of(_labels(new))[0].enforce, policy_of(_labels(old))[0].enforce
    eased = after.minor == before.minor and after.strictness <= before.strictness
    if after == before or after.level == LEVELS[0] or eased:
        return []
    return [(kinds.POD, str(new["metadata"]["name"]))]


def validate(lister: Lister, attributes: Attributes) -> None:
    kind, new = attributes.kind, attributes.new
    if new is None:
        return
    if kind is kinds.NAMESPACE:
        if not attributes.subresource:
            _namespace(attributes, new)
        return
    if kind not in canonical.POD_SPECS or attributes.subresource in _IGNORED:
        return
    namespace = lister.get(kinds.NAMESPACE, attributes.namespace)
    labels = _labels(namespace) if namespace else {}
    if not any(label.startswith(PREFIX) for label in labels):
        return
    if kind is kinds.POD:
        if attributes.old is None or _significant(new, attributes.old):
            _pod(attributes, policy_of(labels)[0], new)
    elif not attributes.subresource:
        template, spec = _template(kind, new), canonical.pod_spec(kind, new)
        if spec is not None:
            _warn(attributes, policy_of(labels)[0].warn, template.get("metadata") or {}, spec)


def _labels(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def _template(kind: Kind, obj: Obj) -> Obj:
    for name in canonical.POD_SPECS[kind][:-1]:
        obj = obj.get(name) or {}
    return obj


def _pod(attributes: Attributes, policy: Policy, pod: Obj) -> None:
    found = policy.enforce.violations(pod["metadata"], pod["spec"])
    if found:
        raise attributes.forbidden(f'violates PodSecurity "{policy.enforce}": {_details(found)}')
    _warn(attributes, policy.warn, pod["metadata"], pod["spec"])


def _warn(attributes: Attributes, standard: Standard, metadata: Obj, spec: Obj) -> None:
    found = standard.violations(metadata, spec)
    if found:
        attributes.warn(f'would violate PodSecurity "{standard}": {_details(found)}')


def _details(found: Iterable[Violation]) -> str:
    return ", ".join(f"{each.reason} ({each.detail})" if each.detail else each.reason for each in found)


def _significant(new: Obj, old: Obj) -> bool:
    """Whether an update of a pod changes anything that a standard looks at."""
    mine, theirs = new["spec"], old["spec"]
    for part in ("containers", "initContainers"):
        before, after = theirs.get(part) or (), mine.get(part) or ()
        if len(before) != len(after) or any(map(_differ, after, before)):
            return True
    known = {each["name"]: each for each in theirs.get("ephemeralContainers") or ()}
    added = mine.get("ephemeralContainers") or ()
    return any(each["name"] not in known or _differ(each, known[each["name"]]) for each in added)


def _differ(one: Obj, other: Obj) -> bool:
    return any(one.get(field) != other.get(field) for field in ("image", "securityContext"))


def _namespace(attributes: Attributes, new: Obj) -> None:
    policy, found = policy_of(_labels(new))
    before = [] if attributes.old is None else policy_of(_labels(attributes.old))[1]
    if found and found != before:
        raise errors.invalid(kinds.NAMESPACE, attributes.name, found)
    pods = attributes.seen.get(kinds.POD)
    if pods:
        for text in existing(policy.enforce, attributes.name, pods):
            attributes.warn(text)


def existing(standard: Standard, namespace: str, pods: list[Obj]) -> list[str]:
    """What to say of pods that are there and would be refused now."""
    names: dict[str, list[str]] = {}
    for pod in pods[:MOST_PODS]:
        found = standard.violations(pod["metadata"], pod["spec"])
        if found:
            names.setdefault(", ".join(each.reason for each in found), []).append(pod["metadata"]["name"])
    texts = []
    if len(pods) > MOST_PODS:
        checked = f"only checked against the first {MOST_PODS} of {len(pods)} existing pods"
        texts.append(f"new PodSecurity enforce level {checked}")
    if names:
        what = f'violate the new PodSecurity enforce level "{standard}"'
        texts.append(f'existing pods in namespace "{namespace}" {what}')
    return texts + sorted(f"{_counted(sorted(pods))}: {reasons}" for reasons, pods in names.items())


def _counted(names: list[str]) -> str:
    others = len(names) - 1
    return names[0] + (f" (and {others} other pod{'s' if others > 1 else ''})" if others else "")
