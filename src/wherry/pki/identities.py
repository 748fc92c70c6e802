"""Who the cluster's components are: the user name (CN) and groups (O) in each client certificate.

The names are Kubernetes' own (https://kubernetes.io/docs/setup/best-practices/certificates/), because RBAC's
built-in roles and node authorisation go by them.
"""

from typing import NamedTuple


class Identity(NamedTuple):
    common_name: str
    organizations: tuple[str, ...] = ()


ADMIN = Identity("kubernetes-admin", ("system:masters",))
CONTROLLER_MANAGER = Identity("system:kube-controller-manager")
SCHEDULER = Identity("system:kube-scheduler")
PROXY = Identity("system:kube-proxy")
KUBELET_CLIENT = Identity("kube-apiserver-kubelet-client", ("system:masters",))  # the API server towards nodes

# The components that have a kubeconfig of their own in the API server's data directory, by file name.
COMPONENTS = {"controller-manager": CONTROLLER_MANAGER, "scheduler": SCHEDULER, "proxy": PROXY}


def node(name: str) -> Identity:
    """The node agent of node `name`."""
    return Identity(f"system:node:{name}", ("system:nodes",))
