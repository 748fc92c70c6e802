"""ServiceAccount: every pod has an account that exists, and its containers the account's token."""

from collections.abc import Iterator

from wherry.api import Obj, kinds
from wherry.apiserver.admission.attributes import Attributes, Lister

KINDS = (kinds.POD,)

DEFAULT = "default"
VOLUME = "kube-api-access-"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_SECONDS = 3607  # a value that tells tokens that nobody asked for from others
MIRROR = "kubernetes.io/config.mirror"
ENFORCE = "kubernetes.io/enforce-mountable-secrets"


def mutate(lister: Lister, attributes: Attributes) -> None:
    if not attributes.concerns(kinds.POD, "CREATE"):
        return
    pod = attributes.new
    assert pod is not None
    spec = pod["spec"]
    if not _is_mirror(pod):
        spec.setdefault("serviceAccountName", DEFAULT)
        spec["serviceAccount"] = spec["serviceAccountName"]
        account = _account(lister, attributes, spec["serviceAccountName"])
        if spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True)):
            _mount_token(spec, attributes.suffix())
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [{"name": each["name"]} for each in account["imagePullSecrets"]]
    validate(lister, attributes)


def validate(lister: Lister, attributes: Attributes) -> None:
    pod = attributes.new
    if attributes.kind is not kinds.POD or pod is None:
        return
    if attributes.subresource == "ephemeralcontainers":
        _check_secrets(lister, attributes, pod["spec"], ephemeral=True)
    elif attributes.concerns(kinds.POD, "CREATE"):
        if _is_mirror(pod):
            _check_mirror(attributes, pod["spec"])
        else:
            _check_secrets(lister, attributes, pod["spec"], ephemeral=False)


def _is_mirror(pod: Obj) -> bool:
    return MIRROR in (pod["metadata"].get("annotations") or {})


def _account(lister: Lister, attributes: Attributes, name: str) -> Obj:
    namespace = attributes.namespace
    if not name:
        pod = (attributes.new or {})["metadata"].get("name", "")
        raise attributes.forbidden(f"no service account specified for pod {namespace}/{pod}")
    account = lister.get(kinds.SERVICE_ACCOUNT, name, namespace)
    if account is None:
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise attributes.forbidden(why)
    return account


def _mount_token(spec: Obj, suffix: str) -> None:
    """A token volume for the containers that mount nothing else at its place."""
    volumes = spec.get("volumes") or []
    known = next((volume["name"] for volume in volumes if volume.get("name", "").startswith(VOLUME)), "")
    name = known or VOLUME + suffix
    needed = False
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        mounts = container.setdefault("volumeMounts", [])
        if not any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
            mounts.append({"name": name, "readOnly": True, "mountPath": MOUNT_PATH})
            needed = True
    if needed and not known:
        spec["volumes"] = [*volumes, {"name": name, "projected": _token_sources()}]


def _token_sources() -> Obj:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [namespace]}},
        ],
        "defaultMode": 0o644,
    }


def _check_mirror(attributes: Attributes, spec: Obj) -> None:
    """A pod that a node shows for a file of its own has nothing of the cluster's."""
    if spec.get("serviceAccountName"):
        raise attributes.forbidden("a mirror pod may not reference service accounts")
    if any(True for _ in _secret_uses(spec, ("initContainers", "containers", "ephemeralContainers"))) or any(
        "secret" in volume for volume in spec.get("volumes") or ()
    ):
        raise attributes.forbidden("a mirror pod may not reference secrets")
    for volume in spec.get("volumes") or ():
        for source in (volume.get("projected") or {}).get("sources") or ():
            if "serviceAccountToken" in source:
                raise attributes.forbidden("a mirror pod may not use ServiceAccountToken volume projections")


_KINDS = {"initContainers": "init container", "containers": "container", "ephemeralContainers": "ephemeral container"}


def _secret_uses(spec: Obj, lists: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Secrets in containers' environments: (where, name)."""
    for field in lists:
        for container in spec.get(field) or ():
            where = f"{_KINDS[field]} {container.get('name')}"
            for variable in container.get("env") or ():
                reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
                if reference:
                    yield f"{where} with envVar {variable.get('name')} referencing", reference.get("name", "")
            for source in container.get("envFrom") or ():
                if source.get("secretRef"):
                    yield f"{where} with envFrom referencing", source["secretRef"].get("name", "")


def _check_secrets(lister: Lister, attributes: Attributes, spec: Obj, ephemeral: bool) -> None:
    """Accounts may insist that pods use only the secrets that they name."""
    account = _account(lister, attributes, spec.get("serviceAccountName", ""))
    wish = (account["metadata"].get("annotations") or {}).get(ENFORCE, "")
    if wish not in ("1", "t", "T", "TRUE", "true", "True"):
        return
    name = account["metadata"]["name"]
    allowed = {each.get("name") for each in account.get("secrets") or ()}
    because = f"is not allowed because service account {name} does not reference that secret"
    if not ephemeral:
        for volume in spec.get("volumes") or ():
            secret = (volume.get("secret") or {}).get("secretName")
            if secret and secret not in allowed:
                raise attributes.forbidden(f'volume with secret.secretName="{secret}" {because}')
    lists = ("ephemeralContainers",) if ephemeral else ("initContainers", "containers")
    for where, secret in _secret_uses(spec, lists):
        if secret not in allowed:
            raise attributes.forbidden(f'{where} secret.secretName="{secret}" {because}')
    if not ephemeral:
        _check_pull_secrets(attributes, spec, account)


def _check_pull_secrets(attributes: Attributes, spec: Obj, account: Obj) -> None:
    allowed = {each.get("name") for each in account.get("imagePullSecrets") or ()}
    for index, reference in enumerate(spec.get("imagePullSecrets") or ()):
        if reference.get("name") not in allowed:
            raise attributes.forbidden(
                f'imagePullSecrets[{index}].name="{reference.get("name")}" is not allowed because service account '
                f"{account['metadata']['name']} does not reference that imagePullSecret"
            )
