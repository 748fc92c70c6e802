"""What may be called what: DNS labels, qualified names, label values; and the names that the platform generates.

Each `is_...` is a yes or no; `..._errors` say why not, in the words of apimachinery's util/validation.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_QUALIFIED})?"

_LABEL_RE = re.compile(_LABEL)
_SUBDOMAIN_RE = re.compile(SUBDOMAIN)
_LABEL_1035_RE = re.compile(_LABEL_1035)
_QUALIFIED_RE = re.compile(_QUALIFIED)
_VALUE_RE = re.compile(_VALUE)

# No vowels and no digits that look like them, so that generated names spell nothing (apimachinery util/rand).
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def too_long(limit: int, unit: str = "characters") -> str:
    """Upstream counts label keys and values in bytes and other names in characters."""
    return f"must be no more than {limit} {unit}"


def pattern_error(message: str, pattern: str, *examples: str) -> str:
    """Upstream's form of "does not match": the rule, examples, and the expression."""
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} ({'e.g. ' if examples else ''}{shown}regex used for validation is '{pattern}')"


def dns_label_errors(text: str) -> list[str]:
    """RFC 1123 label."""
    errors = [too_long(63)] if len(text) > 63 else []
    if not _LABEL_RE.fullmatch(text):
        if _SUBDOMAIN_RE.fullmatch(text):
            errors.append("must not contain dots")
        else:
            errors.append(
                pattern_error(
                    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
                    "start and end with an alphanumeric character",
                    _LABEL,
                    "my-name",
                    "123-abc",
                )
            )
    return errors


def dns_subdomain_errors(text: str, unit: str = "characters") -> list[str]:
    """RFC 1123 subdomain: what most objects are named by."""
    errors = [too_long(253, unit)] if len(text) > 253 else []
    if not _SUBDOMAIN_RE.fullmatch(text):
        errors.append(
            pattern_error(
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
                "must start and end with an alphanumeric character",
                SUBDOMAIN,
                "example.com",
            )
        )
    return errors


def dns_1035_label_errors(text: str) -> list[str]:
    """RFC 1035 label: what Services are named by."""
    errors = [too_long(63)] if len(text) > 63 else []
    if not _LABEL_1035_RE.fullmatch(text):
        errors.append(
            pattern_error(
                "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
                "alphabetic character, and end with an alphanumeric character",
                _LABEL_1035,
                "my-name",
                "abc-123",
            )
        )
    return errors


_QUALIFIED_MESSAGE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)


def qualified_name_errors(text: str) -> list[str]:
    """A label or annotation key: `name` or `prefix/name`."""
    return list(_qualified_name_errors(text))


@lru_cache(4096)  # a cluster has few of them, and sees them all the time
def _qualified_name_errors(text: str) -> list[str]:
    errors = []
    parts = text.split("/")
    if len(parts) > 2:
        return [
            "a valid label key "
            + pattern_error(_QUALIFIED_MESSAGE, _QUALIFIED, "MyName", "my.name", "123-abc")
            + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    if len(parts) == 2:
        if not parts[0]:
            errors.append("prefix part must be non-empty")
        else:
            errors += ["prefix part " + error for error in dns_subdomain_errors(parts[0], "bytes")]
    name = parts[-1]
    if not name:
        errors.append("name part must be non-empty")
    elif len(name) > 63:
        errors.append("name part " + too_long(63, "bytes"))
    if not _QUALIFIED_RE.fullmatch(name):
        errors.append("name part " + pattern_error(_QUALIFIED_MESSAGE, _QUALIFIED, "MyName", "my.name", "123-abc"))
    return errors


def label_value_errors(text: str) -> list[str]:
    errors = [too_long(63, "bytes")] if len(text) > 63 else []
    if not _VALUE_RE.fullmatch(text):
        errors.append(
            pattern_error(
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
                "must start and end with an alphanumeric character",
                _VALUE,
                "MyValue",
                "my_value",
                "12345",
            )
        )
    return errors


def is_dns_label(text: str) -> bool:
    return len(text) <= 63 and _LABEL_RE.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    return len(text) <= 253 and _SUBDOMAIN_RE.fullmatch(text) is not None


def is_qualified_name(text: str) -> bool:
    return not qualified_name_errors(text)


def is_label_value(text: str) -> bool:
    return not label_value_errors(text)


def suffix(random: "Random", length: int = 5) -> str:
    """A random ending for a generated name."""
    return "".join(random.choices(_SAFE, k=length))


def hash_suffix(data: bytes) -> str:
    """A stable ending for a name made from content (pod-template-hash): FNV-1a, 32 bits, in the safe alphabet."""
    state = 0x811C9DC5
    for byte in data:
        state = ((state ^ byte) * 0x01000193) & 0xFFFFFFFF
    return "".join(_SAFE[ord(digit) % len(_SAFE)] for digit in str(state))
