"""The API server and its store: flags, keys and certificates, kubeconfigs, listen, stop."""

import argparse
import asyncio
import errno
import gc
import ipaddress
import json
import logging
import signal
import socket
import ssl
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from wherry.pki import authority, identities
from wherry.pki.files import write_private
from wherry.pki.identities import Identity
from wherry.store import BACKENDS, Store, StoreError

log = logging.getLogger(__name__)

EXIT_USAGE = 2
EXIT_PORT_IN_USE = 98  # errno's EADDRINUSE
SERVICE_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


class StartError(Exception):
    """The server cannot start; the message is for the user."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Flags:
    """What `wherry apiserver` was told."""

    data_dir: Path
    port: int = 8443
    bind_address: list[str] = field(default_factory=list)
    advertise_address: str = ""
    token_auth_file: Path | None = None
    service_cidr: str = "10.96.0.0/12"
    store: str = "sqlite"
    audit_log_path: str = ""
    audit_policy_file: Path | None = None
    audit_log_maxsize: int = 0
    audit_log_maxbackup: int = 0
    audit_log_maxage: int = 0

    @property
    def addresses(self) -> list[str]:
        return self.bind_address or ["127.0.0.1"]

    @property
    def advertised(self) -> str:
        return self.advertise_address or next((a for a in self.addresses if a not in ("0.0.0.0", "::")), "127.0.0.1")


def run(flags: Flags) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    import uvloop

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # A request makes hundreds of objects and no cycles: the usual thresholds would look through them all the time.
    gc.set_threshold(50_000, 50, 1000)
    try:
        uvloop.run(_serve(flags))
    except StartError as error:
        print(f"wherry apiserver: {error}", file=sys.stderr)
        return error.code
    return 0


async def _serve(flags: Flags) -> None:
    from wherry.aio.http.server import serve

    pki = _pki(flags)
    api = _build(flags, pki)
    await api.start()
    try:
        server = await serve(api.handler, host=flags.addresses, port=flags.port, ssl_context=pki.context)
    except OSError as error:
        await api.close()
        raise _cannot_listen(flags, error) from error
    _write_kubeconfigs(flags, pki, server.port)
    log.info("serving on %s port %d", ", ".join(flags.addresses), server.port)
    await _until_signalled()
    log.info("stopping")
    api.end_watches()
    await server.close()
    await api.close()


async def _until_signalled() -> None:
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    await done.wait()


def _cannot_listen(flags: Flags, error: OSError) -> StartError:
    where = f"{', '.join(flags.addresses)} port {flags.port}"
    if error.errno == errno.EADDRINUSE:
        remedy = f"see who has it with `ss -ltnp sport = :{flags.port}`, or choose another with --port"
        return StartError(f"{where} is already in use: {remedy}", EXIT_PORT_IN_USE)
    return StartError(f"cannot listen on {where}: {error.strerror or error}")


def _build(flags: Flags, pki: "Pki") -> Any:
    """The server's parts, over the store that the flags name."""
    from wherry.apiserver.authn import tokenfile
    from wherry.apiserver.authn.certificates import by_certificate
    from wherry.apiserver.authn.tokens import Keys
    from wherry.apiserver.core import Settings
    from wherry.apiserver.nodes import Tunnel
    from wherry.apiserver.server import ApiServer

    methods: list[Any] = [by_certificate]
    if flags.token_auth_file:
        try:
            methods.append(tokenfile.read(flags.token_auth_file))
        except tokenfile.TokenFileError as error:
            raise StartError(str(error), EXIT_USAGE) from error
    settings = Settings(service_cidr=flags.service_cidr, advertise_address=flags.advertised, port=flags.port)
    keys, tunnel = Keys(*pki.accounts), Tunnel(pki.to_nodes())
    server = ApiServer(_open_store(flags), settings, methods, keys, tunnel)
    server.api.audit = _audit(flags)
    return server


def _audit(flags: Flags) -> Any:
    """The audit log, if there is to be one. Without a policy it has every request once, without objects."""
    if not flags.audit_log_path:
        return None
    from wherry.apiserver.audit import Audit, policyfile
    from wherry.apiserver.audit.plan.policy import METADATA_OF_ALL, PolicyError
    from wherry.apiserver.audit.writer import AuditError, Limits, Writer
    from wherry.lib.clock import SystemClock

    limits, clock = Limits(flags.audit_log_maxsize, flags.audit_log_maxbackup, flags.audit_log_maxage), SystemClock()
    try:
        rules = policyfile.read(flags.audit_policy_file) if flags.audit_policy_file else METADATA_OF_ALL
        return Audit(rules, Writer(flags.audit_log_path, limits, clock), clock)
    except (PolicyError, AuditError) as error:
        raise StartError(str(error), EXIT_USAGE) from error


def _open_store(flags: Flags) -> Store:
    try:
        store: Store = import_module(BACKENDS[flags.store]).open(str(flags.data_dir / "store.db"))
        return store
    except StoreError as error:
        raise StartError(f"the store in {flags.data_dir} cannot be opened: {error}") from error


@dataclass(slots=True)
class Pki:
    """The authority and what the server shows its clients."""

    ca: authority.Authority
    accounts: authority.KeyPair
    context: ssl.SSLContext
    directory: Path

    def to_nodes(self) -> ssl.SSLContext:
        """How the server shows itself to nodes, and whom it believes there."""
        certificate, key = self.directory / "kubelet-client.crt", self.directory / "kubelet-client.key"
        self.ca.issue_client(identities.KUBELET_CLIENT).write(certificate, key)
        context = ssl.create_default_context(cadata=self.ca.certificate_pem.decode())
        context.load_cert_chain(certificate, key)
        return context


def _pki(flags: Flags) -> Pki:
    directory = flags.data_dir / "pki"
    try:
        flags.data_dir.mkdir(parents=True, exist_ok=True)
        ca = authority.Authority.load_or_create(directory, "wherry")
        accounts = authority.service_account_keys(directory)
    except (OSError, authority.PkiError) as error:
        raise StartError(f"{directory}: {error}") from error
    certificate, key = directory / "apiserver.crt", directory / "apiserver.key"
    ca.issue("kube-apiserver", hosts=_hosts(flags), usages=("server",)).write(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(cadata=ca.certificate_pem.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    return Pki(ca, accounts, context, directory)


def _hosts(flags: Flags) -> list[str]:
    """Every name and address that a client may know the server by."""
    first = str(next(ipaddress.ip_network(flags.service_cidr, strict=False).hosts()))
    bound = [address for address in flags.addresses if address not in ("0.0.0.0", "::")]
    return [*SERVICE_NAMES, socket.gethostname(), "127.0.0.1", first, flags.advertised, *bound]


def _write_kubeconfigs(flags: Flags, pki: Pki, port: int) -> None:
    """For the administrator and for each component that has an identity of its own."""
    server = f"https://{_dialled(flags)}:{port}"
    _write_kubeconfig(flags.data_dir / "admin.kubeconfig", server, pki, identities.ADMIN)
    for name, identity in identities.COMPONENTS.items():
        _write_kubeconfig(flags.data_dir / "kubeconfig" / name, server, pki, identity)


def _dialled(flags: Flags) -> str:
    """The address that local clients connect to."""
    first = flags.addresses[0]
    host = "127.0.0.1" if first in ("0.0.0.0", "::") else first
    return f"[{host}]" if ":" in host else host


def _write_kubeconfig(path: Path, server: str, pki: Pki, identity: Identity) -> None:
    from base64 import b64encode

    issued = pki.ca.issue_client(identity)
    name = identity.common_name
    cluster = {"server": server, "certificate-authority-data": b64encode(pki.ca.certificate_pem).decode()}
    user = {
        "client-certificate-data": b64encode(issued.cert_pem).decode(),
        "client-key-data": b64encode(issued.key_pem).decode(),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "wherry", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "wherry", "context": {"cluster": "wherry", "user": name}}],
        "current-context": "wherry",
    }
    write_private(path, json.dumps(config, indent=2).encode())  # JSON is YAML


def parse(arguments: list[str] | None = None) -> Flags:
    """Flags from a command line."""
    parser = argparse.ArgumentParser(prog="wherry apiserver", description="Run the API server alone.")
    parser.add_argument("--data-dir", type=Path, required=True, help="where the store, keys and kubeconfigs are")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--bind-address", action="append", default=[], help="may be given more than once")
    parser.add_argument("--advertise-address", default="", help="the address that the cluster knows the server by")
    parser.add_argument("--token-auth-file", type=Path, help='lines of token,user,uid,"groups"')
    parser.add_argument("--service-cidr", default="10.96.0.0/12")
    parser.add_argument("--store", choices=sorted(BACKENDS), default="sqlite")
    parser.add_argument("--audit-log-path", default="", help="record requests here; - is standard output")
    parser.add_argument("--audit-policy-file", type=Path, help="which requests, and how much of them")
    parser.add_argument("--audit-log-maxsize", type=int, default=0, help="megabytes until a new file is started")
    parser.add_argument("--audit-log-maxbackup", type=int, default=0, help="how many old files are kept")
    parser.add_argument("--audit-log-maxage", type=int, default=0, help="for how many days old files are kept")
    return Flags(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(run(parse()))
