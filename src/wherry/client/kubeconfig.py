"""Kubeconfig files: where a cluster is and who one is there.

Reading follows kubectl: `$KUBECONFIG` (a list of files, the first that names a thing wins), else `~/.kube/config`.
Writing changes only the entries of one context, keeps everything else, holds kubectl's lock file meanwhile, and
replaces the file in one step with mode 0600.
"""

import base64
import binascii
import os
import ssl
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LOCK_WAIT = 2.0  # seconds
SECTIONS = ("clusters", "contexts", "users")
UNSUPPORTED_USERS = ("exec", "auth-provider", "username")

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class KubeconfigError(Exception):
    """A kubeconfig cannot be read, written, or does not say what is needed. The message names the file."""


@dataclass(frozen=True, slots=True)
class Access:
    """One context, its files read. Certificates and keys are PEM."""

    server: str
    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    namespace: str = "default"
    tls_server_name: str = ""
    insecure: bool = False


def default_paths(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """The files that kubectl would read, in order."""
    listed = [Path(name) for name in environment.get("KUBECONFIG", "").split(os.pathsep) if name]
    return listed or [Path("~/.kube/config").expanduser()]


def load(path: Path | None = None, context: str = "") -> Access:
    """The access of a context (else of the current one) from a file (else from the default ones)."""
    paths = [path] if path is not None else [each for each in default_paths() if each.exists()]
    if not paths:
        raise KubeconfigError(f"there is no kubeconfig at {default_paths()[0]}")
    documents = [(each, read(each)) for each in paths]
    name = context or next((str(d["current-context"]) for _, d in documents if d.get("current-context")), "")
    where = " and ".join(str(each) for each in paths)
    if not name:
        raise KubeconfigError(f"{where}: no context is current")
    _, chosen = _find(documents, "contexts", name, where)
    cluster_path, cluster = _find(documents, "clusters", str(chosen.get("cluster")), where)
    user_path, user = _find(documents, "users", str(chosen.get("user")), where)
    return _access(chosen, (cluster_path, cluster), (user_path, user))


def read(path: Path) -> dict[str, Any]:
    """The document in a file, {} if it is empty or missing. Raises KubeconfigError."""
    try:
        document = yaml.load(path.read_bytes(), _Loader)
    except FileNotFoundError:
        return {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"{path}: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict) or not all(isinstance(document.get(part) or [], list) for part in SECTIONS):
        raise KubeconfigError(f"{path}: not a kubeconfig")
    return document


def document(name: str, access: Access) -> dict[str, Any]:
    """A kubeconfig with one context, certificates inside."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": _cluster(access)}],
        "contexts": [{"name": name, "context": {"cluster": name, "namespace": access.namespace, "user": name}}],
        "users": [{"name": name, "user": _user(access)}],
        "current-context": name,
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file in one step; its owner stays, its mode becomes 0600."""
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:  # mkstemp gives mode 0600
                file.write(yaml.dump(dict(content), Dumper=_Dumper, encoding="utf-8", sort_keys=False))
                file.flush()
                os.fsync(file.fileno())
            owner = (target if target.exists() else target.parent).stat()
            if os.geteuid() == 0:
                os.chown(temporary, owner.st_uid, owner.st_gid)
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise KubeconfigError(f"{path}: cannot be written: {error}") from error


def merge(path: Path, name: str, access: Access, current: bool = True) -> None:
    """Put a context, its cluster and its user, all called `name`, into a file; make it the current one."""
    with _locked(path):
        content, added = read(path), document(name, access)
        for part in SECTIONS:
            kept = [entry for entry in content.get(part) or [] if entry.get("name") != name]
            content[part] = kept + added[part]
        if current or not content.get("current-context"):
            content["current-context"] = name
        write(path, {"apiVersion": "v1", "kind": "Config", **content})


def select(path: Path, name: str) -> bool:
    """Make a context the current one. False if there is no such context."""
    if not path.exists():
        return False
    with _locked(path):
        content = read(path)
        found = any(entry.get("name") == name for entry in content.get("contexts") or [])
        if found:
            write(path, {**content, "current-context": name})
    return found


def remove(path: Path, name: str) -> bool:
    """Take a context that `merge` put there out again. False if it was not there."""
    if not path.exists():
        return False
    with _locked(path):
        content = read(path)
        found = False
        for part in SECTIONS:
            entries = content.get(part) or []
            content[part] = [entry for entry in entries if entry.get("name") != name]
            found = found or len(content[part]) != len(entries)
        if found:
            if content.get("current-context") == name:
                content["current-context"] = ""
            write(path, content)
    return found


def ssl_context(access: Access) -> ssl.SSLContext:
    """How to verify the server and show who one is. Raises KubeconfigError for unusable certificates."""
    try:
        context = ssl.create_default_context(cadata=access.ca.decode() if access.ca else None)
        if access.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if access.certificate:
            with _unnamed_file(access.certificate + b"\n" + access.key) as pem:
                context.load_cert_chain(pem)
    except (ssl.SSLError, ValueError) as error:
        raise KubeconfigError(f"the certificates for {access.server} cannot be used: {error}") from error
    return context


def _cluster(access: Access) -> dict[str, Any]:
    cluster: dict[str, Any] = {"server": access.server}
    if access.ca:
        cluster["certificate-authority-data"] = base64.b64encode(access.ca).decode()
    if access.insecure:
        cluster["insecure-skip-tls-verify"] = True
    if access.tls_server_name:
        cluster["tls-server-name"] = access.tls_server_name
    return cluster


def _user(access: Access) -> dict[str, Any]:
    user: dict[str, Any] = {}
    if access.certificate:
        user["client-certificate-data"] = base64.b64encode(access.certificate).decode()
        user["client-key-data"] = base64.b64encode(access.key).decode()
    if access.token:
        user["token"] = access.token
    return user


def _access(context: Mapping[str, Any], cluster: tuple[Path, Any], user: tuple[Path, Any]) -> Access:
    (cluster_path, place), (user_path, who) = cluster, user
    if not place.get("server"):
        raise KubeconfigError(f"{cluster_path}: the cluster has no server")
    for way in UNSUPPORTED_USERS:
        if who.get(way):
            raise KubeconfigError(f"{user_path}: users with {way!r} are not supported, only certificates and tokens")
    token = who.get("token") or ""
    if not token and who.get("tokenFile"):
        token = _file(user_path, who["tokenFile"]).decode().strip()
    return Access(
        server=str(place["server"]),
        ca=_data(cluster_path, place, "certificate-authority"),
        certificate=_data(user_path, who, "client-certificate"),
        key=_data(user_path, who, "client-key"),
        token=str(token),
        namespace=context.get("namespace") or "default",
        tls_server_name=place.get("tls-server-name") or "",
        insecure=bool(place.get("insecure-skip-tls-verify")),
    )


def _find(documents: list[tuple[Path, dict[str, Any]]], part: str, name: str, where: str) -> tuple[Path, Any]:
    for path, content in documents:
        for entry in content.get(part) or []:
            if isinstance(entry, dict) and entry.get("name") == name:
                return path, entry.get(part[:-1]) or {}
    raise KubeconfigError(f"{where}: there is no {part[:-1]} {name!r}")


def _data(path: Path, entry: Mapping[str, Any], field: str) -> bytes:
    """`field`-data in base64, else the file that `field` names, relative to the kubeconfig."""
    if entry.get(f"{field}-data"):
        try:
            return base64.b64decode(entry[f"{field}-data"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise KubeconfigError(f"{path}: {field}-data is not base64") from error
    return _file(path, entry[field]) if entry.get(field) else b""


def _file(kubeconfig: Path, name: str) -> bytes:
    path = kubeconfig.parent / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise KubeconfigError(f"{kubeconfig}: {error}") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """kubectl's own lock: a file beside, made exclusively."""
    lock = path.parent / f"{path.name}.lock"
    deadline = time.monotonic() + LOCK_WAIT
    while True:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise KubeconfigError(f"{path} is locked; remove {lock} if nothing else uses it") from None
            time.sleep(0.05)
        except OSError as error:
            raise KubeconfigError(f"{path}: cannot be locked: {error}") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


@contextmanager
def _unnamed_file(content: bytes) -> Iterator[str]:
    """A path to a file in memory: OpenSSL reads certificates from files alone, and keys shall not touch a disk."""
    descriptor = os.memfd_create("pem")
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
