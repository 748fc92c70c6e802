"""Query parameters and DeleteOptions as typed options, checked as apimachinery checks them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from wherry.api import Obj, errors
from wherry.api.errors import FieldError
from wherry.api.kinds import Kind
from wherry.apiserver.routes import Query, is_true

MANAGER_LIMIT = 128
_INTEGER = re.compile(r"[+-]?\d+")
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_POLICIES = ("Foreground", "Background", "Orphan")


def _options_kind(name: str) -> Kind:
    return Kind("meta.k8s.io", "v1", name, "")


LIST_OPTIONS = _options_kind("ListOptions")
DELETE_OPTIONS = _options_kind("DeleteOptions")


def integer(query: Query, name: str) -> int | None:
    """An integer parameter. Raises StatusError in Go's words."""
    text = query.get(name, "")
    if not text:
        return None
    if not _INTEGER.fullmatch(text):
        raise errors.bad_request(f"strconv.ParseInt: parsing {errors.quote(text)}: invalid syntax")
    return int(text)


def boolean(query: Query, name: str) -> bool | None:
    return is_true(query[name]) if name in query else None


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Of create, update and patch. `manager`: who owns the fields; `force`: take them from others (apply only)."""

    dry_run: bool = False
    manager: str = ""
    field_validation: str = "Warn"
    force: bool = False


@lru_cache(1024)  # a client asks the same way again and again
def write_options(raw_query: str, user_agent: str, kind: str, patch_type: str = "") -> WriteOptions:
    """`kind`: CreateOptions, UpdateOptions or PatchOptions. Raises StatusError."""
    query = Query(raw_query)
    manager = query.get("fieldManager", "")
    validation = query.get("fieldValidation", "")
    found: list[FieldError] = []
    if kind == "PatchOptions":
        found += _patch_errors(query, manager, patch_type)
    found += _manager_errors(manager) + _dry_run_errors(query.all("dryRun"))
    if validation not in _VALIDATIONS:
        found.append(errors.unsupported("fieldValidation", validation, _VALIDATIONS))
    if found:
        raise errors.invalid(_options_kind(kind), "", found)
    return WriteOptions(
        bool(query.get("dryRun")),
        manager or manager_of(user_agent),
        validation or "Warn",
        bool(boolean(query, "force")),
    )


def _patch_errors(query: Query, manager: str, patch_type: str) -> list[FieldError]:
    if patch_type == "apply":
        return [] if manager else [errors.required("fieldManager", "is required for apply patch")]
    return [errors.forbidden_field("force", "may not be specified for non-apply patch")] if "force" in query else []


def _manager_errors(manager: str) -> list[FieldError]:
    found = [errors.too_long("fieldManager", MANAGER_LIMIT)] if len(manager.encode()) > MANAGER_LIMIT else []
    for position, char in enumerate(manager):
        if not char.isprintable():
            detail = f"invalid character U+{ord(char):04X} (at position {position})"
            found.append(errors.invalid_value("fieldManager", manager, detail))
    return found


def _dry_run_errors(values: list[str]) -> list[FieldError]:
    if all(value == "All" for value in values):
        return []
    return [errors.unsupported("dryRun", values, ["All"])]


def manager_of(user_agent: str) -> str:
    """The manager's name for a client that gave none: its user agent up to the first slash."""
    name = "".join(char for char in user_agent.partition("/")[0] if char.isprintable())
    return name[:MANAGER_LIMIT]


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Of list, watch and deletecollection. `timeout` in seconds, 0 for none given."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    token: str = ""
    version: str = ""
    match: str = ""
    watch: bool = False
    bookmarks: bool = False
    initial_events: bool | None = None
    timeout: int = 0


def list_options(query: Query, watch: bool = False) -> ListOptions:
    """Raises StatusError."""
    initial = boolean(query, "sendInitialEvents")
    options = ListOptions(
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        limit=max(integer(query, "limit") or 0, 0),
        token=query.get("continue", ""),
        version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        watch=watch,
        bookmarks=bool(boolean(query, "allowWatchBookmarks")),
        initial_events=initial,
        timeout=integer(query, "timeoutSeconds") or 0,
    )
    if watch and initial is None and options.version in ("", "0") and not options.match:
        # Upstream's defaulting: such a watch starts with what exists.
        options = replace(options, match="NotOlderThan", initial_events=True)
    found = _watch_errors(options) if watch else _list_errors(options)
    if found:
        raise errors.invalid(LIST_OPTIONS, "", found)
    return options


def _list_errors(options: ListOptions) -> list[FieldError]:
    field, found = "resourceVersionMatch", []
    if options.match:
        if not options.version:
            found.append(errors.forbidden_field(field, f"{field} is forbidden unless resourceVersion is provided"))
        if options.token:
            found.append(errors.forbidden_field(field, f"{field} is forbidden when continue is provided"))
        if options.match not in ("Exact", "NotOlderThan"):
            found.append(errors.unsupported(field, options.match, ["Exact", "NotOlderThan", ""]))
        if options.match == "Exact" and options.version == "0":
            found.append(errors.forbidden_field(field, f'{field} "exact" is forbidden for resourceVersion "0"'))
    if options.initial_events is not None:
        found.append(errors.forbidden_field("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return found


def _watch_errors(options: ListOptions) -> list[FieldError]:
    field, found = "resourceVersionMatch", []
    if options.initial_events is not None and options.match != "NotOlderThan":
        why = f"sendInitialEvents requires setting {field} to NotOlderThan"
        found.append(errors.forbidden_field(field, why))
    if options.match:
        if options.initial_events is None:
            why = f"{field} is forbidden for watch unless sendInitialEvents is provided"
            found.append(errors.forbidden_field(field, why))
        if options.match != "NotOlderThan":
            found.append(errors.unsupported(field, options.match, ["NotOlderThan"]))
        if options.token:
            found.append(errors.forbidden_field(field, f"{field} is forbidden when continue is provided"))
    return found


@dataclass(slots=True)
class DeleteOptions:
    """`grace`: seconds, None when not said. `policy`: Foreground, Background, Orphan or "".
    `orphan`: the same in its old form."""

    grace: int | None = None
    policy: str = ""
    orphan: bool | None = None
    uid: str | None = None
    version: str | None = None
    dry_run: bool = False


def delete_options(query: Query, body: Obj | None) -> DeleteOptions:
    """From a decoded body, else from the query. Raises StatusError."""
    given: Mapping[str, Any] = body if body is not None else _deletion_query(query)
    preconditions = given.get("preconditions") or {}
    policy, orphan = given.get("propagationPolicy"), given.get("orphanDependents")
    found: list[FieldError] = []
    if orphan is not None and policy is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        found.append(errors.invalid_value("propagationPolicy", policy, why))
    if policy is not None and policy not in _POLICIES:
        found.append(errors.unsupported("propagationPolicy", policy, [*_POLICIES, "nil"]))
    found += _dry_run_errors(given.get("dryRun") or [])
    if found:
        raise errors.invalid(DELETE_OPTIONS, "", found)
    grace = given.get("gracePeriodSeconds")
    return DeleteOptions(
        grace, policy or "", orphan, preconditions.get("uid"), preconditions.get("resourceVersion"),
        bool(given.get("dryRun")),
    )  # fmt: skip


def _deletion_query(query: Query) -> Obj:
    found: Obj = {"gracePeriodSeconds": integer(query, "gracePeriodSeconds"), "dryRun": query.all("dryRun")}
    found["orphanDependents"] = boolean(query, "orphanDependents")
    found["propagationPolicy"] = query.get("propagationPolicy")
    return found
