"""Rules of single values that many kinds share: names, ports, addresses, paths, numbers, enumerations.

Checks are generators: they yield a FieldError for each thing that is wrong, in upstream's order.
Source: apimachinery, util/validation; pkg/apis/core/validation.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

from wherry.api import Obj
from wherry.api.errors import FieldError, invalid_value, required, too_long, unsupported
from wherry.api.validation import metadata
from wherry.lib import names, quantity

Check = Iterator[FieldError]

MODE_RANGE = "must be a number between 0 and 0777 (octal), both inclusive"
NOT_POSITIVE = "must be greater than zero"
NOT_INTEGER = "must be an integer"


def inclusive(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


def said(path: str, value: Any, messages: Iterable[str]) -> Check:
    """One error for each message about a value."""
    for message in messages:
        yield invalid_value(path, value, message)


def needed(obj: Obj, path: str, *keys: str) -> Check:
    """Fields that must not be empty."""
    for key in keys:
        if not obj.get(key):
            yield required(f"{path}.{key}")


def one_of(value: Any, path: str, supported: Iterable[str]) -> Check:
    """A value of an enumeration, listed in the order given."""
    listed = tuple(supported)
    if value not in listed:
        yield unsupported(path, value, listed)


def one_of_or_needed(value: str | None, path: str, supported: Iterable[str]) -> Check:
    """A value of an enumeration that has no empty value."""
    if not value:
        yield required(path)
    else:
        yield from one_of(value, path, supported)


def label(value: str, path: str) -> Check:
    yield from said(path, value, names.dns_label_errors(value))


def subdomain(value: str, path: str) -> Check:
    yield from said(path, value, names.dns_subdomain_errors(value))


_WILDCARD_FORM = names.pattern_error(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    rf"\*\.{names.SUBDOMAIN}",
    "*.example.com",
)


def host(value: str, path: str) -> Check:
    """A subdomain, or `*.` and one."""
    if "*" not in value:
        yield from subdomain(value, path)
        return
    if len(value) > 253:
        yield invalid_value(path, value, names.too_long(253))
    if not re.fullmatch(rf"\*\.{names.SUBDOMAIN}", value):
        yield invalid_value(path, value, _WILDCARD_FORM)


def path_segment(value: str, path: str) -> Check:
    yield from said(path, value, metadata.path_segment(value))


def path_segment_or_needed(value: str | None, path: str) -> Check:
    """Text that can stand in a path, and must be there."""
    if not value:
        yield required(path)
    else:
        yield from path_segment(value, path)


def qualified_name(value: str, path: str) -> Check:
    yield from said(path, value, names.qualified_name_errors(value))


def not_negative(value: int | None, path: str) -> Check:
    yield from metadata.not_negative(value, path)


def positive(value: int | None, path: str) -> Check:
    if (value or 0) <= 0:
        yield invalid_value(path, value or 0, NOT_POSITIVE)


def in_range(value: int, path: str, low: int, high: int) -> Check:
    if not low <= value <= high:
        yield invalid_value(path, value, inclusive(low, high))


def file_mode(value: int | None, path: str) -> Check:
    if value is not None and not 0 <= value <= 0o777:
        yield invalid_value(path, value, MODE_RANGE)


def port_number(value: int, path: str) -> Check:
    yield from in_range(value, path, 1, 65535)


def port_name_errors(name: str) -> list[str]:
    errors = [names.too_long(15)] if len(name) > 15 else []
    if not re.fullmatch("[-a-z0-9]+", name):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", name):
        errors.append("must contain at least one letter (a-z)")
    if "--" in name:
        errors.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        errors.append("must not begin or end with a hyphen")
    return errors


def port_number_or_name(port: int | str, path: str) -> Check:
    if isinstance(port, int):
        yield from port_number(port, path)
    else:
        yield from said(path, port, port_name_errors(port))


_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_CONFIG_KEY_MESSAGE = names.pattern_error(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)


def config_key_errors(key: str) -> list[str]:
    """A key of a ConfigMap or Secret: it can be a file's name."""
    errors = [names.too_long(253)] if len(key) > 253 else []
    if not re.fullmatch(_CONFIG_KEY, key):
        errors.append(_CONFIG_KEY_MESSAGE)
    if key in (".", ".."):
        errors.append(f"must not be '{key}'")
    elif key.startswith(".."):
        errors.append("must not start with '..'")
    return errors


def variable_name_errors(name: str) -> list[str]:
    """An environment variable's name."""
    errors = [] if name else ["environment variable name must be non-empty"]
    if not name.isascii() or not name.isprintable() or "=" in name:
        errors.append(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
        )
    return errors


_HEADER = "[-A-Za-z0-9]+"


def header_name_errors(name: str) -> list[str]:
    if re.fullmatch(_HEADER, name):
        return []
    message = "a valid HTTP header must consist of alphanumeric characters or '-'"
    return [names.pattern_error(message, _HEADER, "X-Header-Name")]


_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"


def domain_path(text: str, path: str) -> Check:
    """`example.com/name`."""
    host, slash, rest = text.partition("/")
    if not text:
        yield required(path)
    elif not (slash and host and rest):
        yield invalid_value(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        yield from said(path, host, names.dns_subdomain_errors(host))
        if not re.fullmatch(_HTTP_PATH, rest):
            yield invalid_value(path, rest, names.pattern_error("Invalid path", _HTTP_PATH))


# Paths


def no_backsteps(path_text: str, path: str) -> Check:
    if ".." in path_text.split("/"):
        yield invalid_value(path, path_text, "must not contain '..'")


def descending_path(path_text: str, path: str) -> Check:
    """A relative path that stays below where it starts."""
    if path_text.startswith("/"):
        yield invalid_value(path, path_text, "must be a relative path")
    yield from no_backsteps(path_text, path)


def local_path(path_text: str, path: str) -> Check:
    """A descending path whose first name does not begin with two dots."""
    yield from descending_path(path_text, path)
    if path_text.startswith("..") and not path_text.startswith("../"):
        yield invalid_value(path, path_text, "must not start with '..'")


# Amounts


def amount(value: Any) -> Decimal:
    return quantity.parse(value)


def amount_not_negative(value: str, path: str) -> Check:
    if amount(value) < 0:
        yield invalid_value(path, value, metadata.NOT_NEGATIVE)


def at_most(text: str, limit: int, path: str) -> Check:
    """A text of at most so many bytes."""
    if len(text.encode()) > limit:
        yield too_long(path, limit)


def size_of(encoded: str) -> int:
    """How many bytes base64 stands for."""
    return len(encoded) * 3 // 4 - encoded[-2:].count("=")


# Lists


def each(items: Iterable[Any] | None, path: str, check: Callable[[Any, str], Check]) -> Check:
    """Every element of a list with its path."""
    for index, item in enumerate(items or ()):
        yield from check(item, f"{path}[{index}]")
