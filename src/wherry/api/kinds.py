"""Every built-in resource of Kubernetes v1.36, one row each, in the order that discovery lists them.

This is the only place where a built-in kind is declared. Source: the discovery documents of v1.36.2.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

EVERY_VERB = "create delete deletecollection get list patch update watch"
NO_DELETECOLLECTION = "create delete get list patch update watch"
CREATE_ONLY = "create"


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource: how it is named in paths and manifests, and what can be done with it.

    `stored` is the kind whose objects these are, for a second view of the same data (events.k8s.io Events are
    core Events). `subresources` are the path elements after the object's name.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = tuple(EVERY_VERB.split())
    subresources: tuple[str, ...] = ()
    stored: "Kind | None" = None

    def __hash__(self) -> int:
        return hash((self.group, self.kind, self.plural))

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`: what stands in an object's apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def resource(self) -> str:
        """`pods`, `deployments.apps`: how messages and RBAC name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def list_kind(self) -> str:
        return f"{self.kind}List"

    @property
    def prefix(self) -> str:
        """`/api/v1`, `/apis/apps/v1`: where its paths begin."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The request path of a collection, an object or a sub-resource. A namespaced kind without a namespace
        is the collection over all namespaces."""
        parts = [self.prefix]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


KINDS: list[Kind] = []


def _kind(
    api_version: str,
    kind: str,
    plural: str,
    short: str = "",
    namespaced: bool = True,
    categories: str = "",
    verbs: str = EVERY_VERB,
    sub: str = "",
    stored: Kind | None = None,
) -> Kind:
    """One row of the table; the parameters are its columns."""
    group, _, version = api_version.rpartition("/")
    row = Kind(
        group, version, kind, plural, namespaced, tuple(short.split()), tuple(categories.split()),
        tuple(verbs.split()), tuple(sub.split()), stored,
    )  # fmt: skip
    KINDS.append(row)
    return row


# v1
BINDING = _kind("v1", "Binding", "bindings", verbs=CREATE_ONLY)
COMPONENT_STATUS = _kind("v1", "ComponentStatus", "componentstatuses", short="cs", namespaced=False, verbs="get list")
CONFIG_MAP = _kind("v1", "ConfigMap", "configmaps", short="cm")
ENDPOINTS = _kind("v1", "Endpoints", "endpoints", short="ep")
EVENT = _kind("v1", "Event", "events", short="ev")
LIMIT_RANGE = _kind("v1", "LimitRange", "limitranges", short="limits")
NAMESPACE = _kind(
    "v1",
    "Namespace",
    "namespaces",
    short="ns",
    namespaced=False,
    verbs=NO_DELETECOLLECTION,
    sub="finalize status",
)
NODE = _kind("v1", "Node", "nodes", short="no", namespaced=False, sub="proxy status")
PERSISTENT_VOLUME_CLAIM = _kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", short="pvc", sub="status")
PERSISTENT_VOLUME = _kind("v1", "PersistentVolume", "persistentvolumes", short="pv", namespaced=False, sub="status")
POD = _kind(
    "v1",
    "Pod",
    "pods",
    short="po",
    categories="all",
    sub="attach binding ephemeralcontainers eviction exec log portforward proxy resize status",
)
POD_TEMPLATE = _kind("v1", "PodTemplate", "podtemplates")
REPLICATION_CONTROLLER = _kind(
    "v1", "ReplicationController", "replicationcontrollers", short="rc", categories="all", sub="scale status"
)
RESOURCE_QUOTA = _kind("v1", "ResourceQuota", "resourcequotas", short="quota", sub="status")
SECRET = _kind("v1", "Secret", "secrets")
SERVICE_ACCOUNT = _kind("v1", "ServiceAccount", "serviceaccounts", short="sa", sub="token")
SERVICE = _kind("v1", "Service", "services", short="svc", categories="all", sub="proxy status")

# apiregistration.k8s.io/v1
API_SERVICE = _kind(
    "apiregistration.k8s.io/v1",
    "APIService",
    "apiservices",
    namespaced=False,
    categories="api-extensions",
    sub="status",
)

# apps/v1
CONTROLLER_REVISION = _kind("apps/v1", "ControllerRevision", "controllerrevisions")
DAEMON_SET = _kind("apps/v1", "DaemonSet", "daemonsets", short="ds", categories="all", sub="status")
DEPLOYMENT = _kind("apps/v1", "Deployment", "deployments", short="deploy", categories="all", sub="scale status")
REPLICA_SET = _kind("apps/v1", "ReplicaSet", "replicasets", short="rs", categories="all", sub="scale status")
STATEFUL_SET = _kind("apps/v1", "StatefulSet", "statefulsets", short="sts", categories="all", sub="scale status")

# events.k8s.io/v1
EVENTS_EVENT = _kind("events.k8s.io/v1", "Event", "events", short="ev", stored=EVENT)

# authentication.k8s.io/v1
SELF_SUBJECT_REVIEW = _kind(
    "authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False, verbs=CREATE_ONLY
)
TOKEN_REVIEW = _kind("authentication.k8s.io/v1", "TokenReview", "tokenreviews", namespaced=False, verbs=CREATE_ONLY)

# authorization.k8s.io/v1
LOCAL_SUBJECT_ACCESS_REVIEW = _kind(
    "authorization.k8s.io/v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=CREATE_ONLY
)
SELF_SUBJECT_ACCESS_REVIEW = _kind(
    "authorization.k8s.io/v1",
    "SelfSubjectAccessReview",
    "selfsubjectaccessreviews",
    namespaced=False,
    verbs=CREATE_ONLY,
)
SELF_SUBJECT_RULES_REVIEW = _kind(
    "authorization.k8s.io/v1",
    "SelfSubjectRulesReview",
    "selfsubjectrulesreviews",
    namespaced=False,
    verbs=CREATE_ONLY,
)
SUBJECT_ACCESS_REVIEW = _kind(
    "authorization.k8s.io/v1",
    "SubjectAccessReview",
    "subjectaccessreviews",
    namespaced=False,
    verbs=CREATE_ONLY,
)

# autoscaling/v2
HORIZONTAL_POD_AUTOSCALER = _kind(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    short="hpa",
    categories="all",
    sub="status",
)

# autoscaling/v1
HORIZONTAL_POD_AUTOSCALER_V1 = _kind(
    "autoscaling/v1",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    short="hpa",
    categories="all",
    sub="status",
    stored=HORIZONTAL_POD_AUTOSCALER,
)

# batch/v1
CRON_JOB = _kind("batch/v1", "CronJob", "cronjobs", short="cj", categories="all", sub="status")
JOB = _kind("batch/v1", "Job", "jobs", categories="all", sub="status")

# certificates.k8s.io/v1
CERTIFICATE_SIGNING_REQUEST = _kind(
    "certificates.k8s.io/v1",
    "CertificateSigningRequest",
    "certificatesigningrequests",
    short="csr",
    namespaced=False,
    sub="approval status",
)

# networking.k8s.io/v1
INGRESS_CLASS = _kind("networking.k8s.io/v1", "IngressClass", "ingressclasses", namespaced=False)
INGRESS = _kind("networking.k8s.io/v1", "Ingress", "ingresses", short="ing", sub="status")
IP_ADDRESS = _kind("networking.k8s.io/v1", "IPAddress", "ipaddresses", short="ip", namespaced=False)
NETWORK_POLICY = _kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", short="netpol")
SERVICE_CIDR = _kind("networking.k8s.io/v1", "ServiceCIDR", "servicecidrs", namespaced=False, sub="status")

# policy/v1
POD_DISRUPTION_BUDGET = _kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", short="pdb", sub="status")

# rbac.authorization.k8s.io/v1
CLUSTER_ROLE_BINDING = _kind(
    "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False
)
CLUSTER_ROLE = _kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False)
ROLE_BINDING = _kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
ROLE = _kind("rbac.authorization.k8s.io/v1", "Role", "roles")

# storage.k8s.io/v1
CSI_DRIVER = _kind("storage.k8s.io/v1", "CSIDriver", "csidrivers", namespaced=False)
CSI_NODE = _kind("storage.k8s.io/v1", "CSINode", "csinodes", namespaced=False)
CSI_STORAGE_CAPACITY = _kind("storage.k8s.io/v1", "CSIStorageCapacity", "csistoragecapacities")
STORAGE_CLASS = _kind("storage.k8s.io/v1", "StorageClass", "storageclasses", short="sc", namespaced=False)
VOLUME_ATTACHMENT = _kind(
    "storage.k8s.io/v1", "VolumeAttachment", "volumeattachments", namespaced=False, sub="status"
)
VOLUME_ATTRIBUTES_CLASS = _kind(
    "storage.k8s.io/v1", "VolumeAttributesClass", "volumeattributesclasses", short="vac", namespaced=False
)

# admissionregistration.k8s.io/v1
MUTATING_ADMISSION_POLICY = _kind(
    "admissionregistration.k8s.io/v1",
    "MutatingAdmissionPolicy",
    "mutatingadmissionpolicies",
    namespaced=False,
    categories="api-extensions",
)
MUTATING_ADMISSION_POLICY_BINDING = _kind(
    "admissionregistration.k8s.io/v1",
    "MutatingAdmissionPolicyBinding",
    "mutatingadmissionpolicybindings",
    namespaced=False,
    categories="api-extensions",
)
MUTATING_WEBHOOK_CONFIGURATION = _kind(
    "admissionregistration.k8s.io/v1",
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    namespaced=False,
    categories="api-extensions",
)
VALIDATING_ADMISSION_POLICY = _kind(
    "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
    namespaced=False,
    categories="api-extensions",
    sub="status",
)
VALIDATING_ADMISSION_POLICY_BINDING = _kind(
    "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    namespaced=False,
    categories="api-extensions",
)
VALIDATING_WEBHOOK_CONFIGURATION = _kind(
    "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    namespaced=False,
    categories="api-extensions",
)

# apiextensions.k8s.io/v1
CUSTOM_RESOURCE_DEFINITION = _kind(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    short="crd crds",
    namespaced=False,
    categories="api-extensions",
    sub="status",
)

# scheduling.k8s.io/v1
PRIORITY_CLASS = _kind("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", short="pc", namespaced=False)

# coordination.k8s.io/v1
LEASE = _kind("coordination.k8s.io/v1", "Lease", "leases")

# node.k8s.io/v1
RUNTIME_CLASS = _kind("node.k8s.io/v1", "RuntimeClass", "runtimeclasses", namespaced=False)

# discovery.k8s.io/v1
ENDPOINT_SLICE = _kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")

# resource.k8s.io/v1
DEVICE_CLASS = _kind("resource.k8s.io/v1", "DeviceClass", "deviceclasses", namespaced=False)
RESOURCE_CLAIM = _kind("resource.k8s.io/v1", "ResourceClaim", "resourceclaims", sub="status")
RESOURCE_CLAIM_TEMPLATE = _kind("resource.k8s.io/v1", "ResourceClaimTemplate", "resourceclaimtemplates")
RESOURCE_SLICE = _kind("resource.k8s.io/v1", "ResourceSlice", "resourceslices", namespaced=False)

# flowcontrol.apiserver.k8s.io/v1
FLOW_SCHEMA = _kind("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "flowschemas", namespaced=False, sub="status")
PRIORITY_LEVEL_CONFIGURATION = _kind(
    "flowcontrol.apiserver.k8s.io/v1",
    "PriorityLevelConfiguration",
    "prioritylevelconfigurations",
    namespaced=False,
    sub="status",
)


class Registry:
    """The kinds that a server knows, by path and by manifest. Built-ins now; custom resources are added to a copy."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._by_path: dict[tuple[str, str, str], Kind] = {}
        self._by_kind: dict[tuple[str, str], Kind] = {}
        for kind in kinds:
            self.add(kind)

    def add(self, kind: Kind) -> None:
        self._by_path[kind.group, kind.version, kind.plural] = kind
        self._by_kind[kind.api_version, kind.kind] = kind

    def remove(self, kind: Kind) -> None:
        self._by_path.pop((kind.group, kind.version, kind.plural), None)
        self._by_kind.pop((kind.api_version, kind.kind), None)

    def by_path(self, group: str, version: str, plural: str) -> Kind | None:
        return self._by_path.get((group, version, plural))

    def by_kind(self, api_version: str, kind: str) -> Kind | None:
        return self._by_kind.get((api_version, kind))

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_path.values())


BUILTIN = Registry(KINDS)
