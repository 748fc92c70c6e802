"""Formats of strings in schemas.

`check("ipv4", "1.2.3.4")`. Dashes in a format's name do not count. Source: kube-openapi, pkg/validation/strfmt.
"""

import binascii
import ipaddress
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

_HEX = "[0-9a-f]"
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_CARD = (
    r"4\d{12}(\d{3})?|5[1-5]\d{14}|6(011|5\d\d)\d{12}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}|(2131|1800|35\d{3})\d{11}"
)
_HOST_LABEL = r"[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?"
_COLOR = r"(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])"
_TIME = r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[-+]\d\d:\d\d)"
_GO_DURATION = r"[-+]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)"
_UNITS = ("ns", "us", "ms", "s", "m", "h", "d", "w", "µs", "hr", "wk")
_UNIT_BEGINS = ("nano", "micro", "µs", "milli", "sec", "min", "hour", "day", "week")


def _matches(pattern: str, flags: re.RegexFlag = re.ASCII) -> Callable[[str], bool]:
    known = re.compile(pattern, flags)
    return lambda text: known.fullmatch(text) is not None


def _uuid(version: str = "", variant: str = "") -> Callable[[str], bool]:
    third, fourth = f"{version or _HEX}{_HEX}{{3}}", f"{variant or _HEX}{_HEX}{{3}}"
    return _matches(f"{_HEX}{{8}}-?{_HEX}{{4}}-?{third}-?{fourth}-?{_HEX}{{12}}", re.IGNORECASE)


def _address(version: int) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            return ipaddress.ip_address(text).version == version
        except ValueError:
            return False

    return check


def _is_range(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "/" in text


def _is_hostname(text: str) -> bool:
    known = re.fullmatch(rf"{_HOST_LABEL}(\.{_HOST_LABEL})*", text, re.ASCII)
    return known is not None and len(text) <= 255 and all(len(part) <= 63 for part in text.split("."))


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme) or text.startswith("/")


def _isbn(length: int) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        digits = re.sub(r"[\s-]", "", text)
        if length == 10:
            weighed = [(place + 1) * (10 if digit == "X" else int(digit)) for place, digit in enumerate(digits[:10])]
            return re.fullmatch(r"\d{9}[\dX]", digits) is not None and sum(weighed) % 11 == 0
        return re.fullmatch(r"\d{13}", digits) is not None and _ean(digits)

    return check


def _ean(digits: str) -> bool:
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return re.fullmatch(_CARD, digits) is not None and sum(each // 10 + each % 10 for each in doubled) % 10 == 0


def _is_base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return bool(text)


def _is_date(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return False
    return len(text) == 10


def _is_time(text: str) -> bool:
    if re.fullmatch(_TIME, text) is None:
        return False
    try:
        datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


def _is_duration(text: str) -> bool:
    """Go's durations, and any text in which a number and a unit stand."""
    if re.fullmatch(_GO_DURATION, text):
        return True
    units = [unit.lower() for _, unit in re.findall(r"(\d+)\s*([A-Za-zµ]+)", text)]
    return any(unit in _UNITS or unit.startswith(_UNIT_BEGINS) for unit in units)


_KNOWN: Mapping[str, Callable[[str], bool]] = {
    "bsonobjectid": _matches("[0-9a-fA-F]{24}"),
    "byte": _is_base64,
    "cidr": _is_range,
    "creditcard": _is_card,
    "date": _is_date,
    "datetime": _is_time,
    "duration": _is_duration,
    "email": _matches(r"(.*<)?[^@\s<>]+@[^@\s<>]+>?"),
    "hexcolor": _matches("#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "hostname": _is_hostname,
    "ipv4": _address(4),
    "ipv6": _address(6),
    "isbn": lambda text: _isbn(10)(text) or _isbn(13)(text),
    "isbn10": _isbn(10),
    "isbn13": _isbn(13),
    "k8slongname": lambda text: len(text) <= 253 and re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", text) is not None,
    "k8sshortname": lambda text: len(text) <= 63 and re.fullmatch(_LABEL, text) is not None,
    "mac": _matches("([0-9a-fA-F]{2}[:-]){5,7}[0-9a-fA-F]{2}|([0-9a-fA-F]{4}[.]){2,3}[0-9a-fA-F]{4}"),
    "password": lambda text: True,
    "rgbcolor": _matches(rf"rgb\(\s*{_COLOR}\s*,\s*{_COLOR}\s*,\s*{_COLOR}\s*\)"),
    "ssn": _matches(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    "uri": _is_uri,
    "uuid": _uuid(),
    "uuid3": _uuid("3"),
    "uuid4": _uuid("4", "[89ab]"),
    "uuid5": _uuid("5", "[89ab]"),
}


def known(name: str) -> bool:
    return name.replace("-", "") in _KNOWN


def of_type(name: str, kind: str) -> bool:
    """Whether a format means something for values of a type."""
    match kind:
        case "" | "string":
            return known(name)
        case "integer":
            return name in ("int32", "int64")
        case "number":
            return name in ("float", "double")
    return False


def check(name: str, text: str) -> bool:
    """Whether a text has a format that is known."""
    return _KNOWN[name.replace("-", "")](text)
