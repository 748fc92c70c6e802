"""The roles and bindings that every cluster starts with, read from `policy.txt`, which explains its own form."""

from dataclasses import dataclass, field
from importlib.resources import files

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind

GROUP = kinds.ROLE.group
AGGREGATE = f"{GROUP}/aggregate-to-"
LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
_SUBJECTS = {"user": "User", "group": "Group"}


@dataclass(slots=True)
class Policy:
    """Kinds with their objects, roles before the bindings that name them."""

    objects: list[tuple[Kind, Obj]] = field(default_factory=list)

    def rules(self, role: str) -> list[Obj]:
        """The rules of a ClusterRole."""
        found: list[Obj] = next(
            obj["rules"]
            for kind, obj in self.objects
            if kind is kinds.CLUSTER_ROLE and obj["metadata"]["name"] == role
        )
        return found


def load() -> Policy:
    policy = Policy()
    rules: list[Obj] = []
    for line in files(__package__).joinpath("policy.txt").read_text().splitlines():
        if line.startswith("role "):
            rules = []
            policy.objects.append(_role(line.split()[1:], rules, policy))
        elif line.startswith("bind "):
            policy.objects.append(_binding(line))
        elif line.startswith(" "):
            rules.append(_rule(line))
    return policy


def _rule(line: str) -> Obj:
    verbs, *columns = (column.split() for column in line.split("|"))
    if len(columns) == 1:
        return {"verbs": verbs, "nonResourceURLs": columns[0]}
    groups = ["" if group == "core" else group for group in columns[0]]
    rule = {"verbs": verbs, "apiGroups": groups, "resources": columns[1]}
    return rule | ({"resourceNames": columns[2]} if len(columns) > 2 else {})


def _metadata(path: str) -> Obj:
    namespace, _, name = path.rpartition("/")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return metadata | {"labels": dict(LABELS), "annotations": dict(ANNOTATIONS)}


def _role(words: list[str], rules: list[Obj], policy: Policy) -> tuple[Kind, Obj]:
    metadata = _metadata(words[0])
    options = dict(word.split("=") for word in words[1:])
    role: Obj = {"metadata": metadata, "rules": rules}
    if "to" in options:
        metadata["labels"][AGGREGATE + options["to"]] = "true"
    if "of" in options:
        role["rules"] = None
        selector = {"matchLabels": {AGGREGATE + options["of"]: "true"}}
        role["aggregationRule"] = {"clusterRoleSelectors": [selector]}
    if "union" in options:
        rules += _union(policy, options["union"])
    return (kinds.ROLE if "namespace" in metadata else kinds.CLUSTER_ROLE), role


def _union(policy: Policy, prefix: str) -> list[Obj]:
    found: list[Obj] = []
    for kind, obj in policy.objects:
        if kind is kinds.CLUSTER_ROLE and obj["metadata"]["name"].startswith(prefix):
            found += [rule for rule in obj["rules"] if rule not in found]
    return found


def _binding(line: str) -> tuple[Kind, Obj]:
    head, _, subjects = line.partition(" to")
    path, *options = head.split()[1:]
    metadata = _metadata(path)
    kind = kinds.ROLE_BINDING if "namespace" in metadata else kinds.CLUSTER_ROLE_BINDING
    role = options[0].removeprefix("role=") if options else metadata["name"]
    reference = {"apiGroup": GROUP, "kind": kind.kind.removesuffix("Binding"), "name": role}
    binding: Obj = {"metadata": metadata, "roleRef": reference}
    if subjects.split():
        binding["subjects"] = [_subject(subject) for subject in subjects.split()]
    return kind, binding


def _subject(text: str) -> Obj:
    kind, _, name = text.partition(":")
    if kind == "account":
        namespace, _, name = name.partition("/")
        return {"kind": kinds.SERVICE_ACCOUNT.kind, "name": name, "namespace": namespace}
    return {"kind": _SUBJECTS[kind], "apiGroup": GROUP, "name": name}
