"""Tables of networking, storage, RBAC, certificates, admission and the other cluster-level groups."""

from collections.abc import Mapping
from typing import Any

from wherry.api import Obj, meta
from wherry.api.tables.columns import (
    AGE,
    NAME,
    Cells,
    Column,
    Table,
    age,
    deleting,
    duration,
    name_and_age,
    selector,
    spec,
    status,
    table,
    text,
    wide,
)  # fmt: skip
from wherry.api.tables.core import load_balancer


def _ingress(obj: Obj, now: float) -> Cells:
    found = spec(obj)
    rules = found.get("rules") or []
    hosts = [rule["host"] for rule in rules if rule.get("host")]
    shown = ",".join(hosts[:3]) or "*"
    if len(hosts) >= 3 and len(rules) > 3:
        shown += f" + {len(rules) - 3} more..."
    ports = "80, 443" if found.get("tls") else "80"
    name = text(found.get("ingressClassName"))
    return [meta.name(obj), name, shown, load_balancer(obj), ports, age(obj, now)]


def _ingress_class(obj: Obj, now: float) -> Cells:
    default = meta.annotations(obj).get("ingressclass.kubernetes.io/is-default-class") == "true"
    given, shown = spec(obj).get("parameters"), "<none>"
    if given is not None:
        group = f".{given['apiGroup']}" if given.get("apiGroup") is not None else ""
        shown = f"{given.get('kind', '')}{group}/{given.get('name', '')}"
    name = meta.name(obj) + (" (default)" if default else "")
    return [name, spec(obj).get("controller", ""), shown, age(obj, now)]


def _network_policy(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), selector(spec(obj).get("podSelector") or {}), age(obj, now)]


def _service_cidr(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), ",".join(spec(obj).get("cidrs") or ()), age(obj, now)]


def _ip_address(obj: Obj, now: float) -> Cells:
    parent, shown = spec(obj).get("parentRef"), "<none>"
    if parent is not None:
        resource = ".".join(filter(None, (parent.get("resource", ""), parent.get("group", "")))).lower()
        shown = "/".join(filter(None, (resource, parent.get("namespace"), parent.get("name"))))
    return [meta.name(obj), shown, age(obj, now)]


def _binding(obj: Obj, now: float) -> Cells:
    role, subjects = obj.get("roleRef") or {}, obj.get("subjects") or ()
    by_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in subjects:
        name = subject.get("name", "")
        if subject.get("kind") == "ServiceAccount":
            name = f"{subject.get('namespace', '')}/{name}"
        by_kind.setdefault(subject.get("kind", ""), []).append(name)
    shown = [", ".join(by_kind[kind]) for kind in ("User", "Group", "ServiceAccount")]
    return [meta.name(obj), f"{role.get('kind', '')}/{role.get('name', '')}", age(obj, now), *shown]


def _csr(obj: Obj, now: float) -> Cells:
    types = {each.get("type") for each in status(obj).get("conditions") or ()}
    state = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    state += ",Failed" if "Failed" in types else ""
    state += ",Issued" if status(obj).get("certificate") else ""
    found = spec(obj)
    asked = found.get("expirationSeconds")
    lifetime = "<none>" if asked is None else duration(asked)
    signer = text(found.get("signerName"))
    return [meta.name(obj), age(obj, now), signer, found.get("username", ""), lifetime, state]


def _lease(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), spec(obj).get("holderIdentity", ""), age(obj, now)]


def _storage_class(obj: Obj, now: float) -> Cells:
    notes = meta.annotations(obj)
    flags = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
    name = meta.name(obj) + (" (default)" if any(notes.get(flag) == "true" for flag in flags) else "")
    return [
        name, obj.get("provisioner", ""), obj.get("reclaimPolicy", "Delete"),
        obj.get("volumeBindingMode", "Immediate"), obj.get("allowVolumeExpansion", False), age(obj, now),
    ]  # fmt: skip


def _attributes_class(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), obj.get("driverName", ""), age(obj, now)]


def _volume_attachment(obj: Obj, now: float) -> Cells:
    found = spec(obj)
    volume = (found.get("source") or {}).get("persistentVolumeName", "")
    attached = status(obj).get("attached", False)
    return [meta.name(obj), found.get("attacher", ""), volume, found.get("nodeName", ""), attached, age(obj, now)]


def _csi_node(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), len(spec(obj).get("drivers") or ()), age(obj, now)]


def _csi_driver(obj: Obj, now: float) -> Cells:
    found = spec(obj)
    audiences = found.get("tokenRequests")
    tokens = "<unset>" if audiences is None else ",".join(each.get("audience", "") for each in audiences)
    modes = ",".join(found.get("volumeLifecycleModes") or ()) or "<none>"
    return [
        meta.name(obj), found.get("attachRequired", True), found.get("podInfoOnMount", False),
        found.get("storageCapacity", False), tokens, found.get("requiresRepublish", False), modes, age(obj, now),
    ]  # fmt: skip


def _webhooks(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), len(obj.get("webhooks") or ()), age(obj, now)]


def _policy(rules: str) -> Any:
    def cells(obj: Obj, now: float) -> Cells:
        kind = spec(obj).get("paramKind")
        shown = "<unset>" if kind is None else f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}"
        return [meta.name(obj), len(spec(obj).get(rules) or ()), shown, age(obj, now)]

    return cells


def _policy_binding(obj: Obj, now: float) -> Cells:
    reference, shown = spec(obj).get("paramRef"), "<unset>"
    if reference is not None and reference.get("name"):
        shown = f"{reference.get('namespace') or '*'}/{reference['name']}"
    elif reference is not None and reference.get("selector") is not None:
        shown = _go_selector(reference["selector"])
    return [meta.name(obj), spec(obj).get("policyName", ""), shown, age(obj, now)]


def _go_selector(found: Obj) -> str:
    """A LabelSelector as its generated Go String method prints it."""
    labels = "".join(f"{key}: {value}," for key, value in sorted((found.get("matchLabels") or {}).items()))
    terms = "".join(
        f"LabelSelectorRequirement{{Key:{term.get('key', '')},Operator:{term.get('operator', '')},"
        f"Values:[{' '.join(term.get('values') or ())}],}},"
        for term in found.get("matchExpressions") or ()
    )
    inner = f"MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{terms}}},"
    return f"&LabelSelector{{{inner}}}"


def _priority_class(obj: Obj, now: float) -> Cells:
    shared = [obj.get("value", 0), obj.get("globalDefault", False), age(obj, now)]
    return [meta.name(obj), *shared, obj.get("preemptionPolicy", "")]


def _runtime_class(obj: Obj, now: float) -> Cells:
    return [meta.name(obj), obj.get("handler", ""), age(obj, now)]


def _flow_schema(obj: Obj, now: float) -> Cells:
    found = spec(obj)
    dangling = meta.condition(obj, "Dangling")
    return [
        meta.name(obj), (found.get("priorityLevelConfiguration") or {}).get("name", ""),
        found.get("matchingPrecedence", 0), (found.get("distinguisherMethod") or {}).get("type", "<none>"),
        age(obj, now), "?" if dangling is None else dangling.get("status", ""),
    ]  # fmt: skip


def _priority_level(obj: Obj, now: float) -> Cells:
    limited = spec(obj).get("limited")
    shares = "<none>" if limited is None else limited.get("nominalConcurrencyShares")
    queuing = ((limited or {}).get("limitResponse") or {}).get("queuing")
    names = ("queues", "handSize", "queueLengthLimit")
    queues = ["<none>" if queuing is None else queuing.get(name, 0) for name in names]
    return [meta.name(obj), spec(obj).get("type", ""), shares, *queues, age(obj, now)]


def _claim(obj: Obj, now: float) -> Cells:
    states = ["deleted"] if deleting(obj) else []
    if status(obj).get("allocation") is not None:
        states += ["allocated", "reserved"] if status(obj).get("reservedFor") else ["allocated"]
    elif not states:
        states = ["pending"]
    return [meta.name(obj), ",".join(states), age(obj, now)]


def _resource_slice(obj: Obj, now: float) -> Cells:
    found = spec(obj)
    pool = (found.get("pool") or {}).get("name", "")
    return [meta.name(obj), found.get("nodeName", ""), found.get("driver", ""), pool, age(obj, now)]


def _api_service(obj: Obj, now: float) -> Cells:
    service, available = spec(obj).get("service"), meta.condition(obj, "Available") or {"status": "Unknown"}
    shown = str(available.get("status", ""))
    if shown != "True" and available.get("reason"):
        shown += f" ({available['reason']})"
    where = "Local" if service is None else f"{service.get('namespace', '')}/{service.get('name', '')}"
    return [meta.name(obj), where, shown, age(obj, now)]


def _count(name: str, description: str) -> Column:
    return Column(name, description, "integer")


def _flag(name: str, description: str) -> Column:
    return Column(name, description, "boolean")


def _bindings(kind: str, role: str) -> Table:
    subjects = ("Users", "Groups", "ServiceAccounts")
    columns = [wide(each, f"{each} in the {kind}") for each in subjects]
    unresolved = "If the RoleRef cannot be resolved, the Authorizer must return an error."
    return table(NAME, Column("Role", f"{role} {unresolved}"), AGE, *columns, cells=_binding)


_WEBHOOKS = table(
    NAME,
    _count("Webhooks", "Webhooks indicates the number of webhooks registered in this configuration"),
    AGE,
    cells=_webhooks,
)
_PARAM_KIND = Column("ParamKind", "ParamKind specifies the kind of resources used to parameterize this policy")
_POLICY_BINDING = table(
    NAME,
    Column("PolicyName", "PolicyName indicates the policy definition which the policy binding binded to"),
    Column("ParamRef", "ParamRef indicates the param resource which sets the configuration param"),
    AGE,
    cells=_policy_binding,
)
_SIGNER = (  # the words of the v1beta1 type, which the column still shows
    "Requested signer for the request. It is a qualified name in the form: `scope-hostname.io/name`. If empty, it "
    "will be defaulted:\n"
    " 1. If it's a kubelet client certificate, it is assigned\n"
    '    "kubernetes.io/kube-apiserver-client-kubelet".\n'
    " 2. If it's a kubelet serving certificate, it is assigned\n"
    '    "kubernetes.io/kubelet-serving".\n'
    ' 3. Otherwise, it is assigned "kubernetes.io/legacy-unknown".\n'
    "Distribution of trust for signers happens out of band. You can select on this field using `spec.signerName`."
)
_NAME_AND_AGE = table(NAME, AGE, cells=name_and_age)

TABLES: Mapping[str, Table] = {
    "networking.k8s.io/v1/Ingress": table(
        NAME,
        Column("Class", "The name of the IngressClass resource that should be used for additional configuration"),
        Column("Hosts", "Hosts that incoming requests are matched against before the ingress rule"),
        Column("Address", "Address is a list containing ingress points for the load-balancer"),
        Column("Ports", "Ports of TLS configurations that open"),
        AGE,
        cells=_ingress,
    ),
    "networking.k8s.io/v1/IngressClass": table(
        NAME,
        Column("Controller", "Controller that is responsible for handling this class"),
        Column("Parameters", "A reference to a resource with additional parameters"),
        AGE,
        cells=_ingress_class,
    ),
    "networking.k8s.io/v1/NetworkPolicy": table(
        NAME,
        Column("Pod-Selector", "@networking.v1.NetworkPolicySpec.podSelector"),
        AGE,
        cells=_network_policy,
    ),
    "networking.k8s.io/v1/ServiceCIDR": table(
        NAME, Column("CIDRs", "@networking.v1.ServiceCIDRSpec.cidrs"), AGE, cells=_service_cidr
    ),
    "networking.k8s.io/v1/IPAddress": table(
        NAME, Column("ParentRef", "@networking.v1.IPAddressSpec.parentRef"), AGE, cells=_ip_address
    ),
    "rbac.authorization.k8s.io/v1/RoleBinding": _bindings(
        "roleBinding",
        "RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace.",
    ),
    "rbac.authorization.k8s.io/v1/ClusterRoleBinding": _bindings(
        "clusterRoleBinding", "RoleRef can only reference a ClusterRole in the global namespace."
    ),
    "certificates.k8s.io/v1/CertificateSigningRequest": table(
        NAME,
        AGE,
        Column("SignerName", _SIGNER),
        Column("Requestor", "Base64-encoded PKCS#10 CSR data"),
        Column("RequestedDuration", "@certificates.v1.CertificateSigningRequestSpec.expirationSeconds"),
        Column("Condition", "Conditions applied to the request, such as approval or denial."),
        cells=_csr,
    ),
    "coordination.k8s.io/v1/Lease": table(
        NAME, Column("Holder", "@coordination.v1.LeaseSpec.holderIdentity"), AGE, cells=_lease
    ),
    "storage.k8s.io/v1/StorageClass": table(
        NAME,
        Column("Provisioner", "@storage.v1.StorageClass.provisioner"),
        Column("ReclaimPolicy", "@storage.v1.StorageClass.reclaimPolicy"),
        Column("VolumeBindingMode", "@storage.v1.StorageClass.volumeBindingMode"),
        Column("AllowVolumeExpansion", "@storage.v1.StorageClass.allowVolumeExpansion"),
        AGE,
        cells=_storage_class,
    ),
    "storage.k8s.io/v1/VolumeAttributesClass": table(
        NAME, Column("DriverName", "@storage.v1.VolumeAttributesClass.driverName"), AGE, cells=_attributes_class
    ),
    "storage.k8s.io/v1/VolumeAttachment": table(
        NAME,
        Column("Attacher", "@storage.v1.VolumeAttachmentSpec.attacher", format="name"),
        Column("PV", "@storage.v1.VolumeAttachmentSource.persistentVolumeName"),
        Column("Node", "@storage.v1.VolumeAttachmentSpec.nodeName"),
        _flag("Attached", "@storage.v1.VolumeAttachmentStatus.attached"),
        AGE,
        cells=_volume_attachment,
    ),
    "storage.k8s.io/v1/CSINode": table(
        NAME,
        _count("Drivers", "Drivers indicates the number of CSI drivers registered on the node"),
        AGE,
        cells=_csi_node,
    ),
    "storage.k8s.io/v1/CSIDriver": table(
        NAME,
        _flag("AttachRequired", "@storage.v1.CSIDriverSpec.attachRequired"),
        _flag("PodInfoOnMount", "@storage.v1.CSIDriverSpec.podInfoOnMount"),
        _flag("StorageCapacity", "@storage.v1.CSIDriverSpec.storageCapacity"),
        Column("TokenRequests", "@storage.v1.CSIDriverSpec.tokenRequests"),
        _flag("RequiresRepublish", "@storage.v1.CSIDriverSpec.requiresRepublish"),
        Column("Modes", "@storage.v1.CSIDriverSpec.volumeLifecycleModes"),
        AGE,
        cells=_csi_driver,
    ),
    "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": _WEBHOOKS,
    "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": _WEBHOOKS,
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": table(
        NAME,
        _count("Validations", "Validations indicates the number of validation rules defined in this configuration"),
        _PARAM_KIND,
        AGE,
        cells=_policy("validations"),
    ),
    "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy": table(
        NAME,
        _count("Mutations", "Mutation indicates the number of mutations rules defined in this configuration"),
        _PARAM_KIND,
        AGE,
        cells=_policy("mutations"),
    ),
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding": _POLICY_BINDING,
    "admissionregistration.k8s.io/v1/MutatingAdmissionPolicyBinding": _POLICY_BINDING,
    "scheduling.k8s.io/v1/PriorityClass": table(
        NAME,
        _count("Value", "@scheduling.v1.PriorityClass.value"),
        _flag("Global-Default", "@scheduling.v1.PriorityClass.globalDefault"),
        AGE,
        Column("PreemptionPolicy", "@scheduling.v1.PriorityClass.preemptionPolicy"),
        cells=_priority_class,
    ),
    "node.k8s.io/v1/RuntimeClass": table(NAME, Column("Handler"), AGE, cells=_runtime_class),
    "flowcontrol.apiserver.k8s.io/v1/FlowSchema": table(
        NAME,
        Column("PriorityLevel", "@flowcontrol.v1.PriorityLevelConfigurationReference.name"),
        Column("MatchingPrecedence", "@flowcontrol.v1.FlowSchemaSpec.matchingPrecedence"),
        Column("DistinguisherMethod", "@flowcontrol.v1.FlowSchemaSpec.distinguisherMethod"),
        AGE,
        Column("MissingPL", "references a broken or non-existent PriorityLevelConfiguration"),
        cells=_flow_schema,
    ),
    "flowcontrol.apiserver.k8s.io/v1/PriorityLevelConfiguration": table(
        NAME,
        Column("Type", "@flowcontrol.v1.PriorityLevelConfigurationSpec.type"),
        Column(
            "NominalConcurrencyShares", "@flowcontrol.v1.LimitedPriorityLevelConfiguration.nominalConcurrencyShares"
        ),
        Column("Queues", "@flowcontrol.v1.QueuingConfiguration.queues"),
        Column("HandSize", "@flowcontrol.v1.QueuingConfiguration.handSize"),
        Column("QueueLengthLimit", "@flowcontrol.v1.QueuingConfiguration.queueLengthLimit"),
        AGE,
        cells=_priority_level,
    ),
    "resource.k8s.io/v1/DeviceClass": _NAME_AND_AGE,
    "resource.k8s.io/v1/ResourceClaim": table(
        NAME,
        Column("State", "A summary of the current state (allocated, pending, reserved, etc.)."),
        AGE,
        cells=_claim,
    ),
    "resource.k8s.io/v1/ResourceClaimTemplate": _NAME_AND_AGE,
    "resource.k8s.io/v1/ResourceSlice": table(
        NAME,
        Column("Node", "@resource.v1.ResourceSliceSpec.nodeName"),
        Column("Driver", "@resource.v1.ResourceSliceSpec.driver"),
        Column("Pool", "@resource.v1.ResourcePool.name"),
        AGE,
        cells=_resource_slice,
    ),
    "apiregistration.k8s.io/v1/APIService": table(
        NAME,
        Column("Service", "The reference to the service that hosts this API endpoint."),
        Column("Available", "Whether this service is available."),
        AGE,
        cells=_api_service,
    ),
}
