"""Addresses that are understood, but not written as they should be."""

from wherry.api.errors import quote
from wherry.api.validation.addresses import mapped, parse, parse_range, shown


def of_ip(field: str, value: str) -> list[str]:
    address = parse(value)
    if address is None:
        return []
    if mapped(address) or (address.version == 4 and str(address) != value):
        return [f"{field}: non-standard IP address {quote(value)} is invalid: use {quote(shown(address))}"]
    if str(address) != value:
        canonical = quote(str(address))
        return [f"{field}: IPv6 address {quote(value)} should be in RFC 5952 canonical format ({canonical})"]
    return []


def of_cidr(field: str, value: str) -> list[str]:
    found = parse_range(value)
    if found is None:
        return []
    address, network = found
    texts = []
    if address != network.network_address:
        single = f"{address}/{network.max_prefixlen}"
        meant = f"should be {quote(str(network))} or {quote(single)}?"
        texts.append(f"{field}: CIDR value {quote(value)} is ambiguous in this context ({meant})")
    canonical = f"{address}/{network.prefixlen}"
    if mapped(address) or (address.version == 4 and canonical != value):
        texts.append(f"{field}: non-standard CIDR value {quote(value)} is invalid: use {quote(str(network))}")
    elif canonical != value:
        shown_ = quote(canonical)
        texts.append(f"{field}: IPv6 CIDR value {quote(value)} should be in RFC 5952 canonical format ({shown_})")
    return texts
