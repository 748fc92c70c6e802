"""StorageObjectInUseProtection, DefaultStorageClass and PersistentVolumeClaimResize."""

from decimal import Decimal

from wherry.api import Obj, kinds
from wherry.apiserver.admission.attributes import Attributes, Lister
from wherry.lib import quantity

FINALIZERS = {
    kinds.PERSISTENT_VOLUME: "kubernetes.io/pv-protection",
    kinds.PERSISTENT_VOLUME_CLAIM: "kubernetes.io/pvc-protection",
    kinds.VOLUME_ATTRIBUTES_CLASS: "kubernetes.io/vac-protection",
}
KINDS = tuple(FINALIZERS)
DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def mutate(lister: Lister, attributes: Attributes) -> None:
    if attributes.subresource or attributes.operation != "CREATE" or attributes.new is None:
        return
    if attributes.kind is kinds.PERSISTENT_VOLUME_CLAIM:
        _choose_class(lister, attributes.new)
    finalizer = FINALIZERS.get(attributes.kind)
    if finalizer:
        finalizers = attributes.new["metadata"].get("finalizers") or []
        if finalizer not in finalizers:
            attributes.new["metadata"]["finalizers"] = [*finalizers, finalizer]


def _choose_class(lister: Lister, claim: Obj) -> None:
    """A claim that names no class gets the newest of those marked as default."""
    annotations = claim["metadata"].get("annotations") or {}
    if "storageClassName" in claim["spec"] or "volume.beta.kubernetes.io/storage-class" in annotations:
        return
    classes = [each for each in lister.list(kinds.STORAGE_CLASS) if is_default(each, DEFAULT_CLASS)]
    if classes:
        claim["spec"]["storageClassName"] = newest(classes)["metadata"]["name"]


def is_default(obj: Obj, names: tuple[str, ...]) -> bool:
    annotations = obj["metadata"].get("annotations") or {}
    return any(annotations.get(name) == "true" for name in names)


def newest(classes: list[Obj]) -> Obj:
    """The youngest; of equally old ones the first by name."""
    ordered = sorted(classes, key=lambda each: str(each["metadata"]["name"]))
    return max(ordered, key=lambda each: str(each["metadata"]["creationTimestamp"]))


def validate(lister: Lister, attributes: Attributes) -> None:
    """Only claims of classes that allow it grow."""
    if not attributes.concerns(kinds.PERSISTENT_VOLUME_CLAIM, "UPDATE"):
        return
    assert attributes.new is not None and attributes.old is not None
    new, old = _storage(attributes.new), _storage(attributes.old)
    if new <= old:
        return
    if (attributes.old.get("status") or {}).get("phase") != "Bound":
        raise attributes.forbidden("Only bound persistent volume claims can be expanded")
    name = attributes.new["spec"].get("storageClassName")
    storage_class = lister.get(kinds.STORAGE_CLASS, name) if name else None
    if not (storage_class or {}).get("allowVolumeExpansion"):
        raise attributes.forbidden(
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
            "support resize"
        )


def _storage(claim: Obj) -> Decimal:
    text = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "0")
    return quantity.parse(text)
