"""PersistentVolumeClaims and the templates that they are made from."""

from wherry.api import Obj
from wherry.api.errors import forbidden_field, invalid_value, required
from wherry.api.validation import fields, metadata, resources
from wherry.api.validation.fields import Check

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")


def template(found: Obj, path: str) -> Check:
    """A claim template of a volume or a StatefulSet."""
    yield from template_metadata(found.get("metadata") or {}, f"{path}.metadata")
    yield from spec(found.get("spec") or {}, f"{path}.spec")


_NOT_OF_TEMPLATES = {  # the field: how it is spelled in an error
    **{key: key for key in ("name", "generateName", "namespace", "selfLink")},
    "uid": "uID",
    **{key: key for key in ("resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")},
    **{key: key for key in ("deletionGracePeriodSeconds", "ownerReferences", "finalizers", "managedFields")},
}


def template_metadata(found: Obj, path: str) -> Check:
    """The metadata of a template: labels and annotations, nothing else."""
    yield from metadata.annotations(found.get("annotations"), f"{path}.annotations")
    yield from metadata.labels(found.get("labels"), f"{path}.labels")
    for key, spelled in _NOT_OF_TEMPLATES.items():
        if found.get(key):
            yield forbidden_field(f"{path}.{spelled}", "cannot be set")


def spec(found: Obj, path: str, known_groups: bool = False) -> Check:
    """The spec of a claim. `known_groups`: it names the groups of its sources since before there was a rule."""
    modes = found.get("accessModes") or []
    if not modes:
        yield required(f"{path}.accessModes", "at least 1 access mode is required")
    yield from metadata.label_selector(found.get("selector"), f"{path}.selector")
    for mode in modes:
        yield from fields.one_of(mode, f"{path}.accessModes", ACCESS_MODES)
    if "ReadWriteOncePod" in modes and any(mode in ACCESS_MODES[:3] for mode in modes):
        yield forbidden_field(f"{path}.accessModes", "may not use ReadWriteOncePod with other access modes")
    yield from _storage((found.get("resources") or {}).get("requests") or {}, f"{path}.resources[storage]")
    if found.get("storageClassName"):
        yield from fields.subdomain(found["storageClassName"], f"{path}.storageClassName")
    if found.get("volumeMode") is not None:
        yield from fields.one_of(found["volumeMode"], f"{path}.volumeMode", VOLUME_MODES)
    yield from _sources(found, path, known_groups)
    if found.get("volumeAttributesClassName"):
        yield from fields.subdomain(found["volumeAttributesClassName"], f"{path}.volumeAttributesClassName")


def _storage(requests: Obj, path: str) -> Check:
    size = requests.get("storage")
    if size is None:
        yield required(path)
    elif fields.amount(size) <= 0:
        yield invalid_value(path, size, fields.NOT_POSITIVE)
    else:
        yield from resources.amount("storage", size, path)


def _sources(found: Obj, path: str, known_groups: bool) -> Check:
    source, reference = found.get("dataSource"), found.get("dataSourceRef")
    if source is not None:
        yield from _source(source, f"{path}.dataSource", known_groups)
    if reference is not None:
        yield from _source(reference, f"{path}.dataSourceRef", known_groups)
        if reference.get("namespace"):
            yield from fields.label(reference["namespace"], f"{path}.dataSourceRef.namespace")
    if source is None or reference is None:
        return
    if reference.get("namespace"):
        message = "may not be specified when dataSourceRef.namespace is specified"
        yield invalid_value(path, {}, message)
    elif any(source.get(key) != reference.get(key) for key in ("apiGroup", "kind", "name")):
        yield invalid_value(path, {}, "must match dataSourceRef")


def _source(source: Obj, path: str, known_group: bool) -> Check:
    yield from fields.needed(source, path, "name", "kind")
    group, kind = source.get("apiGroup") or "", source.get("kind", "")
    if not group and kind != "PersistentVolumeClaim":
        yield invalid_value(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
    if group and not known_group:
        yield from fields.subdomain(group, f"{path}.apiGroup")
