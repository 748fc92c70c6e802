"""CertificateSigningRequest."""

from wherry.api.validation.rules import Rules

RULES: dict[str, Rules] = {}
