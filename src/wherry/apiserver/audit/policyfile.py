"""A policy file."""

import logging
from pathlib import Path

from wherry.apiserver import yamltext
from wherry.apiserver.audit.plan import policy
from wherry.apiserver.audit.plan.policy import Policy, PolicyError
from wherry.apiserver.yamltext import YamlError

log = logging.getLogger(__name__)


def read(path: Path) -> Policy:
    """The policy in a file, YAML or JSON. Raises PolicyError."""
    try:
        document = yamltext.load(path.read_bytes())
        found = policy.parse(document)
    except OSError as error:
        raise PolicyError(f"audit policy {path}: {error.strerror}") from error
    except (YamlError, PolicyError) as error:
        raise PolicyError(f"audit policy {path}: {error}") from error
    for name in policy.unknown_fields(document):
        log.warning("audit policy %s: unknown field %s", path, name)
    return found
