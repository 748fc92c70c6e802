"""A kubeconfig with one cluster, one user and one context, for a component or for the administrator."""

import json
from base64 import b64encode

from wherry.pki.authority import Authority
from wherry.pki.identities import Identity


def kubeconfig(authority: Authority, server: str, identity: Identity, name: str = "wherry") -> bytes:
    """`server`: the API server's base URL. `name`: of the cluster and the context. JSON, which is YAML."""
    issued = authority.issue_client(identity)
    user = {"client-certificate-data": _base64(issued.cert_pem), "client-key-data": _base64(issued.key_pem)}
    cluster = {"server": server, "certificate-authority-data": _base64(authority.certificate_pem)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": identity.common_name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": identity.common_name}}],
        "current-context": name,
    }
    return json.dumps(config, indent=2).encode()


def _base64(pem: bytes) -> str:
    return b64encode(pem).decode()
