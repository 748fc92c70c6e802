"""IP addresses and ranges.

"Legacy" fields are older than the strict rules: they take any spelling of an address, but neither leading zeros nor
IPv4 inside IPv6, and keep what an object already has. Newer fields take the canonical form only.
"""

import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache

from wherry.api.errors import invalid_value
from wherry.api.validation.fields import Check

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

BAD_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
BAD_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
_ZEROS = re.compile(r"(^|[.])0+(?=\d)")


@lru_cache(4096)  # nodes report their pods' addresses again and again
def parse(text: str) -> Address | None:
    """An address; leading zeros in IPv4 are ignored."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(_ZEROS.sub(r"\1", text) if ":" not in text else text)
    except ValueError:
        return None


def parse_range(text: str) -> tuple[Address, Network] | None:
    """`10.0.0.1/8` -> the address and its network."""
    host, slash, bits = text.partition("/")
    address = parse(host)
    if address is None or not slash or not re.fullmatch(r"\d+", bits) or int(bits) > address.max_prefixlen:
        return None
    return address, ipaddress.ip_network((address, int(bits)), strict=False)


def within(part: Network, whole: Network) -> bool:
    """Whether a range is a smaller part of another."""
    smaller = part.version == whole.version and part.prefixlen > whole.prefixlen
    return smaller and part.network_address in whole


def shown(address: Address) -> str:
    """An address as Go prints it: IPv4 within IPv6 as IPv4."""
    inner = mapped(address)
    return str(inner or address)


def mapped(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside `::ffff:1.2.3.4`."""
    return address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None


def is_v6(text: str) -> bool:
    """Whether a text is an IPv6 address, as Go's net.IP tells: not one with IPv4 inside."""
    found = parse(text)
    return found is not None and found.version == 6 and mapped(found) is None


def dual_stack(texts: Collection[str]) -> bool:
    """Whether addresses of both families are among these."""
    return len({is_v6(text) for text in texts}) == 2


def legacy_ip(text: str, path: str, known: Collection[str] = ()) -> Check:
    """An address in a field that is older than the strict rules. `known`: what the object had before."""
    if text in known:
        return
    found = parse(text)
    if found is None:
        yield invalid_value(path, text, BAD_ADDRESS)
    elif found.version == 4 and _ZEROS.search(text):
        yield invalid_value(path, text, "must not have leading 0s")
    elif mapped(found):
        yield invalid_value(path, text, "must not be an IPv4-mapped IPv6 address")


def strict_ip(text: str, path: str) -> Check:
    """An address in canonical form."""
    errors = list(legacy_ip(text, path))
    yield from errors
    found = parse(text)
    if not errors and found is not None and str(found) != text:
        yield invalid_value(path, text, f'must be in canonical form ("{found}")')


def legacy_range(text: str, path: str, known: Collection[str] = ()) -> Check:
    """A range in a field that is older than the strict rules."""
    if text in known:
        return
    found = parse_range(text)
    if found is None:
        yield invalid_value(path, text, BAD_RANGE)
        return
    host, _, bits = text.partition("/")
    address, network = found
    if (address.version == 4 and _ZEROS.search(host)) or re.match(r"0\d", bits):
        yield invalid_value(path, text, "must not have leading 0s in IP or prefix length")
    elif mapped(address):
        yield invalid_value(path, text, "must not have an IPv4-mapped IPv6 address")
    elif address != network.network_address:
        yield invalid_value(path, text, "must not have bits set beyond the prefix length")


def strict_range(text: str, path: str) -> Check:
    """A range in canonical form."""
    errors = list(legacy_range(text, path))
    yield from errors
    found = parse_range(text)
    if not errors and found is not None and str(found[1]) != text:
        yield invalid_value(path, text, f'must be in canonical form ("{found[1]}")')


def interface(text: str, path: str) -> Check:
    """An address with the size of its network, in canonical form."""
    found = parse_range(text)
    if found is None:
        message = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"
        yield invalid_value(path, text, message)
        return
    address, network = found
    bits = network.prefixlen - 96 if mapped(address) else network.prefixlen
    canonical = f"{shown(address)}/{bits}"
    if text != canonical:
        yield invalid_value(path, text, f'must be in canonical form ("{canonical}")')


_LINK_MULTICAST = ipaddress.ip_network("224.0.0.0/24")


def endpoint(text: str, path: str) -> Check:
    """An address that traffic may go to."""
    found = parse(text)
    if found is None:
        yield invalid_value(path, text, "must be a valid IP address")
        return
    address = mapped(found) or found
    if address.is_unspecified:
        yield invalid_value(path, text, f"may not be unspecified ({text})")
    if address.is_loopback:
        yield invalid_value(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        yield invalid_value(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if _link_multicast(address):
        yield invalid_value(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


def _link_multicast(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address in _LINK_MULTICAST
    return address.is_multicast and address.packed[1] & 0x0F == 2
