"""Keys, certificates and kubeconfigs of a cluster's parts, made before the parts start.

The API server makes its own server certificate, and renews the kubeconfigs in its data directory each time it starts;
here they are made so that no part has to wait for another's file.
"""

from wherry.client import kubeconfig
from wherry.client.kubeconfig import Access
from wherry.local.config import ClusterConfig, NodeConfig
from wherry.local.layout import Layout
from wherry.pki import identities
from wherry.pki.authority import Authority
from wherry.pki.identities import Identity

AUTHORITY = "wherry"


def issue(config: ClusterConfig, layout: Layout) -> None:
    """Everything that the parts need, anew. Parts that run go on with what they have read."""
    authority = Authority.load_or_create(layout.pki, AUTHORITY)
    here = f"https://127.0.0.1:{config.port}"
    kubeconfig.write(layout.admin_kubeconfig, _document(authority, here, identities.ADMIN))
    for component, identity in identities.COMPONENTS.items():
        kubeconfig.write(layout.component_kubeconfig(component), _document(authority, here, identity))
    for node in config.nodes:
        _issue_node(authority, config, layout, node)


def access(layout: Layout, config: ClusterConfig) -> Access:
    """The administrator's access by the address that works from the host and from every node."""
    found = kubeconfig.load(layout.admin_kubeconfig)
    return Access(_server(config), found.ca, found.certificate, found.key)


def _issue_node(authority: Authority, config: ClusterConfig, layout: Layout, node: NodeConfig) -> None:
    directory = layout.node(node.name)
    identity = identities.node(node.name)
    kubeconfig.write(directory / "kubeconfig", _document(authority, _server(config), identity))
    issued = authority.issue(*identity, hosts=(node.name, node.address, "127.0.0.1"), usages=("server",))
    issued.write(directory / "server.crt", directory / "server.key")


def _document(authority: Authority, server: str, identity: Identity) -> dict[str, object]:
    issued = authority.issue_client(identity)
    own = Access(server, authority.certificate_pem, issued.cert_pem, issued.key_pem)
    return kubeconfig.document(identity.common_name, own)


def _server(config: ClusterConfig) -> str:
    return f"https://{config.gateway}:{config.port}"
