"""What functions, methods and operators take and give: the language's own, and those that Kubernetes adds.

One declaration a line: `function(types) -> type`, or `type.method(types) -> type`; single capitals are type
parameters. Several lines of one name are its overloads, in order.
"""

from functools import cache
from typing import NamedTuple

from wherry.lib.cel.types import Type, parse_type

_ORDERED = ("bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration")
_NUMBERS = ("int", "uint", "double")

_OPERATORS = """
_?_:_(bool, A, A) -> A
_&&_(bool, bool) -> bool
_||_(bool, bool) -> bool
!_(bool) -> bool
_==_(A, A) -> bool
_!=_(A, A) -> bool
_+_(bytes, bytes) -> bytes
_+_(double, double) -> double
_+_(duration, duration) -> duration
_+_(duration, timestamp) -> timestamp
_+_(timestamp, duration) -> timestamp
_+_(int, int) -> int
_+_(list(A), list(A)) -> list(A)
_+_(string, string) -> string
_+_(uint, uint) -> uint
_-_(double, double) -> double
_-_(duration, duration) -> duration
_-_(int, int) -> int
_-_(timestamp, duration) -> timestamp
_-_(timestamp, timestamp) -> duration
_-_(uint, uint) -> uint
_*_(double, double) -> double
_*_(int, int) -> int
_*_(uint, uint) -> uint
_/_(double, double) -> double
_/_(int, int) -> int
_/_(uint, uint) -> uint
_%_(int, int) -> int
_%_(uint, uint) -> uint
-_(double) -> double
-_(int) -> int
@in(A, list(A)) -> bool
@in(A, map(A, B)) -> bool
_[_](list(A), int) -> A
_[_](map(A, B), A) -> B
_[_](optional(list(V)), int) -> optional(V)
_[_](optional(map(K, V)), K) -> optional(V)
_[?_](list(V), int) -> optional(V)
_[?_](optional(list(V)), int) -> optional(V)
_[?_](map(K, V), K) -> optional(V)
_[?_](optional(map(K, V)), K) -> optional(V)
"""

_STANDARD = """
size(bytes) -> int
size(list(A)) -> int
size(map(A, B)) -> int
size(string) -> int
bytes.size() -> int
list(A).size() -> int
map(A, B).size() -> int
string.size() -> int
type(A) -> type(A)
dyn(A) -> dyn
bool(bool) -> bool
bool(string) -> bool
bytes(bytes) -> bytes
bytes(string) -> bytes
double(double) -> double
double(int) -> double
double(string) -> double
double(uint) -> double
duration(duration) -> duration
duration(int) -> duration
duration(string) -> duration
int(int) -> int
int(double) -> int
int(duration) -> int
int(string) -> int
int(timestamp) -> int
int(uint) -> int
string(string) -> string
string(bool) -> string
string(bytes) -> string
string(double) -> string
string(duration) -> string
string(int) -> string
string(timestamp) -> string
string(uint) -> string
string(net.IP) -> string
string(net.CIDR) -> string
timestamp(timestamp) -> timestamp
timestamp(int) -> timestamp
timestamp(string) -> timestamp
uint(uint) -> uint
uint(double) -> uint
uint(int) -> uint
uint(string) -> uint
string.contains(string) -> bool
string.endsWith(string) -> bool
string.startsWith(string) -> bool
matches(string, string) -> bool
string.matches(string) -> bool
optional.of(V) -> optional(V)
optional.ofNonZeroValue(V) -> optional(V)
optional.none() -> optional(V)
optional.unwrap(list(optional(V))) -> list(V)
optional(V).value() -> V
optional(V).hasValue() -> bool
optional(V).or(optional(V)) -> optional(V)
optional(V).orValue(V) -> V
list(optional(V)).unwrapOpt() -> list(V)
list(V).first() -> optional(V)
list(V).last() -> optional(V)
"""

_EXTENSIONS = """
string.charAt(int) -> string
string.indexOf(string) -> int
string.indexOf(string, int) -> int
list(string).join() -> string
list(string).join(string) -> string
string.lastIndexOf(string) -> int
string.lastIndexOf(string, int) -> int
string.lowerAscii() -> string
string.replace(string, string) -> string
string.replace(string, string, int) -> string
string.split(string) -> list(string)
string.split(string, int) -> list(string)
string.substring(int) -> string
string.substring(int, int) -> string
string.trim() -> string
string.upperAscii() -> string
string.format(list(dyn)) -> string
strings.quote(string) -> string
sets.contains(list(T), list(T)) -> bool
sets.equivalent(list(T), list(T)) -> bool
sets.intersects(list(T), list(T)) -> bool
list(T).slice(int, int) -> list(T)
list(list(T)).flatten() -> list(T)
list(dyn).flatten(int) -> list(dyn)
lists.range(int) -> list(int)
list(T).distinct() -> list(T)
list(T).reverse() -> list(T)
list(A).indexOf(A) -> int
list(A).lastIndexOf(A) -> int
string.find(string) -> string
string.findAll(string) -> list(string)
string.findAll(string, int) -> list(string)
jsonpatch.escapeKey(string) -> string
"""

_KUBERNETES = """
url(string) -> kubernetes.URL
isURL(string) -> bool
kubernetes.URL.getScheme() -> string
kubernetes.URL.getHost() -> string
kubernetes.URL.getHostname() -> string
kubernetes.URL.getPort() -> string
kubernetes.URL.getEscapedPath() -> string
kubernetes.URL.getQuery() -> map(string, list(string))
quantity(string) -> kubernetes.Quantity
isQuantity(string) -> bool
sign(kubernetes.Quantity) -> int
kubernetes.Quantity.isGreaterThan(kubernetes.Quantity) -> bool
kubernetes.Quantity.isLessThan(kubernetes.Quantity) -> bool
kubernetes.Quantity.compareTo(kubernetes.Quantity) -> int
kubernetes.Quantity.asApproximateFloat() -> double
kubernetes.Quantity.asInteger() -> int
kubernetes.Quantity.isInteger() -> bool
kubernetes.Quantity.add(kubernetes.Quantity) -> kubernetes.Quantity
kubernetes.Quantity.add(int) -> kubernetes.Quantity
kubernetes.Quantity.sub(kubernetes.Quantity) -> kubernetes.Quantity
kubernetes.Quantity.sub(int) -> kubernetes.Quantity
ip(string) -> net.IP
isIP(string) -> bool
ip.isCanonical(string) -> bool
net.IP.family() -> int
net.IP.isUnspecified() -> bool
net.IP.isLoopback() -> bool
net.IP.isLinkLocalMulticast() -> bool
net.IP.isLinkLocalUnicast() -> bool
net.IP.isGlobalUnicast() -> bool
cidr(string) -> net.CIDR
isCIDR(string) -> bool
net.CIDR.containsIP(string) -> bool
net.CIDR.containsIP(net.IP) -> bool
net.CIDR.containsCIDR(string) -> bool
net.CIDR.containsCIDR(net.CIDR) -> bool
net.CIDR.ip() -> net.IP
net.CIDR.prefixLength() -> int
net.CIDR.masked() -> net.CIDR
kubernetes.NamedFormat.validate(string) -> optional(list(string))
format.named(string) -> optional(kubernetes.NamedFormat)
semver(string) -> kubernetes.Semver
semver(string, bool) -> kubernetes.Semver
isSemver(string) -> bool
isSemver(string, bool) -> bool
kubernetes.Semver.isGreaterThan(kubernetes.Semver) -> bool
kubernetes.Semver.isLessThan(kubernetes.Semver) -> bool
kubernetes.Semver.compareTo(kubernetes.Semver) -> int
kubernetes.Semver.major() -> int
kubernetes.Semver.minor() -> int
kubernetes.Semver.patch() -> int
kubernetes.authorization.Authorizer.path(string) -> kubernetes.authorization.PathCheck
kubernetes.authorization.Authorizer.group(string) -> kubernetes.authorization.GroupCheck
kubernetes.authorization.Authorizer.serviceAccount(string, string) -> kubernetes.authorization.Authorizer
kubernetes.authorization.GroupCheck.resource(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.subresource(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.namespace(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.name(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.fieldSelector(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck.labelSelector(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.PathCheck.check(string) -> kubernetes.authorization.Decision
kubernetes.authorization.ResourceCheck.check(string) -> kubernetes.authorization.Decision
kubernetes.authorization.Decision.errored() -> bool
kubernetes.authorization.Decision.error() -> string
kubernetes.authorization.Decision.allowed() -> bool
kubernetes.authorization.Decision.reason() -> string
"""

_FORMATS = (
    "dns1123Label", "dns1123Subdomain", "dns1035Label", "qualifiedName", "dns1123LabelPrefix",
    "dns1123SubdomainPrefix", "dns1035LabelPrefix", "labelValue", "uri", "uuid", "byte", "date", "datetime",
)  # fmt: skip
_PARTS_OF_TIME = (
    "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek", "getHours", "getMinutes",
    "getSeconds", "getMilliseconds",
)  # fmt: skip


class Overload(NamedTuple):
    """One way to call a function. `method`: the first of `takes` is what it belongs to."""

    method: bool
    takes: tuple[Type, ...]
    gives: Type


def _comparisons() -> list[str]:
    lines = []
    for sign in ("<", "<=", ">", ">="):
        lines += [f"_{sign}_({kind}, {kind}) -> bool" for kind in _ORDERED]
        lines += [f"_{sign}_({a}, {b}) -> bool" for a in _NUMBERS for b in _NUMBERS if a != b]
    return lines


def _families() -> list[str]:
    """Declarations that repeat for many types."""
    lines = [f"format.{name}() -> kubernetes.NamedFormat" for name in _FORMATS]
    for part in _PARTS_OF_TIME:
        lines += [f"timestamp.{part}() -> int", f"timestamp.{part}(string) -> int"]
    lines += [f"duration.{part}() -> int" for part in _PARTS_OF_TIME[-4:]]
    lines += [f"list({kind}).isSorted() -> bool" for kind in _ORDERED]
    lines += [f"list({kind}).sort() -> list({kind})" for kind in _ORDERED]
    for name in ("min", "max"):
        lines += [f"list({kind}).{name}() -> {kind}" for kind in _ORDERED]
    return lines + [f"list({kind}).sum() -> {kind}" for kind in ("int", "uint", "double", "duration")]


_NAMESPACES = ("optional", "strings", "sets", "lists", "format", "jsonpatch", "ip")


def _declare(line: str) -> tuple[str, Overload]:
    """`list(A).indexOf(A) -> int` -> the name and how it is called."""
    left, _, gives = line.partition(" -> ")
    opening = _opening(left)
    head, inside = left[:opening], left[opening + 1 : -1]
    takes = tuple(parse_type(f"f({inside})").parameters) if inside else ()
    owner, dot, name = head.rpartition(".")
    if not dot or owner in _NAMESPACES:
        return head, Overload(False, takes, parse_type(gives))
    return name, Overload(True, (parse_type(owner), *takes), parse_type(gives))


def _opening(text: str) -> int:
    """Where the bracket that closes at the end opens."""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise ValueError(text)


@cache
def declared() -> dict[str, list[Overload]]:
    """Every function by name."""
    found: dict[str, list[Overload]] = {}
    texts = (_OPERATORS, _STANDARD, _EXTENSIONS, _KUBERNETES)
    lines = [line for text in texts for line in text.splitlines() if line]
    for line in [*lines, *_comparisons(), *_families()]:
        name, overload = _declare(line)
        found.setdefault(name, []).append(overload)
    return found
