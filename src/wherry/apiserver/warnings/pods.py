"""Pods and pod templates. Source: pkg/api/pod/warnings.go."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wherry.api import Obj, copies
from wherry.api.errors import quote
from wherry.apiserver.warnings.addresses import of_ip
from wherry.apiserver.warnings.nodes import OLD_LABELS, of_labels, of_term
from wherry.apiserver.warnings.storage import of_claim_spec
from wherry.lib import names, quantity

NO_SELECTOR = "a null labelSelector results in matching no pod"
SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
APPARMOR_DEPRECATED = 'deprecated since v1.30; use the "appArmorProfile" field instead'
_OLD_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'v1.11+; use the "sysctls" field instead',
}
_OLD_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_SPELLED = {"storageos": "storageOS"}
_LISTS = ("initContainers", "containers", "ephemeralContainers")
_WHOLE_BYTES = ("memory", "ephemeral-storage")


_unremarkable = copies.Known()


def of_pod(new: Obj, old: Obj | None) -> list[str]:
    if old is not None:
        return []  # people rarely change pods, machines often
    why = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended"
    return _of_name(new, why) + _of_spec(new)


def _of_spec(pod: Obj) -> list[str]:
    copy = copies.fingerprint(pod)
    if copy in _unremarkable:
        return []
    found = of_template(pod, "")
    if not found:
        _unremarkable.add(copy)
    return found


def of_status(new: Obj, old: Obj | None) -> list[str]:
    found = []
    for field in ("podIPs", "hostIPs"):
        for index, each in enumerate((new.get("status") or {}).get(field) or ()):
            found += of_ip(f"status.{field}[{index}].ip", each.get("ip", ""))
    return found


def _of_name(obj: Obj, why: str) -> list[str]:
    problems = names.dns_label_errors(obj["metadata"].get("name", ""))
    return [f"metadata.name: {why}: [{' '.join(problems)}]"] if problems else []


def of_owner_name(obj: Obj) -> list[str]:
    """The name of something that names its pods after itself."""
    return _of_name(
        obj,
        "this is used in Pod names and hostnames, which can result in surprising behavior; "
        "a DNS label is recommended",
    )


def of_template(template: Obj | None, path: str) -> list[str]:
    """A pod (`path` is empty) or the template of one."""
    if not template:
        return []
    start = f"{path}." if path else ""
    spec, at = template.get("spec") or {}, f"{start}spec"
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    found = _scheduling(spec, at)
    if annotations:
        found += [
            f"{start}metadata.annotations[{name}]: non-functional in {why}"
            for name, why in _OLD_ANNOTATIONS.items()
            if name in annotations
        ]
    found += _volumes(spec.get("volumes") or (), f"{at}.volumes") + _references(spec, at)
    found += _fractions(spec.get("overhead"), f"{at}.overhead")
    if annotations:
        found += _security(spec, annotations, f"{start}metadata.annotations", bool(path))
    for container, where in _containers(spec, at):
        found += _of_container(container, where)
    found += _ports(spec, at)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        found.append(
            f"{at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
        )
    return found + _affinity(spec.get("affinity") or {}, f"{at}.affinity") + _addresses(spec, at)


def _containers(spec: Obj, at: str) -> Iterator[tuple[Obj, str]]:
    for field in _LISTS:
        for index, container in enumerate(spec.get(field) or ()):
            yield container, f"{at}.{field}[{index}]"


def _scheduling(spec: Obj, at: str) -> list[str]:
    found = of_labels(spec.get("nodeSelector") or {}, f"{at}.nodeSelector")
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required, preferred = (
        "requiredDuringSchedulingIgnoredDuringExecution",
        ("preferredDuringSchedulingIgnoredDuringExecution"),
    )
    for index, term in enumerate((affinity.get(required) or {}).get("nodeSelectorTerms") or ()):
        found += of_term(term, f"{at}.affinity.nodeAffinity.{required}.nodeSelectorTerms[{index}]")
    for index, weighted in enumerate(affinity.get(preferred) or ()):
        where = f"{at}.affinity.nodeAffinity.{preferred}[{index}].preference"
        found += of_term(weighted.get("preference") or {}, where, check_values=True)
    for index, spread in enumerate(spec.get("topologySpreadConstraints") or ()):
        where, key = f"{at}.topologySpreadConstraints[{index}]", spread.get("topologyKey", "")
        if key in OLD_LABELS:
            found.append(f"{where}.topologyKey: {key} is {OLD_LABELS[key]}")
        if spread.get("labelSelector") is None:
            found.append(f"{where}.labelSelector: {NO_SELECTOR}")
    return found


def _affinity(affinity: Obj, at: str) -> list[str]:
    found = []
    for name in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(name) or {}
        for field, inner in (
            ("requiredDuringSchedulingIgnoredDuringExecution", ""),
            ("preferredDuringSchedulingIgnoredDuringExecution", "podAffinityTerm"),
        ):
            for index, term in enumerate(terms.get(field) or ()):
                if ((term.get(inner) or {}) if inner else term).get("labelSelector") is None:
                    where = f"{at}.{name}.{field}[{index}]{f'.{inner}' if inner else ''}"
                    found.append(f"{where}.labelSelector: {NO_SELECTOR}")
    return found


def _volumes(volumes: Iterable[Obj], at: str) -> list[str]:
    found = []
    for index, volume in enumerate(volumes):
        for name, why in _OLD_VOLUMES.items():
            if name in volume:
                found.append(f"{at}[{index}].{_SPELLED.get(name, name)}: {why}")
        claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
        if claim:
            found += of_claim_spec(claim.get("spec") or {}, f"{at}[{index}].ephemeral.volumeClaimTemplate.spec")
    for volume in volumes:
        found += _overlaps(volume)
    return found


class _Path(NamedTuple):
    path: str
    source: str

    def __str__(self) -> str:
        return f"{quote(self.path)} ({self.source})" if self.source else quote(self.path)


def _overlaps(volume: Obj) -> list[str]:
    """Files of one volume that lie in each other's way."""
    found, name = [], volume.get("name", "")
    for field, described in (("configMap", "name"), ("secret", "secretName"), ("downwardAPI", "")):
        source = volume.get(field) or {}
        kind = field[0].upper() + field[1:]
        what = f"{kind} {quote(source.get(described, ''))}" if described else kind
        found += _collisions([_Path(item["path"], "") for item in source.get("items") or ()], name, what)
    paths: list[_Path] = []
    for source in (volume.get("projected") or {}).get("sources") or ():
        if not source:
            found.append(f"volume {quote(name)} (Projected) has no sources provided")
        paths += _projected(source)
    return found + _collisions(paths, name, "Projected")


def _projected(source: Obj) -> Iterator[_Path]:
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret"), ("downwardAPI", "")):
        part = source.get(field) or {}
        what = f"{kind} {quote(part.get('name', ''))}" if kind else ""
        yield from (_Path(item.get("path", ""), what) for item in part.get("items") or ())
    token = source.get("serviceAccountToken")
    if token:
        yield _Path(token.get("path", ""), "ServiceAccountToken")
    bundle = source.get("clusterTrustBundle")
    if bundle:
        yield _Path(bundle.get("path", ""), f"ClusterTrustBundle {quote(bundle.get('name') or bundle['signerName'])}")
    certificate = source.get("podCertificate") or {}
    for field, what in (
        ("certificateChainPath", "chain"),
        ("keyPath", "key"),
        ("credentialBundlePath", "credential bundle"),
    ):
        if certificate.get(field):
            yield _Path(certificate[field], f"PodCertificate {what}")


def _collisions(paths: list[_Path], volume: str, what: str) -> list[str]:
    found: list[str] = []
    seen: list[_Path] = []
    for path in (_Path(each.path.rstrip("/"), each.source) for each in paths):
        for other in seen:
            if path.path and other.path and _inside(path.path, other.path):
                found.append(f"volume {quote(volume)} ({what}): overlapping paths: {path} with {other}")
        seen.append(path)
    return found


def _inside(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _references(spec: Obj, at: str) -> list[str]:
    found = _repeated((each.get("ip", "") for each in spec.get("hostAliases") or ()), f"{at}.hostAliases", "ip")
    secrets = [each.get("name", "") for each in spec.get("imagePullSecrets") or ()]
    found += _repeated(secrets, f"{at}.imagePullSecrets", "name")
    return found + [
        f'{at}.imagePullSecrets[{index}].name: invalid empty name ""'
        for index, name in enumerate(secrets)
        if not name
    ]


def _repeated(values: Iterable[str], at: str, field: str) -> list[str]:
    found, seen = [], set()
    for index, value in enumerate(values):
        if value in seen:
            found.append(f"{at}[{index}].{field}: duplicate {field} {quote(value)}")
        seen.add(value)
    return found


def _fractions(amounts: Obj | None, at: str) -> list[str]:
    """Amounts of bytes that are no whole number."""
    found = []
    for name in _WHOLE_BYTES:
        amount = (amounts or {}).get(name)
        if amount is not None and quantity.parse(amount) % 1:
            value = quote(quantity.canonical(amount))
            found.append(f"{at}[{name}]: fractional byte value {value} is invalid, must be an integer")
    return found


def _security(spec: Obj, annotations: Obj, at: str, template: bool) -> list[str]:
    """Annotations where there are fields now. Those of AppArmor on pods themselves become fields: `strategies`."""
    context = spec.get("securityContext") or {}
    seccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead'
    found = []
    if not context.get("seccompProfile") and SECCOMP_POD in annotations:
        found.append(f"{at}[{SECCOMP_POD}]: {seccomp}")
    for container, _ in _containers(spec, ""):
        own = container.get("securityContext") or {}
        name = container.get("name", "")
        if not own.get("seccompProfile") and SECCOMP_CONTAINER + name in annotations:
            found.append(f"{at}[{SECCOMP_CONTAINER}{name}]: {seccomp}")
        profile = annotations.get(APPARMOR + name)
        if not template or profile is None or own.get("appArmorProfile"):
            continue
        if not context.get("appArmorProfile") or context["appArmorProfile"] != apparmor(profile):
            found.append(f"{at}[{APPARMOR}{name}]: {APPARMOR_DEPRECATED}")
    return found


def apparmor(annotation: str) -> Obj | None:
    """The field that an AppArmor annotation stands for."""
    if annotation in ("unconfined", "runtime/default"):
        return {"type": "Unconfined" if annotation == "unconfined" else "RuntimeDefault"}
    profile = annotation.removeprefix("localhost/")
    return {"type": "Localhost", "localhostProfile": profile} if profile != annotation and profile.strip() else None


def _of_container(container: Obj, at: str) -> list[str]:
    found: list[str] = []
    resources = container.get("resources") or {}
    for name in _WHOLE_BYTES:
        for field in ("limits", "requests"):
            amount = (resources.get(field) or {}).get(name)
            if amount is not None:
                found += _fractions({name: amount}, f"{at}.resources.{field}")
    variables, seen = container.get("env") or (), set()
    for index, variable in enumerate(variables):
        name = variable.get("name", "")
        if name in seen and _hides(variable, f"$({name})"):
            hidden = f"hides previous definition of {quote(name)}, which may be dropped when using apply"
            found.append(f"{at}.env[{index}]: {hidden}")
        seen.add(name)
    return found


def _hides(variable: Obj, reference: str) -> bool:
    value = variable.get("value", "")
    return variable.get("valueFrom") is not None or value == reference or reference not in value


def _ports(spec: Obj, at: str) -> list[str]:
    found: list[str] = []
    named: list[str] = []
    seen: dict[tuple[int, str], list[tuple[str, Obj]]] = {}
    names_: dict[str, str] = {}
    for container, where in _containers(spec, at):
        for index, port in enumerate(container.get("ports") or ()):
            path = f"{where}.ports[{index}]"
            if port.get("hostIP") and not port.get("hostPort"):
                found.append(f"{path}: hostIP set without hostPort: {_go(port)}")
            others = seen.setdefault((port.get("containerPort", 0), port.get("protocol", "")), [])
            found += [f"{path}: {how} port definition with {other}" for other, how in _clashes(port, others)]
            others.append((path, port))
            name = port.get("name")
            if name in names_:
                first = names_[name]
                use = f"services and probes that select ports by name will use {first}"
                named.append(f"{path}: duplicate port name {quote(name)} with {first}, {use}")
            elif name:
                names_[name] = path
    return found + named


def _clashes(port: Obj, others: list[tuple[str, Obj]]) -> Iterator[tuple[str, str]]:
    mine, address = port.get("hostPort", 0), port.get("hostIP", "")
    for path, other in others:
        theirs, their_address = other.get("hostPort", 0), other.get("hostIP", "")
        if address == their_address and mine == theirs:
            yield path, "duplicate"
        elif not mine or not theirs:
            yield path, "overlapping"
        elif mine == theirs and bool(address) != bool(their_address):
            yield path, "dangerously ambiguous"


def _go(port: Obj) -> str:
    """A port as Go prints the structure."""
    fields = {
        "Name": port.get("name", ""),
        "HostPort": port.get("hostPort", 0),
        "ContainerPort": port.get("containerPort", 0),
        "Protocol": port.get("protocol", ""),
        "HostIP": port.get("hostIP", ""),
    }
    return "{" + " ".join(f"{name}:{value}" for name, value in fields.items()) + "}"


def _addresses(spec: Obj, at: str) -> list[str]:
    found = []
    for index, address in enumerate((spec.get("dnsConfig") or {}).get("nameservers") or ()):
        found += of_ip(f"{at}.dnsConfig.nameservers[{index}]", address)
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        found += of_ip(f"{at}.hostAliases[{index}].ip", alias.get("ip", ""))
    return found
