"""CustomResourceDefinition.

Upstream checks an internal form, in which what all versions have alike stands once for all of them: that is where
errors point to. Rules that upstream relaxes for objects from before there was a rule are not relaxed here.
"""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from wherry.api import Obj, meta
from wherry.api.errors import duplicate, forbidden_field, invalid_value, required, too_many
from wherry.api.patch.values import same
from wherry.api.structural import paths, rules, schemas
from wherry.api.validation import definition_schemas, fields, internal, matching, metadata, pem
from wherry.api.validation.fields import Check
from wherry.api.validation.rules import Rules
from wherry.lib import names

_ALIKE = {  # what versions may have alike, and where it stands then
    "subresources": "subresources",
    "schema": "validation",
    "additionalPrinterColumns": "additionalPrinterColumns",
    "selectableFields": "selectableFields",
}
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_SELECTABLE = ("string", "boolean", "integer")
_MOST_SELECTABLE = 8
_REVIEW_VERSIONS = ("v1", "v1beta1")
_APPROVED = "api-approved.kubernetes.io"
_PROPOSAL = "see https://github.com/kubernetes/enhancements/pull/1111"


def _internal(spec: Obj) -> Obj:
    """A spec in its internal form."""
    versions = spec.get("versions") or []
    found = {key: value for key, value in spec.items() if key not in _ALIKE}
    if not versions:
        return found
    alike = [key for key in _ALIKE if all(same(each.get(key), versions[0].get(key)) for each in versions)]
    found |= {_ALIKE[key]: versions[0][key] for key in alike if versions[0].get(key) is not None}
    found["versions"] = [{key: value for key, value in each.items() if key not in alike} for each in versions]
    found["version"] = versions[0].get("name", "")
    return found


def _definition(crd: Obj) -> Check:
    yield from metadata.check(crd, False, _name_rule(crd["spec"]))
    yield from _body(crd, None)


def _name_rule(spec: Obj) -> Callable[[str], list[str]]:
    wanted = f"{(spec.get('names') or {}).get('plural', '')}.{spec.get('group', '')}"

    def errors(name: str) -> list[str]:
        other = ['must be spec.names.plural+"."+spec.group'] if name != wanted else []
        return names.dns_subdomain_errors(name) + other

    return errors


def _update(new: Obj, old: Obj) -> Check:
    yield from _body(new, old)


def _body(crd: Obj, old: Obj | None) -> Check:
    spec, status = _internal(crd["spec"]), crd.get("status") or {}
    yield from _spec(spec, _has_defaults(crd["spec"]), _may_be_no_bundle(old))
    if old is not None:
        yield from _fixed(crd["spec"], old)
    yield from _names(status.get("acceptedNames") or {}, "status.acceptedNames")
    yield from _stored(status.get("storedVersions"), spec.get("versions") or [], "status.storedVersions")
    yield from _approval(crd, old)
    if spec.get("preserveUnknownFields") and not (old or {"spec": {}})["spec"].get("preserveUnknownFields"):
        where = "set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        yield invalid_value("spec.preserveUnknownFields", True, f"cannot set to true, {where}")


def _established(crd: Obj) -> bool:
    found = meta.condition(crd, "Established")
    return found is not None and found.get("status") == "True"


def _may_be_no_bundle(old: Obj | None) -> bool:
    """Whether a conversion webhook's CA bundle may be anything: until a definition is established with a good one."""
    if old is None or not _established(old):
        return True
    webhook = (old["spec"].get("conversion") or {}).get("webhook") or {}
    bundle = (webhook.get("clientConfig") or {}).get("caBundle", "")
    return bool(bundle) and bool(pem.bundle_error(base64.b64decode(bundle)))


def _fixed(spec: Obj, old: Obj) -> Check:
    before = old["spec"]
    mine, theirs = spec.get("names") or {}, before.get("names") or {}
    if _established(old):
        yield from metadata.immutable(spec.get("scope"), before.get("scope"), "spec.scope")
        yield from metadata.immutable(mine.get("kind"), theirs.get("kind"), "spec.names.kind")
    yield from metadata.immutable(spec.get("group"), before.get("group"), "spec.group")
    yield from metadata.immutable(mine.get("plural"), theirs.get("plural"), "spec.names.plural")


# Spec


def _has_defaults(spec: Obj) -> bool:
    return any("default" in each for schema in schemas.of_versions(spec) for each in schemas.every(schema))


def _spec(spec: Obj, has_defaults: bool, any_bundle: bool) -> Check:
    versions, whole = spec.get("versions") or [], spec.get("validation") or {}
    yield from _group(spec.get("group", ""))
    yield from fields.one_of_or_needed(spec.get("scope"), "spec.scope", ("Cluster", "Namespaced"))
    for index, version in enumerate(versions):
        if "openAPIV3Schema" not in whole and "openAPIV3Schema" not in (version.get("schema") or {}):
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema")
    if spec.get("preserveUnknownFields") and has_defaults:
        message = "must be false in order to use defaults in the schema"
        yield invalid_value("spec.preserveUnknownFields", True, message)
    yield from _versions(spec, versions)
    found = spec.get("names") or {}
    yield from fields.needed(found, "spec.names", "plural", "singular", "kind", "listKind")
    yield from _names(found, "spec.names")
    yield from _content(spec, "spec", "validation", any(map(_has_status, [spec, *versions])))
    yield from _conversion(spec, any_bundle)


def _group(group: str) -> Check:
    if not group:
        yield required("spec.group")
    elif wrong := names.dns_subdomain_errors(group):
        yield invalid_value("spec.group", group, ",".join(wrong))
    elif "." not in group:
        yield invalid_value("spec.group", group, "should be a domain with at least one dot")


def _versions(spec: Obj, versions: list[Obj]) -> Check:
    own = any(each.get("subresources") is not None for each in versions)
    for index, version in enumerate(versions):
        path, name = f"spec.versions[{index}]", version.get("name", "")
        yield from _dns(name, f"{path}.name")
        for message in _deprecation(version):
            yield invalid_value(f"{path}.deprecationWarning", version.get("deprecationWarning"), message)
        first = next(each for each in versions if each.get("name", "") == name)
        yield from _content(version, path, "schema", _has_status(first if own else spec))
    known = [each.get("name", "") for each in versions]
    if len(set(known)) != len(known):
        yield invalid_value("spec.versions", _shown(versions), "must contain unique version names")
    if sum(bool(each.get("storage")) for each in versions) != 1:
        message = "must have exactly one version marked as storage version"
        yield invalid_value("spec.versions", _shown(versions), message)
    if spec.get("version"):
        yield from _dns(spec["version"], "spec.version")


def _shown(versions: list[Obj]) -> list[Any]:
    forms = [{**each, "schema": definition_schemas.shown(each.get("schema"))} for each in versions]
    return [internal.shown("apiextensions.CustomResourceDefinitionVersion", each) for each in forms]


def _has_status(owner: Obj) -> bool:
    return (owner.get("subresources") or {}).get("status") is not None


def _dns(name: str, path: str) -> Check:
    if wrong := names.dns_1035_label_errors(name):
        yield invalid_value(path, name, ",".join(wrong))


def _deprecation(version: Obj) -> list[str]:
    text = version.get("deprecationWarning")
    if text is None:
        return []
    if not version.get("deprecated"):
        return ["can only be set for deprecated versions"]
    found = ["must be <= 256 characters long"] if len(text.encode()) > 256 else []
    if not text:
        found.append("must not be an empty string")
    at = next((index for index, char in enumerate(text) if not char.isprintable()), None)
    if at is not None:
        place = len(text[:at].encode())
        what = "must only contain printable UTF-8 characters; non-printable character found at index"
        found.append(f"{what} {place}")
    return found


# What stands at a version, or once for all


def _content(owner: Obj, path: str, key: str, has_status: bool) -> Check:
    """`key`: where the schema is."""
    validation = owner.get(key)
    if validation is not None:
        yield from definition_schemas.check(validation, f"{path}.{key}", has_status)
    yield from _subresources(owner.get("subresources") or {}, f"{path}.subresources")
    yield from fields.each(owner.get("additionalPrinterColumns"), f"{path}.additionalPrinterColumns", _column)
    if owner.get("selectableFields"):
        yield from _selectable(owner["selectableFields"], validation, path, key)


def _subresources(found: Obj, path: str) -> Check:
    scale = found.get("scale")
    if scale is None:
        return
    for key, below in (("specReplicasPath", "spec"), ("statusReplicasPath", "status")):
        text, at = scale.get(key, ""), f"{path}.scale.{key}"
        if not text:
            yield required(at)
        else:
            yield from _path_below(text, at, (f".{below}.",), f"under .{below}")
    if scale.get("labelSelectorPath"):
        text, at = scale["labelSelectorPath"], f"{path}.scale.labelSelectorPath"
        yield from _path_below(text, at, (".spec.", ".status."), "under either .spec or .status")


def _path_below(text: str, path: str, begins: tuple[str, ...], where: str) -> Check:
    if not text.startswith("."):
        yield from _simple_path(text, path)
    elif not text.startswith(begins):
        yield invalid_value(path, text, f"should be a json path {where}")


def _simple_path(text: str, path: str) -> Check:
    if not text.startswith("."):
        yield invalid_value(path, text, "must be a simple json path starting with .")


def _column(found: Obj, path: str) -> Check:
    if not found.get("name"):
        yield required(f"{path}.name")
    kind, form, text = (found.get(key, "") for key in ("type", "format", "jsonPath"))
    message = f"must be one of {','.join(_COLUMN_TYPES)}"
    if not kind:
        yield required(f"{path}.type", message)
    elif kind not in _COLUMN_TYPES:
        yield invalid_value(f"{path}.type", kind, message)
    if form and form not in _COLUMN_FORMATS:
        yield invalid_value(f"{path}.format", form, f"must be one of {','.join(_COLUMN_FORMATS)}")
    if not text:
        yield required(f"{path}.JSONPath")
    else:
        yield from _simple_path(text, f"{path}.JSONPath")


def _selectable(found: list[Obj], validation: Obj | None, path: str, key: str) -> Check:
    schema, at = (validation or {}).get("openAPIV3Schema"), f"{path}.selectableFields"
    if schema is None:
        when = "validations.schema is included"
        if key == "schema":
            when = "`version.schema.openAPIV3Schema` is not included"
        yield invalid_value(at, "", f"may only be set when {when}")
        return
    if wrong := rules.obstacle(schema):
        yield invalid_value(f"{path}.schema.openAPIV3Schema", "", wrong)
        return
    seen: set[str] = set()
    for index, each in enumerate(found):
        yield from _selectable_field(each.get("jsonPath", ""), schema, f"{at}[{index}].jsonPath", seen)
    if len(seen) > _MOST_SELECTABLE:
        yield too_many(at, len(seen), _MOST_SELECTABLE)


def _selectable_field(text: str, schema: Obj, path: str, seen: set[str]) -> Check:
    if not text:
        yield required(path)
        return
    try:
        normal, target = paths.follow(text, schema, brackets=False)
    except paths.PathError as error:
        yield invalid_value(path, text, f"is an invalid path: {error}")
        return
    if normal.split(".")[0] == "metadata":
        yield invalid_value(path, text, "must not point to fields in metadata")
    if target.get("type") not in _SELECTABLE:
        kinds = "string, boolean or integer. Enum string fields and strings with formats are allowed."
        yield invalid_value(path, text, f"must point to a field of type {kinds}")
    if normal in seen:
        yield duplicate(path, text)
    seen.add(normal)


# Names, conversion, status


def _names(found: Obj, path: str) -> Check:
    for key in ("plural", "singular"):
        if found.get(key):
            yield from _dns(found[key], f"{path}.{key}")
    for key in ("kind", "listKind"):
        text = found.get(key, "")
        if text and (wrong := names.dns_1035_label_errors(text.lower())):
            message = f"may have mixed case, but should otherwise match: {','.join(wrong)}"
            yield invalid_value(f"{path}.{key}", text, message)
    yield from fields.each(found.get("shortNames"), f"{path}.shortNames", _dns)
    if found.get("kind") and found["kind"] == found.get("listKind"):
        yield invalid_value(f"{path}.listKind", found["listKind"], "kind and listKind may not be the same")
    yield from fields.each(found.get("categories"), f"{path}.categories", _dns)


def _conversion(spec: Obj, any_bundle: bool) -> Check:
    found, path = spec.get("conversion"), "spec.conversion"
    if found is None:
        return
    strategy, webhook = found.get("strategy"), found.get("webhook") or {}
    if strategy != "None" and spec.get("preserveUnknownFields"):
        yield invalid_value(f"{path}.strategy", strategy or "", "must be None if spec.preserveUnknownFields is true")
    yield from fields.one_of_or_needed(strategy, f"{path}.strategy", ("None", "Webhook"))
    client, versions = webhook.get("clientConfig"), webhook.get("conversionReviewVersions") or []
    at, reviews = f"{path}.webhookClientConfig", f"{path}.conversionReviewVersions"
    if strategy != "Webhook":
        for given, place in ((client is not None, at), (versions, reviews)):
            if given:
                yield forbidden_field(place, "should not be set when strategy is not set to Webhook")
        return
    if client is None:
        yield required(at, "required when strategy is set to Webhook")
    else:
        yield from matching.client(client, at)
        bundle = client.get("caBundle")
        if bundle and not any_bundle and (wrong := pem.bundle_error(base64.b64decode(bundle))):
            yield invalid_value(f"{at}.caBundle", bundle, wrong)
    yield from _review_versions(versions, reviews)


def _review_versions(versions: list[str], path: str) -> Check:
    if not versions:
        yield required(path)
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            yield invalid_value(f"{path}[{index}]", version, "duplicate version")
        else:
            yield from fields.said(f"{path}[{index}]", version, names.dns_1035_label_errors(version))
    if not any(version in _REVIEW_VERSIONS for version in versions):
        message = f"must include at least one of {', '.join(_REVIEW_VERSIONS)}"
        yield invalid_value(path, versions, message)


def _stored(stored: list[str] | None, versions: list[Obj], path: str) -> Check:
    if not stored:
        yield invalid_value(path, stored, "must have at least one stored version")
        return
    known, gone = {each.get("name", "") for each in versions}, set[str]()
    for version in versions:
        name = version.get("name", "")
        if version.get("storage") and (name not in stored or name in gone):
            yield invalid_value(path, stored, f"must have the storage version {name}")
        gone.add(name)
    for index, name in enumerate(stored):
        if name not in known:
            message = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} and removes "
                f"{name} from status.storedVersions"
            )
            yield invalid_value(f"{path}[{index}]", name, message)


def _approval(crd: Obj, old: Obj | None) -> Check:
    """Groups of the community need a word that their API was reviewed."""
    group, text = crd["spec"].get("group", ""), meta.annotations(crd).get(_APPROVED, "")
    if not f".{group}".endswith((".k8s.io", ".kubernetes.io")):
        return
    state, path = _approved(text), f"metadata.annotations[{_APPROVED}]"
    if old is not None and _approved(meta.annotations(old).get(_APPROVED, "")) == state:
        return
    needed = f'protected groups must have approval annotation "{_APPROVED}"'
    if state == "missing":
        yield required(path, f"{needed}, {_PROPOSAL}")
    elif state == "invalid":
        how = 'with either a URL or a reason starting with "unapproved"'
        yield invalid_value(path, text, f"{needed} {how}, {_PROPOSAL}")


def _approved(text: str) -> str:
    if not text:
        return "missing"
    if text.startswith("unapproved"):
        return "bypassed"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "invalid"
    return "approved" if parts.scheme and parts.netloc else "invalid"


def _status(new: Obj, old: Obj) -> Check:
    yield from _names((new.get("status") or {}).get("acceptedNames") or {}, "status.acceptedNames")


RULES = {
    "apiextensions.k8s.io/v1/CustomResourceDefinition": Rules(
        body=_definition, change=_update, subresources={"status": _status}, own_metadata=False
    ),
}
