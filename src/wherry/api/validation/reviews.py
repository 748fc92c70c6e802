"""Reviews of authentication.k8s.io and authorization.k8s.io."""

from wherry.api.validation.rules import Rules

RULES: dict[str, Rules] = {}
