"""The groups whose kinds differ in little: networking, policy, storage, rbac, coordination, resource and the like."""

from wherry.api import Obj, kinds
from wherry.api.kinds import Kind
from wherry.apiserver.strategies.base import METADATA, Context, Strategy
from wherry.lib.timestamps import rfc3339


def _endpoint_slice(new: Obj, old: Obj, context: Context) -> None:
    """Its generation counts changes of everything but metadata, and of labels."""
    parts = (new.keys() | old.keys()) - {"metadata"}
    labels = (new["metadata"].get("labels") or {}) != (old["metadata"].get("labels") or {})
    if labels or any(new.get(part) != old.get(part) for part in parts):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def _new_signing_request(new: Obj, context: Context) -> None:
    """Who asks is what the server knows, not what the request says."""
    spec, user = new["spec"], context.user
    for name in ("username", "uid", "groups", "extra"):
        spec.pop(name, None)
    spec["username"] = user.name
    if user.uid:
        spec["uid"] = user.uid
    spec["groups"] = list(user.groups)
    if user.extra:
        spec["extra"] = {key: list(values) for key, values in user.extra.items()}


def _signing_request(new: Obj, old: Obj, context: Context) -> None:
    new["spec"] = old["spec"]


def _approval(new: Obj, old: Obj, context: Context) -> None:
    """Only conditions may change."""
    conditions = (new.get("status") or {}).get("conditions")
    _stamp_conditions(new, old, context)
    new["spec"] = old["spec"]
    new["status"] = {key: value for key, value in (old.get("status") or {}).items() if key != "conditions"}
    if conditions:
        new["status"]["conditions"] = conditions


def _signing_status(new: Obj, old: Obj, context: Context) -> None:
    mine = (new.get("status") or {}).get("conditions") or []
    theirs = (old.get("status") or {}).get("conditions") or []
    for kind in ("Approved", "Denied"):
        before = [each for each in theirs if each.get("type") == kind]
        places = [index for index, each in enumerate(mine) if each.get("type") == kind]
        if len(before) == len(places):
            for place, condition in zip(places, before, strict=True):
                mine[place] = condition
    _stamp_conditions(new, old, context)


def _stamp_conditions(new: Obj, old: Obj, context: Context) -> None:
    now = rfc3339(context.now)
    known = {
        (each.get("type"), each.get("status")): each.get("lastTransitionTime")
        for each in (old.get("status") or {}).get("conditions") or ()
    }
    for condition in (new.get("status") or {}).get("conditions") or ():
        if not condition.get("lastUpdateTime"):
            condition["lastUpdateTime"] = now
        if not condition.get("lastTransitionTime"):
            condition["lastTransitionTime"] = known.get((condition.get("type"), condition.get("status"))) or now


def _stored_version(new: Obj, context: Context) -> None:
    """Objects may have been stored in every version that ever was the one to store."""
    stored = new["status"].get("storedVersions") or []
    storage = next((each["name"] for each in new["spec"].get("versions") or () if each.get("storage")), None)
    if storage is not None and storage not in stored:
        new["status"] = {**new["status"], "storedVersions": [*stored, storage]}


def _definition(new: Obj, old: Obj, context: Context) -> None:
    _stored_version(new, context)


def _api_service(new: Obj, context: Context) -> None:
    """A group that this server serves itself is available at once."""
    if not new["spec"].get("service"):
        condition = {
            "type": "Available",
            "status": "True",
            "lastTransitionTime": rfc3339(context.now),
            "reason": "Local",
            "message": "Local APIServices are always available",
        }
        new["status"]["conditions"] = [condition]


_GENERATED = Strategy(generation=("spec",))
_GENERATED_WITH_STATUS = Strategy(status=True, generation=("spec",))
_WEBHOOKS = Strategy(generation=("webhooks",), unconditional_update=False)
_POLICY = Strategy(generation=("spec",), unconditional_update=False)
_FLOW_CONTROL = Strategy(status=True, generation=("spec",), status_keeps_metadata=METADATA)
_RBAC = Strategy(create_on_update=True)
_LISTED = Strategy(returns_deleted=True)
_CONDITIONAL = Strategy(unconditional_update=False)

STRATEGIES: dict[Kind, Strategy] = {
    # networking, discovery
    kinds.INGRESS: _GENERATED_WITH_STATUS,
    kinds.INGRESS_CLASS: _GENERATED,
    kinds.NETWORK_POLICY: _GENERATED,
    kinds.SERVICE_CIDR: Strategy(status=True, status_keeps_metadata=METADATA),
    kinds.ENDPOINT_SLICE: Strategy(generation=(), update=_endpoint_slice),
    # policy, scheduling, coordination, node
    kinds.POD_DISRUPTION_BUDGET: Strategy(status=True, generation=("spec",), unconditional_update=False),
    kinds.PRIORITY_CLASS: Strategy(generation=()),
    kinds.LEASE: Strategy(create_on_update=True, unconditional_update=False),
    kinds.RUNTIME_CLASS: Strategy(create_on_update=True, unconditional_update=False),
    # rbac
    kinds.CLUSTER_ROLE: _RBAC,
    kinds.CLUSTER_ROLE_BINDING: _RBAC,
    kinds.ROLE: _RBAC,
    kinds.ROLE_BINDING: _RBAC,
    # certificates
    kinds.CERTIFICATE_SIGNING_REQUEST: Strategy(
        status=True,
        create=_new_signing_request,
        update=_signing_request,
        prepare_status=_signing_status,
        subresources={"approval": _approval},
    ),
    # storage
    kinds.CSI_DRIVER: Strategy(
        generation=("spec",), generation_at_create=False, unconditional_update=False, returns_deleted=True
    ),
    kinds.CSI_NODE: Strategy(unconditional_update=False, returns_deleted=True),
    kinds.CSI_STORAGE_CAPACITY: _CONDITIONAL,
    kinds.STORAGE_CLASS: _LISTED,
    kinds.VOLUME_ATTRIBUTES_CLASS: _LISTED,
    kinds.VOLUME_ATTACHMENT: Strategy(
        status=True, status_keeps_metadata=METADATA, unconditional_update=False, returns_deleted=True
    ),
    # admissionregistration
    kinds.MUTATING_WEBHOOK_CONFIGURATION: _WEBHOOKS,
    kinds.VALIDATING_WEBHOOK_CONFIGURATION: _WEBHOOKS,
    kinds.MUTATING_ADMISSION_POLICY: _POLICY,
    kinds.MUTATING_ADMISSION_POLICY_BINDING: _POLICY,
    kinds.VALIDATING_ADMISSION_POLICY_BINDING: _POLICY,
    kinds.VALIDATING_ADMISSION_POLICY: Strategy(
        status=True, generation=("spec",), unconditional_update=False, status_keeps_metadata=METADATA
    ),
    # apiextensions
    kinds.CUSTOM_RESOURCE_DEFINITION: Strategy(
        status=True, generation=("spec",), create=_stored_version, update=_definition, unconditional_update=False
    ),
    # flowcontrol
    kinds.FLOW_SCHEMA: _FLOW_CONTROL,
    kinds.PRIORITY_LEVEL_CONFIGURATION: _FLOW_CONTROL,
    # resource
    kinds.DEVICE_CLASS: Strategy(generation=("spec",), returns_deleted=True),
    kinds.RESOURCE_SLICE: Strategy(generation=("spec",), returns_deleted=True),
    kinds.RESOURCE_CLAIM: Strategy(status=True, status_keeps_metadata=METADATA, returns_deleted=True),
    kinds.RESOURCE_CLAIM_TEMPLATE: _LISTED,
    # apiregistration
    kinds.API_SERVICE: Strategy(
        status=True, create=_api_service, unconditional_update=False, status_keeps_metadata=METADATA
    ),
}
