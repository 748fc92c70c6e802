"""ValidatingAdmissionPolicy, MutatingAdmissionPolicy and their bindings."""

from wherry.api.validation.rules import Rules

RULES: dict[str, Rules] = {}
