"""Whoever has proved who they are may do everything; everyone else may see health and version.

The rule until roles and bindings decide (RBAC). The public paths are those of upstream's role
`system:public-info-viewer`.
"""

from wherry.apiserver.authn.user import AUTHENTICATED
from wherry.apiserver.authz import Question

PUBLIC = ("/healthz", "/livez", "/readyz", "/version")


def authenticated(question: Question) -> bool | None:
    return True if AUTHENTICATED in question.user.groups else None


def public(question: Question) -> bool | None:
    path = question.path.rstrip("/")
    open_to_all = question.verb == "get" and any(path == base or path.startswith(f"{base}/") for base in PUBLIC)
    return True if open_to_all else None
