"""Names of certificate signers: `example.com/my-signer`, and of the trust bundles that belong to them."""

from collections.abc import Callable

from wherry.api.errors import invalid_value, required, too_long
from wherry.api.validation.fields import Check
from wherry.lib import names

_DOMAIN_LIMIT = 253
_LIMIT = _DOMAIN_LIMIT + 1 + 253 + 63 + 1


def signer_name(name: str, path: str) -> Check:
    """A signer's name: a domain with at least two parts, and a name after it."""
    if not name:
        yield required(path)
        return
    segments = name.split("/")
    if len(segments) != 2:
        message = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        yield invalid_value(path, name, message)
        return
    domain, signer = segments
    if len(domain) > _DOMAIN_LIMIT:
        yield too_long(path, _DOMAIN_LIMIT)
    yield from _first_bad(domain, domain.split("."), names.dns_label_errors, path)
    if "." not in domain:
        yield invalid_value(path, domain, "should be a domain with at least two segments separated by dots")
    yield from _first_bad(signer, signer.split("."), names.dns_subdomain_errors, path)
    if len(name) > _LIMIT:
        yield too_long(path, _LIMIT)


def _first_bad(shown: str, labels: list[str], rule: Callable[[str], list[str]], path: str) -> Check:
    """What is wrong with the first label that is wrong."""
    wrong = next(((label, found) for label in labels if (found := rule(label))), None)
    if wrong is not None:
        label, messages = wrong
        for message in messages:
            yield invalid_value(path, shown, f'validating label "{label}": {message}')


def bundle_name_errors(name: str) -> list[str]:
    """What is wrong with a ClusterTrustBundle's name: `signer:domain:name` for a bundle of a signer."""
    return names.dns_subdomain_errors(name.rpartition(":")[2])
